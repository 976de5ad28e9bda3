/*
 * test_search.c — what was said is found: whole and by part, under each session that said it, once
 * however often it was sent; what is forgotten is gone.
 */
#include "check.h"

#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

#include "base/loss.h"
#include "search_scene.h"
#include "store/erase.h"
#include "store/search_terms.h"
#include "store/store_private.h"

/* --- tests --- */

static void whole_and_by_part(void **state)
{
    struct fixture *x = *state;
    say(x, "s", "Rename getUserName in src/store/db_file.test.ts, please", "Done: foo_bar.baz");
    index_all(x);
    static const char *const found[] = {
        "rename", "RENAME", "getUserName", "getusername", "user", "get user name", "\"user name\"",
        "getUser*", "getus*", "src/store/db_file.test.ts", "store/db_file", "db_file", "file", "ts",
        "foo_bar.baz", "bar.baz", "foo", "baz", "foo*", "\"foo_bar\"", "please rename",
        "nothing OR rename", "rename -nothing", "\"in src\"", "rename \"in src", "- rename",
        "* rename", "(rename)", "rename)", "rename:", "^rename"};
    static const char *const missing[] = {"nothing", "rename nothing", "rename -please", "userget",
                                          "\"name user\"", "getU", "foo_baz", "bar_foo",
                                          "nothing OR nowhere", "\"rename please\"",
                                          "NEAR(rename)", "{text}: rename", "-"};
    for (size_t i = 0; i < COUNT_OF(found); i++)
        if (!ask(x, found[i]))
            fail_msg("not found: %s", found[i]);
    for (size_t i = 0; i < COUNT_OF(missing); i++)
        if (ask(x, missing[i]))
            fail_msg("found: %s", missing[i]);
}

static void once_however_often_it_is_sent(void **state)
{
    struct fixture *x = *state;
    struct uuid first = say(x, "s", "the question", "the answer");
    say_at(x, base_us + 2, "s",
           "{\"messages\":[{\"role\":\"user\",\"content\":\"the question\"},{\"role\":\"assistant\","
           "\"content\":[{\"type\":\"text\",\"text\":\"the answer\"}]},{\"role\":\"user\",\"content\":"
           "[{\"type\":\"text\",\"text\":\"more\"}]}]}", "");
    index_all(x);
    assert_int_equal(counters(x).texts, 3);
    assert_int_equal(counters(x).indexed, 2);
    assert_int_equal(ask(x, "question"), 1);
    assert_true(uuid_equal(&x->hits[0].row.id, &first));
    assert_int_equal(x->hits[0].kind, TEXT_USER);
    assert_int_equal(ask(x, "answer"), 1);
    assert_true(uuid_equal(&x->hits[0].row.id, &first));
    assert_int_equal(x->hits[0].kind, TEXT_ASSISTANT);
    assert_str_equal(x->hits[0].row.title, STR("A title"));
    assert_str_equal(x->hits[0].snippet.text, STR("the answer"));
    assert_int_equal(x->hits[0].snippet.mark_count, 1);
    assert_int_equal(x->hits[0].snippet.marks[0].start, 4);
    assert_int_equal(x->hits[0].snippet.marks[0].len, 6);
}

static void under_each_session_that_said_it(void **state)
{
    struct fixture *x = *state;
    struct uuid a = say(x, "a", "shared words", "only of a");
    struct uuid b = say(x, "b", "shared words", "only of b");
    say(x, "c", "other", "thing");
    index_all(x);
    assert_int_equal(ask(x, "shared"), 1);
    assert_int_equal(ask_in(x, "shared", "a"), 1);
    assert_true(uuid_equal(&x->hits[0].row.id, &a));
    assert_int_equal(ask_in(x, "shared", "b"), 1);
    assert_true(uuid_equal(&x->hits[0].row.id, &b));
    assert_int_equal(ask_in(x, "shared", "c"), 0);
    assert_int_equal(ask_in(x, "shared", "unknown"), 0);
    assert_int_equal(ask_in(x, "only", "b"), 1);
    assert_int_equal(ask(x, "only"), 2);
}

static void filters(void **state)
{
    struct fixture *x = *state;
    say_at(x, base_us + 10, "s",
           "{\"system\":\"word system\",\"messages\":[{\"role\":\"user\",\"content\":\"word user\"},"
           "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"word thought\"},"
           "{\"type\":\"tool_use\",\"id\":\"1\",\"name\":\"Bash\",\"input\":{\"command\":\"word input\"}},"
           "{\"type\":\"tool_use\",\"id\":\"2\",\"name\":\"Read\",\"input\":{\"path\":\"word path\"}}]},"
           "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"1\",\"content\":"
           "\"word result\"}]}]}", "");
    say_at(x, base_us + 1000, "t", "{\"system\":\"word later\"}", "");
    index_all(x);
    struct search_ask any = {.question = STR("word")}, one;
    assert_int_equal(find(x, any), 7);
    one = any, one.has_kind = true, one.kind = TEXT_SYSTEM;
    assert_int_equal(find(x, one), 2);
    one.kind = TEXT_THINKING;
    assert_int_equal(find(x, one), 1);
    one = any, one.tool = STR("Bash");
    assert_int_equal(find(x, one), 2);
    assert_str_equal(x->hits[0].tool, STR("Bash"));
    one.has_kind = true, one.kind = TEXT_TOOL_RESULT;
    assert_int_equal(find(x, one), 1);
    one = any, one.model = STR("claude-opus-5");
    assert_int_equal(find(x, one), 7);
    one.model = STR("gpt");
    assert_int_equal(find(x, one), 0);
    one = any, one.agent_id = STR("main");
    assert_int_equal(find(x, one), 7);
    one = any, one.end_us = base_us + 500;
    assert_int_equal(find(x, one), 6);
    one = any, one.start_us = base_us + 500;
    assert_int_equal(find(x, one), 1);
    one.end_us = base_us + 900;
    assert_int_equal(find(x, one), 0);
}

static void pages(void **state)
{
    struct fixture *x = *state;
    for (int i = 0; i < 25; i++) {
        char text[64];
        snprintf(text, sizeof text, "paged number%d", i);
        say(x, "s", text, "x");
    }
    index_all(x);
    int seen = 24;
    struct search_ask page = {.question = STR("paged"), .limit = 10};
    for (int n = 0; n < 3; n++) {
        assert_int_equal(find(x, page), n < 2 ? 10 : 5);
        for (int i = 0; i < x->count; i++, seen--) {
            char want[64];
            snprintf(want, sizeof want, "paged number%d", seen);
            assert_str_equal(x->hits[i].snippet.text, str_of(want));
        }
        assert_int_equal(x->end.has_more, n < 2);
        page.before = x->end.next;
    }
    page = (struct search_ask){.question = STR("paged"), .limit = 25};
    assert_int_equal(find(x, page), 25);
    assert_false(x->end.has_more);
}

static void goes_on_after_a_restart(void **state)
{
    struct fixture *x = *state;
    say(x, "s", "before", "one");
    index_all(x);
    say(x, "s", "meanwhile", "two");
    close_store(x);
    open_store(x);
    say(x, "s", "afterwards", "three");
    index_all(x);
    assert_int_equal(counters(x).indexed, 3);
    assert_int_equal(ask(x, "before"), 1);
    assert_int_equal(ask(x, "meanwhile"), 1);
    assert_int_equal(ask(x, "afterwards"), 1);
    char command[128];
    close_store(x);
    snprintf(command, sizeof command, "rm -rf '%s'", x->search_dir);
    assert_int_equal(system(command), 0);
    open_store(x);
    index_all(x); /* all of it again */
    assert_int_equal(counters(x).texts, 6);
    assert_int_equal(ask(x, "before"), 1);
}

static void a_damaged_file_is_made_again(void **state)
{
    struct fixture *x = *state;
    char path[160];
    say(x, "s", "before", "one");
    index_all(x);
    close_store(x);
    snprintf(path, sizeof path, "%s/000001.db", x->search_dir);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    for (int i = 0; i < 8192; i++)
        fputc('x', file);
    fclose(file);
    open_store(x);
    index_all(x);
    assert_int_equal(ask(x, "before"), 1);
}

static void what_is_forgotten_is_gone(void **state)
{
    struct fixture *x = *state;
    struct fail f = {0};
    struct uuid a = say(x, "a", "shared words", "only of a");
    struct uuid b = say(x, "b", "shared words", "only of b");
    struct uuid c = say(x, "c", "shared words", "only of c");
    index_all(x);
    assert_int_equal(search_forget(x->search, &(struct search_gone){.id = a}, 1, &f), ERR_OK);
    assert_int_equal(counters(x).texts, 3);
    assert_int_equal(ask(x, "only"), 2);
    assert_int_equal(ask_in(x, "shared", "a"), 0);
    assert_int_equal(ask(x, "shared"), 1);
    assert_true(uuid_equal(&x->hits[0].row.id, &b));
    assert_int_equal(ask_in(x, "shared", "b"), 1);
    assert_int_equal(ask_in(x, "shared", "c"), 1);
    assert_int_equal(search_forget(x->search, &(struct search_gone){.id = b}, 1, &f), ERR_OK);
    assert_int_equal(ask_in(x, "shared", "c"), 1);
    assert_true(uuid_equal(&x->hits[0].row.id, &c));
    assert_int_equal(search_forget(x->search, &(struct search_gone){.id = c}, 1, &f), ERR_OK);
    assert_int_equal(ask(x, "shared"), 0);
    assert_int_equal(ask(x, "only"), 0);
    assert_int_equal(counters(x).texts, 0);
    assert_int_equal(counters(x).text_bytes, 0);
    say(x, "d", "shared words", "again");
    index_all(x);
    assert_int_equal(ask(x, "shared"), 1);
    assert_int_equal(search_drop_before(x->search, INT64_MAX), 0); /* the newest stays */
}

static void read_again(struct fixture *x)
{
    x->search->again_ns = 0;
    for (int i = 0; i < 50 && (i == 0 || x->search->has_again); i++)
        search_step(x->search);
    assert_false(x->search->has_again);
    assert_int_equal(counters(x).failures, 0);
}

static void forget_first(struct fixture *x, struct uuid id, const char *session)
{
    struct fail f = {0};
    struct search_gone gone = {.id = id, .session_id = str_of(session)};
    assert_int_equal(search_forget(x->search, &gone, 1, &f), ERR_OK);
}

/* Later requests of a session send what earlier ones said, so it is still found when those go. */
static void what_was_sent_again_stays(void **state)
{
    struct fixture *x = *state;
    int64_t at_us = base_us;
    struct uuid other = say_texts_at(x, at_us += 5000, "b", "an otter", "hm");
    struct uuid first = say_texts_at(x, at_us += 5000, "a", "the beaver", "a dam");
    struct uuid second = say_texts_at(x, at_us += 5000, "a", "the beaver", "an otter");
    for (int i = 0; i < 40; i++)
        say_texts_at(x, at_us += 5000, "a", "the beaver", "a dam");
    struct uuid last = say_texts_at(x, at_us += 5000, "a", "the marmot", "a dam");
    index_all(x);
    int64_t indexed = counters(x).indexed;
    forget_first(x, first, "a");
    assert_int_equal(ask(x, "beaver"), 0);
    close_store(x); /* it is remembered */
    open_store(x);
    read_again(x);
    assert_int_equal(counters(x).indexed, indexed);
    assert_int_equal(ask(x, "beaver"), 1);
    assert_true(uuid_equal(&x->hits[0].row.id, &second));
    forget_first(x, other, "b");
    read_again(x);
    assert_int_equal(ask_in(x, "otter", "b"), 0);
    assert_int_equal(ask_in(x, "otter", "a"), 1);
    forget_first(x, last, "a");
    read_again(x);
    assert_int_equal(ask(x, "marmot"), 0);
    assert_int_equal(ask(x, "dam"), 1);
}

/* Two proxies share a store; what one deletes the other's index forgets, too. */
static void what_another_deletes_is_forgotten(void **state)
{
    struct fixture *x = *state;
    struct fixture other = *x;
    struct eraser eraser;
    struct fail f = {0};
    bool more;
    if (!place_is_postgres())
        skip();
    arena_init(&other.s.arena);
    snprintf(other.search_dir, sizeof other.search_dir, "%s/other", x->dir);
    other.search = search_new(x->s.store, other.search_dir);
    struct uuid first = say_texts_at(x, base_us, "a", "an ibex and a yak", "only once");
    for (int i = 1; i < 150; i++) {
        char text[32];
        snprintf(text, sizeof text, "text number %d", i);
        say_texts_at(x, base_us + i * 5000, i % 2 ? "b" : "", text, "yes");
    }
    struct uuid last = say_texts_at(x, base_us + 1000000, "a", "an ibex and a yak", "no");
    index_all(x);
    index_all(&other);
    assert_int_equal(ask(&other, "ibex"), 1);
    eraser_init(&eraser, x->s.store, x->search, x->s.reader, ERASE_MARKS_NOTHING);
    const struct request_filter filter = {.end_us = base_us + 1};
    assert_int_equal(eraser_step(&eraser, &filter, &last, ERASE_STEP_ROWS, &more, &f), ERR_OK);
    assert_int_equal(eraser.deleted, 1);
    assert_int_equal(ask(&other, "ibex"), 0); /* its request is not there */
    int64_t texts = counters(&other).texts;
    for (int i = 0; i < 8; i++)
        search_step(x->search); /* it has done so itself */
    assert_false(x->search->sweep.is_running);
    other.search->sweep.next_ns = 0;
    for (int i = 0; i < 8; i++)
        search_step(other.search);
    assert_false(other.search->sweep.is_running);
    assert_int_equal(counters(&other).texts, texts - 2);
    read_again(&other);
    assert_int_equal(ask(&other, "ibex"), 1);
    assert_true(uuid_equal(&other.hits[0].row.id, &last));
    assert_int_equal(ask(&other, "once"), 0);
    other.search->sweep.next_ns = 0;
    search_step(other.search);
    assert_false(other.search->sweep.is_running); /* all of it is known */
    assert_false(uuid_equal(&first, &last));
    search_free(other.search);
    arena_release(&other.s.arena);
}

/* Visits are counted anew in each file. */
static void what_another_deletes_is_forgotten_in_each_file(void **state)
{
    struct fixture *x = *state;
    struct eraser eraser;
    struct fail f = {0};
    if (!place_is_postgres())
        skip();
    for (int i = 0; i < 3; i++)
        say_texts_at(x, base_us + i * 5000, "a", "an ibex", i == 0 ? "yes" : i == 1 ? "no" : "perhaps");
    index_all(x);
    x->search->current.about.begun_us -= INT64_C(86400) * 1000000 * (SEARCH_FILE_DAYS + 1);
    struct uuid gone = say_texts_at(x, base_us + 1000000, "b", "a yak", "only once");
    index_all(x);
    assert_int_equal(x->search->list_count, 2);
    int64_t texts = counters(x).texts;
    eraser_init(&eraser, x->s.store, NULL, x->s.reader, ERASE_MARKS_NOTHING);
    assert_int_equal(eraser_one(&eraser, &gone, &f), ERR_OK);
    x->search->sweep.next_ns = 0;
    for (int i = 0; i < 8; i++)
        search_step(x->search);
    assert_false(x->search->sweep.is_running);
    assert_int_equal(counters(x).texts, texts - 2);
}

/* How often the word stands in any of the index's files. */
static int on_disk(struct fixture *x, const char *word)
{
    char command[256];
    snprintf(command, sizeof command, "cat '%s'/* | grep -aoi '%s' | wc -l", x->search_dir, word);
    FILE *out = popen(command, "r");
    int count = -1;
    assert_non_null(out);
    assert_int_equal(fscanf(out, "%d", &count), 1);
    pclose(out);
    return count;
}

/* Not only is it not found any more: its bytes are not there. */
static void what_is_forgotten_leaves_the_disk(void **state)
{
    struct fixture *x = *state;
    struct fail f = {0};
    struct search_gone ids[2] = {{.id = say(x, "a", "rhinoceros and pangolin", "an armadillo")},
                                 {.id = say(x, "b", "rhinoceros again", "another")}};
    index_all(x);
    assert_int_equal(ask(x, "pangolin"), 1);
    assert_true(on_disk(x, "pangolin") > 0);
    assert_int_equal(search_forget(x->search, ids, 2, &f), ERR_OK);
    for (int i = 0; i < 5; i++)
        search_step(x->search);
    assert_int_equal(on_disk(x, "pangolin"), 0);
    assert_int_equal(on_disk(x, "armadillo"), 0);
    assert_int_equal(on_disk(x, "rhinoceros"), 0);
    say(x, "c", "pangolin", "once more");
    index_all(x);
    assert_int_equal(ask(x, "pangolin"), 1);
}

/* Who asked keeps a connection for the next question; the log must not outlive it. */
static void nothing_but_files_is_left_when_closed(void **state)
{
    struct fixture *x = *state;
    char path[160];
    say(x, "s", "before", "one");
    index_all(x);
    assert_int_equal(ask(x, "before"), 1);
    close_store(x);
    snprintf(path, sizeof path, "%s/000001.db-wal", x->search_dir);
    assert_int_not_equal(access(path, F_OK), 0);
    open_store(x);
}

static void snippets(void **state)
{
    struct fixture *x = *state;
    char text[1500] = "";
    for (int i = 0; i < 100; i++)
        strcat(text, "wörd 😀 ");
    strcat(text, "the needle here, needle_too");
    for (int i = 0; i < 30; i++)
        strcat(text, " after it");
    say(x, "s", text, "");
    index_all(x);
    assert_int_equal(ask(x, "needle"), 1);
    const struct snippet *s = &x->hits[0].snippet;
    assert_true(str_starts(s->text, STR("\xE2\x80\xA6")) && str_ends(s->text, STR("\xE2\x80\xA6")));
    assert_in_range(s->text.len, 200, SNIPPET_BYTES + 20);
    assert_int_equal(s->mark_count, 2);
    /* in UTF-16: wörd is 4 units, the face 2 */
    const char *at = strstr(s->text.ptr, "needle");
    uint32_t units = 0;
    for (const char *p = s->text.ptr; p < at; p++)
        units += (((unsigned char)*p & 0xC0) != 0x80) + ((unsigned char)*p >= 0xF0);
    assert_int_equal(s->marks[0].start, units);
    assert_int_equal(s->marks[0].len, 6);
    assert_int_equal(s->marks[1].start, units + 13);
    assert_int_equal(ask(x, "\"needle here\""), 1);
    assert_int_equal(x->hits[0].snippet.marks[0].len, 11);
    assert_int_equal(ask(x, "nonsuch OR here"), 1);
    assert_int_equal(x->hits[0].snippet.mark_count, 1);
}

/* Whatever is asked, it is an answer. */
static void any_question(void **state)
{
    struct fixture *x = *state;
    static const char *const parts[] = {
        "a", "word", "\"", "*", "-", " ", "OR", " OR ", "AND", "NOT", "(", ")", ":", "^", "+",
        "{text}", "tags", "NEAR(a b, 3)", "'", "\\", "\xff", "é", "日本", "\xF0\x9F", "fooBar", ";",
        "--", "/*", "%", "_", "k1", "a.b/c", "\"a b\"*", "-\"a b\"", "\t\n"};
    say(x, "s", "word a b fooBar 日本", "é");
    index_all(x);
    uint32_t seed = 20261121;
    for (int round = 0; round < 4000; round++) {
        char question[600] = "";
        seed = seed * 1664525u + 1013904223u;
        int count = (int)(seed >> 16) % 14;
        for (int i = 0; i < count; i++) {
            seed = seed * 1664525u + 1013904223u;
            strcat(question, parts[(seed >> 16) % COUNT_OF(parts)]);
        }
        ask(x, question);
    }
    char question[600] = "";
    for (int i = 0; i < 250; i++)
        strcat(question, "a ");
    assert_int_equal(ask(x, question), 1);
}

static void as_fts5(void **state)
{
    struct fixture *x = *state;
    static const struct {
        const char *question, *want;
    } cases[] = {
        {"a b", "((\"a\") AND (\"b\"))"},
        {"a OR b c", "((\"a\" OR \"b\") AND (\"c\"))"},
        {"a -b -c", "((\"a\")) NOT (\"b\" OR \"c\")"},
        {"\"a b\"*", "((\"a\" AND \"b\"*))"},
        {"fooBar", "(((\"foo\" AND \"bar\" OR \"foobar\")))"},
        {"foo_barBaz", "((\"foo\" AND \"bar\" AND \"baz\"))"},
        {"a -\"b c\" -d", "((\"a\")) NOT (\"d\")"},
        {"a -b.c", "((\"a\"))"},
        {"a OR b.c", "((\"a\" OR \"b\" AND \"c\"))"},
        {"OR a OR", "((\"a\"))"},
        {"a\"b", "((\"a\") AND (\"b\"))"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct terms terms;
        struct buf out;
        buf_init(&out, 4096);
        assert_true(terms_parse(str_of(cases[i].question), &x->s.arena, &terms));
        assert_int_equal(terms_to_fts5(&terms, &out), ERR_OK);
        assert_str_equal(buf_str(&out), str_of(cases[i].want));
        buf_release(&out);
    }
    struct terms terms;
    assert_false(terms_parse(STR(""), &x->s.arena, &terms));
    assert_false(terms_parse(STR(" -a \"\" ...*"), &x->s.arena, &terms));
}

/* Two proxies write by turns, each with block numbers of its own; one of them has the higher ones. */
static void all_writers_are_followed(void **state)
{
    struct fixture *x = *state;
    struct fixture other = {.s.place = x->s.place};
    if (!place_is_postgres())
        skip();
    other.s.place.options.node = "node-two";
    scene_open(&other.s);
    for (int i = 0; i < 3; i++) {
        char mine[32], others[32];
        snprintf(mine, sizeof mine, "mine%d", i);
        snprintf(others, sizeof others, "others%d", i);
        say(&other, "s2", others, "fine");
        index_all(x);
        say(x, "s1", mine, "fine");
        index_all(x);
        assert_int_equal(find(x, (struct search_ask){.question = str_of(mine)}), 1);
        assert_int_equal(find(x, (struct search_ask){.question = str_of(others)}), 1);
    }
    scene_close(&other.s);
    close_store(x);
    open_store(x); /* a range more */
    say(x, "s1", "again", "fine");
    index_all(x);
    assert_int_equal(find(x, (struct search_ask){.question = STR("again")}), 1);
    assert_int_equal(counters(x).indexed, 7);
}

/* What cannot be read any more is passed over, and told. */
static void damage_is_counted(void **state)
{
    struct fixture *x = *state;
    struct fail f = {0};
    char sql[96];
    uint64_t before = loss_read(LOSS_SEARCH_SKIPPED).since_start;
    unsigned long long block = x->s.maker.block;
    say(x, "s", "whole before", "fine");
    chain_rest(&x->s.maker.chain);
    say(x, "s", "lost for good", "fine");
    chain_rest(&x->s.maker.chain);
    say(x, "s", "whole after", "fine");
    snprintf(sql, sizeof sql, "DELETE FROM blocks WHERE number = %llu", block + 1);
    assert_int_equal(database_run(&x->s.store->db, sql, &f), ERR_OK);
    index_all(x);
    assert_int_equal(ask(x, "whole"), 2);
    assert_int_equal(ask(x, "lost"), 0);
    assert_int_equal(counters(x).skipped, 1);
    assert_int_equal(loss_read(LOSS_SEARCH_SKIPPED).since_start - before, 1);
}

/* What FTS5 writes before a transaction's end it must merge again. */
static void a_step_makes_one_segment(void **state)
{
    struct fixture *x = *state;
    char session[16];
    int steps = 0;
    for (int i = 0; i < 100; i++) {
        snprintf(session, sizeof session, "s%d", i);
        say(x, session, session, "granted");
    }
    for (; !steps || counters(x).waiting; steps++)
        search_step(x->search);
    assert_in_range(database_number(&x->search->current.db,
                                    "SELECT count(DISTINCT segid) FROM found_idx", -1), 1, steps);
}

/* A database that needs longer for one question than a step may take. */
static int dawdle(unsigned what, void *owner, void *p, void *x)
{
    (void)what, (void)owner, (void)p, (void)x;
    usleep((SEARCH_STEP_MS + 20) * 1000);
    return 0;
}

static void a_slow_database_is_followed_too(void **state)
{
    struct fixture *x = *state;
    if (place_is_postgres())
        skip();
    search_step(x->search); /* connects */
    sqlite3_trace_v2(x->search->reader->db.connection, SQLITE_TRACE_STMT, dawdle, NULL);
    say(x, "s", "molasses", "fine");
    search_step(x->search); /* learns of it */
    search_step(x->search);
    assert_int_equal(ask(x, "molasses"), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(all_writers_are_followed), TEST(damage_is_counted),
        TEST(whole_and_by_part), TEST(once_however_often_it_is_sent),
        TEST(under_each_session_that_said_it), TEST(filters), TEST(pages),
        TEST(goes_on_after_a_restart), TEST(a_damaged_file_is_made_again),
        TEST(what_is_forgotten_is_gone), TEST(what_was_sent_again_stays),
        TEST(what_another_deletes_is_forgotten), TEST(what_another_deletes_is_forgotten_in_each_file),
        TEST(snippets), TEST(any_question), TEST(as_fts5),
        TEST(what_is_forgotten_leaves_the_disk), TEST(nothing_but_files_is_left_when_closed),
        TEST(a_step_makes_one_segment), TEST(a_slow_database_is_followed_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_conversation.c — whatever a body has in common with the one before it: it comes back byte
 * for byte, and its facts are those that reading all of it would give.
 */
#include "check.h"

#include <stdio.h>

#include "base/mem.h"
#include "index/conversation.h"
#include "record/detail.h"
#include "record/text.h"

#include <xxhash.h>

static char secret[192];

static bool find_nothing(void *owner, const struct piece_key *key, struct piece_at *at)
{
    (void)owner;
    (void)key;
    (void)at;
    return false;
}

static uint64_t first_block(void *owner)
{
    (void)owner;
    return 1;
}

struct scene {
    struct index_store store;
    struct packer packer;
    struct conversations conversations;
    uint64_t told[4096]; /* texts that a reader of what is fresh knows */
    size_t told_count, fresh_bytes;
};

static int setup(void **state)
{
    struct scene *s = MEM_NEW(struct scene);
    for (size_t i = 0; i < sizeof secret; i++)
        secret[i] = (char)(i * 37 + 11);
    s->store = (struct index_store){.secret = str_make(secret, sizeof secret),
                                    .find_piece = find_nothing, .next_block = first_block};
    packer_init(&s->packer, &s->store);
    conversations_init(&s->conversations, &s->packer);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    conversations_forget(&s->conversations);
    packer_release(&s->packer);
    free(s);
    return 0;
}

static enum err load(void *owner, struct piece_at at, struct buf *out)
{
    struct scene *s = owner;
    assert_int_equal(at.block, s->packer.block);
    assert_true(at.offset + at.len <= s->packer.raw.len);
    return buf_append(out, str_make(s->packer.raw.ptr + at.offset, at.len));
}

static void assert_facts(const struct request_facts *got, const struct message_chain *got_chain,
                         struct str body)
{
    struct arena arena;
    struct json_cuts cuts = {0};
    struct request_facts want;
    arena_init(&arena);
    json_cut(body, &arena, &cuts, &want);
    assert_int_equal(got->flags, want.flags);
    assert_str_equal(got->model, want.model);
    assert_str_equal(got->title, want.title);
    if (want.title.len)
        assert_int_equal(got->title_message, want.title_message);
    assert_str_equal(got->user_session_id, want.user_session_id);
    assert_int_equal(got->asks_stream, want.asks_stream);
    assert_int_equal(got->max_tokens, want.max_tokens);
    assert_int_equal(got->message_count, want.message_count);
    assert_int_equal(got->tool_count, want.tool_count);
    struct message_chain chain = {0};
    message_chain_build(&chain, body, &cuts, NULL, 0, str_make(secret, sizeof secret));
    if ((int64_t)chain.count != want.message_count)
        chain.count = 0;
    assert_int_equal(got_chain->count, chain.count);
    if (chain.count)
        assert_memory_equal(got_chain->list, chain.list, chain.count * sizeof *chain.list);
    message_chain_release(&chain);
    json_cuts_release(&cuts);
    arena_release(&arena);
}

static uint64_t text_key(const struct text *text)
{
    return XXH3_64bits_withSeed(text->content.ptr, text->content.len, text->kind);
}

static bool is_told(const struct scene *s, uint64_t key)
{
    for (size_t i = 0; i < s->told_count; i++)
        if (s->told[i] == key)
            return true;
    return false;
}

static void note_text(const struct text *text, void *owner)
{
    struct scene *s = owner;
    if (is_told(s, text_key(text)))
        return;
    assert_true(s->told_count < COUNT_OF(s->told));
    s->told[s->told_count++] = text_key(text);
}

static void check_text(const struct text *text, void *owner)
{
    assert_true(is_told(owner, text_key(text)));
}

/* Who reads only what is fresh, has read every text of every body. */
static void assert_texts(struct scene *s, const struct packed_request *got, struct str body)
{
    struct arena arena;
    struct text_reader note, check;
    struct buf fresh;
    arena_init(&arena);
    buf_init(&fresh, 1 << 24);
    text_reader_init(&note, &arena, note_text, s);
    text_reader_init(&check, &arena, check_text, s);
    for (size_t i = 0; i < got->fresh.count; i++)
        assert_int_equal(load(s, got->fresh.list[i], &fresh), ERR_OK);
    if (got->fresh_part == FRESH_ALL)
        text_read_request(&note, body);
    else if (got->fresh_part == FRESH_SOME)
        text_read_messages(&note, buf_str(&fresh));
    s->fresh_bytes = fresh.len;
    text_read_request(&check, body);
    text_reader_release(&note);
    text_reader_release(&check);
    buf_release(&fresh);
    arena_release(&arena);
}

/* Packs it and reads it back. Returns how many new bytes were stored for it. */
static size_t pack(struct scene *s, struct str body)
{
    struct packed_request got;
    struct buf copy, back;
    struct recipe whole;
    uint8_t hash[16];
    size_t before = s->packer.raw.len;
    buf_init(&copy, 1 << 24);
    buf_init(&back, 1 << 24);
    recipe_init(&whole);
    struct body_parts parts = {.bytes = body.len};
    for (size_t at = 0; at < body.len && parts.count < 5; parts.count++) { /* as they may lie in the journal */
        size_t len = parts.count < 4 ? MIN_OF(body.len - at, body.len / 5 + parts.count) : body.len - at;
        parts.list[parts.count] = str_make(body.ptr + at, len);
        at += len;
    }
    assert_int_equal(conversations_pack(&s->conversations, 7, &parts, &copy, &got), ERR_OK);
    assert_facts(&got.facts, &got.chain, body);
    body_hash(body, hash);
    assert_memory_equal(got.hash, hash, 16);
    assert_int_equal(recipe_read(got.recipe, load, s, &whole), ERR_OK);
    for (size_t i = 0; i < whole.count; i++)
        assert_int_equal(load(s, whole.list[i], &back), ERR_OK);
    assert_str_equal(buf_str(&back), body);
    assert_texts(s, &got, body);
    recipe_release(&got.fresh);
    recipe_release(&whole);
    buf_release(&back);
    buf_release(&copy);
    return s->packer.raw.len - before;
}

/* --- conversations as Claude Code writes them --- */

static void put(struct buf *b, const char *text)
{
    assert_int_equal(buf_append(b, str_of(text)), ERR_OK);
}

static void put_words(struct buf *b, int count, unsigned seed)
{
    for (int i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        assert_int_equal(buf_printf(b, "%s%x", i ? " " : "", seed >> 16), ERR_OK);
    }
}

static void put_message(struct buf *b, int i, bool is_newest)
{
    const char *cache = is_newest ? ",\"cache_control\":{\"type\":\"ephemeral\"}" : "";
    put(b, i ? "," : "");
    assert_int_equal(buf_printf(b, "{\"role\":\"%s\",\"content\":[", i % 2 ? "assistant" : "user"),
                     ERR_OK);
    if (i % 2)
        put(b, "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"Bash\",\"input\":{\"x\":\"");
    else if (i % 6)
        put(b, "{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":\"");
    else
        put(b, "{\"type\":\"text\",\"text\":\"");
    put_words(b, 60, (unsigned)i);
    assert_int_equal(buf_printf(b, "\"%s%s}]}", i % 2 ? "}" : "", cache), ERR_OK);
}

/* A turn with messages [from, to). */
static void make_turn(struct buf *b, int from, int to)
{
    buf_clear(b);
    put(b, "{\"model\":\"claude-opus-5\",\"messages\":[");
    for (int i = from; i < to; i++)
        put_message(b, i - from ? i : i - i % 2, i + 2 >= to);
    put(b, "],\"system\":[{\"type\":\"text\",\"text\":\"");
    put_words(b, 500, 1000);
    put(b, "\"}],\"tools\":[{\"name\":\"Bash\",\"description\":\"");
    put_words(b, 100, 2000);
    put(b, "\"},{\"name\":\"Read\",\"description\":\"");
    put_words(b, 100, 3000);
    put(b, "\"}],\"metadata\":{\"user_id\":\"user_1_account_2_session_3\"},\"max_tokens\":32000,"
           "\"stream\":true}");
}

static void a_growing_conversation_costs_what_is_new(void **state)
{
    struct scene *s = *state;
    struct buf body;
    buf_init(&body, 1 << 22);
    size_t first = 0, grown = 0;
    for (int turn = 0; turn < 90; turn++) {
        make_turn(&body, 0, 1 + 2 * turn);
        size_t stored = pack(s, buf_str(&body));
        if (!turn)
            first = stored;
        else
            assert_in_range(s->fresh_bytes, 500, 2500); /* three messages of 500 bytes */
        if (turn)
            grown += stored;
        assert_true(turn == 0 || stored < 4096);
        assert_true(s->packer.block == 1); /* load() needs it so */
    }
    assert_true(first > 3000);
    assert_true(grown / 89 < 950); /* two of them and a recipe: not the one that lost its mark */
    assert_int_equal(pack(s, buf_str(&body)), 0); /* sent again, nothing is new */
    buf_release(&body);
}

/* Two messages with a mark each, one of which begins as a list and goes on as a string: what they say is
 * stored once. A text that is shortened later says something else. */
static void what_is_taken_out_of_old_messages(void **state)
{
    struct scene *s = *state;
    struct buf body;
    static const char *const forms[][3] = {
        {"[{\"type\":\"text\",\"text\":\"", "\",\"cache_control\":{\"type\":\"ephemeral\"}}]", "one two"},
        {"\"", "\"", "one two"}, {"\"", "\"", "two"}, {"[{\"type\":\"text\",\"text\":\"", "\"}]", ""}};
    buf_init(&body, 1 << 20);
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        buf_clear(&body);
        put(&body, "{\"messages\":[");
        for (int m = 0; m < 4; m++)
            put_message(&body, m, false);
        put(&body, ",{\"role\":\"system\",\"content\":");
        put(&body, forms[i][0]);
        put(&body, forms[i][2]);
        put_words(&body, 400, 17);
        put(&body, forms[i][1]);
        put(&body, "}");
        for (int m = 5; m < 6 + (int)i; m++)
            put_message(&body, m, m == 5 && !i);
        put(&body, "],\"tools\":[{\"name\":\"Bash\"}]}");
        size_t stored = pack(s, buf_str(&body));
        assert_true(i != 1 || stored < 800); /* a message and a recipe */
    }
    buf_release(&body);
}

static void compacted_forked_and_edited(void **state)
{
    struct scene *s = *state;
    struct buf body;
    buf_init(&body, 1 << 22);
    const int turns[][2] = {{0, 1},  {0, 3},  {0, 9},  {0, 5},   {0, 7}, {4, 9}, {4, 11},
                            {0, 11}, {0, 12}, {0, 40}, {0, 1},   {0, 2}, {0, 3}, {38, 41},
                            {0, 41}, {6, 41}, {6, 41}, {12, 41}, {0, 0}, {0, 2}};
    for (size_t i = 0; i < COUNT_OF(turns); i++) {
        make_turn(&body, turns[i][0], turns[i][1]);
        pack(s, buf_str(&body));
    }
    buf_release(&body);
}

static uint32_t random_state = 20261121;

static uint32_t any(uint32_t below)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)random_state * below >> 32);
}

/* Replaces a random part by other bytes, some of which mean something to JSON. */
static void edit(struct buf *b)
{
    static const char *const parts[] = {"", "x", "\"", "]", "}", ",", "{\"role\":\"user\"}", "[",
                                        ",{\"role\":\"user\",\"content\":\"new words\"}", "\\",
                                        "\"model\":\"other\",", "\"stream\":false,"};
    const char *part = parts[any(COUNT_OF(parts))];
    size_t at = any((uint32_t)b->len + 1), gone = any(4) ? any(3) : any(600);
    gone = MIN_OF(gone, b->len - at);
    struct buf out;
    buf_init(&out, 1 << 22);
    assert_int_equal(buf_append(&out, str_make(b->ptr, at)), ERR_OK);
    put(&out, part);
    assert_int_equal(buf_append(&out, str_make(b->ptr + at + gone, b->len - at - gone)), ERR_OK);
    buf_release(b);
    *b = out;
}

static void random_edits(void **state)
{
    struct scene *s = *state;
    struct buf body;
    buf_init(&body, 1 << 22);
    for (int round = 0; round < 60; round++) {
        int count = (int)any(12);
        make_turn(&body, 0, count);
        for (int i = 0; i < 12; i++) {
            pack(s, buf_str(&body));
            if (any(3))
                edit(&body);
            else
                make_turn(&body, (int)any(2) * 2, count += (int)any(3));
            if (s->packer.raw.len > BLOCK_RAW_WANTED / 2) { /* begin anew: load() knows one block */
                teardown(state);
                setup(state);
                s = *state;
            }
        }
    }
    buf_release(&body);
}

static void every_common_start_and_end(void **state)
{
    struct scene *s = *state;
    struct buf body, first;
    buf_init(&body, 1 << 16);
    buf_init(&first, 1 << 16);
    put(&first, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"user\",\"content\":"
                "\"");
    put_words(&first, 80, 5);
    put(&first, "\"},{\"role\":\"user\",\"content\":\"c\"}],\"model\":\"m\"}");
    for (size_t at = 0; at < first.len; at++) {
        pack(s, buf_str(&first));
        buf_clear(&body);
        assert_int_equal(buf_append(&body, str_make(first.ptr, at)), ERR_OK);
        put(&body, at % 3 == 0 ? "" : at % 3 == 1 ? "#" : "ab");
        size_t from = at % 2 ? at : at + 1;
        assert_int_equal(buf_append(&body, str_from(buf_str(&first), from)), ERR_OK);
        pack(s, buf_str(&body));
        if (s->packer.raw.len > BLOCK_RAW_WANTED / 2) {
            teardown(state);
            setup(state);
            s = *state;
        }
    }
    buf_release(&first);
    buf_release(&body);
}

static void bodies_that_are_not_json(void **state)
{
    struct scene *s = *state;
    struct buf body;
    buf_init(&body, 1 << 22);
    for (int i = 0; i < 5; i++) {
        put_words(&body, 300, (unsigned)i);
        pack(s, buf_str(&body));
    }
    assert_true(pack(s, str_make(body.ptr, body.len / 2)) < 200);
    pack(s, STR("{"));
    pack(s, STR("\0\0\0\0"));
    buf_release(&body);
}

static void equal_pieces_are_stored_once(void **state)
{
    struct scene *s = *state;
    struct buf a, b;
    buf_init(&a, 1 << 20);
    buf_init(&b, 1 << 20);
    make_turn(&a, 0, 5);
    put(&b, "{\"other\":\"client\","); /* nothing at the start in common */
    assert_int_equal(buf_append(&b, str_from(buf_str(&a), 1)), ERR_OK);
    size_t first = pack(s, buf_str(&a));
    for (size_t i = 0; i < CONVERSATIONS_MAX; i++)
        assert_true(s->conversations.slots[i].used_at == 0 || i == 0);
    conversations_forget(&s->conversations); /* only the pieces are known */
    size_t second = pack(s, buf_str(&b));
    assert_true(second + 2000 < first); /* the system prompt is shared; tools are too short */
    buf_release(&a);
    buf_release(&b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_growing_conversation_costs_what_is_new),
        TEST(what_is_taken_out_of_old_messages),
        TEST(compacted_forked_and_edited),
        TEST(random_edits),
        TEST(every_common_start_and_end),
        TEST(bodies_that_are_not_json),
        TEST(equal_pieces_are_stored_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

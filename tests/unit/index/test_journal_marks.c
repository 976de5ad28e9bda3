/*
 * test_journal_marks.c — a journal that is read again, as after a kill: what the store has had stays
 * as it is there, also where it was deleted; all else is taken in.
 */
#include "check.h"

#include "base/log.h"
#include "base/loss.h"
#include "scene.h"

#define REQUEST STR("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}")
#define ANSWER STR("{\"type\":\"message\",\"role\":\"assistant\",\"content\":[]}")

enum { MANY = 2000 /* more than a batch and what is read at once */ };

/* --- a file that was not deleted before the kill --- */

static void name_file(const struct scene *s, uint64_t number, char path[160], char kept[160])
{
    snprintf(path, 160, "%s/%016llx.seg", s->journal, (unsigned long long)number);
    snprintf(kept, 160, "%s/%llu.kept", s->dir, (unsigned long long)number);
}

static void keep_file(const struct scene *s, uint64_t number)
{
    char path[160], kept[160];
    name_file(s, number, path, kept);
    assert_int_equal(link(path, kept), 0);
}

static void bring_back(const struct scene *s, uint64_t number)
{
    char path[160], kept[160];
    name_file(s, number, path, kept);
    assert_int_equal(link(kept, path), 0);
}

/* --- a process that writes a journal, and is gone --- */

struct writer {
    struct scene *scene;
    struct journal_dir *dir;
    struct journal *journal;
    struct indexer *indexer;
    uv_sem_t ended;
};

static void hear(enum index_event event, const struct record *record, void *owner)
{
    (void)record;
    if (event == INDEX_ENDED)
        uv_sem_post(&((struct writer *)owner)->ended);
}

static void writer_start(struct writer *w, struct scene *s)
{
    struct fail f = {0};
    *w = (struct writer){.scene = s};
    assert_int_equal(uv_sem_init(&w->ended, 0), 0);
    w->indexer = indexer_new(&s->port, s->journal);
    assert_int_equal(journal_dir_open(&w->dir, s->journal, indexer_ring, w->indexer, &f), ERR_OK);
    indexer_listen(w->indexer, hear, NULL, w);
    assert_int_equal(indexer_start(w->indexer, w->dir, &f), ERR_OK);
    w->journal = journal_new(w->dir, 0);
    scene_segment(s, 0);
}

/* What the scene's segment holds. */
static void writer_flush(struct writer *w)
{
    struct str rest = str_from(buf_str(&w->scene->segment), SEGMENT_HEAD_BYTES);
    struct frame f;
    size_t used;
    for (; rest.len; rest = str_from(rest, used)) {
        assert_int_equal(frame_read(rest, true, &f, &used), FRAME_WHOLE);
        journal_add(w->journal, &f);
    }
    assert_int_equal(journal_flush(w->journal), ERR_OK);
    scene_segment(w->scene, 0);
}

static void writer_wait(struct writer *w, int rows)
{
    writer_flush(w);
    while (rows-- > 0)
        uv_sem_wait(&w->ended);
}

/* What runs stays as a kill leaves it: in the journal, without an end. */
static void writer_stop(struct writer *w)
{
    journal_free(w->journal);
    indexer_stop(w->indexer);
    indexer_count(w->indexer, &w->scene->counters);
    indexer_free(w->indexer);
    journal_dir_close(w->dir);
    uv_sem_destroy(&w->ended);
}

/* --- tests --- */

static void deleted_stays_deleted(void **state)
{
    struct scene *s = *state;
    struct script stays = script_new(), goes = script_new(), crashed = script_new();
    scene_segment(s, 1);
    put_all(s, &goes, REQUEST, ANSWER);
    put_begin(s, &crashed);
    put_all(s, &stays, REQUEST, ANSWER);
    put_request(s, &crashed, REQUEST);
    scene_write(s, 1);
    keep_file(s, 1);
    scene_run(s);
    assert_int_equal(scene_count(s), 3);
    scene_delete(s, &goes);
    scene_delete(s, &crashed); /* which has no END */
    bring_back(s, 1);
    scene_run(s);
    assert_false(scene_has(s, &goes));
    assert_false(scene_has(s, &crashed));
    assert_bodies(s, &stays, REQUEST, ANSWER);
    assert_int_equal(scene_count(s), 1);
    assert_int_equal(s->counters.exchanges, 0);
    assert_int_equal(s->counters.orphan_frames, 0);
    assert_int_equal(scene_files(s, "seg"), 0);
}

static void what_ran_is_taken_in(void **state)
{
    struct scene *s = *state;
    struct script goes = script_new(), runs = script_new(), late = script_new();
    struct writer w;
    writer_start(&w, s);
    put_begin(s, &runs);
    put_all(s, &goes, REQUEST, ANSWER);
    writer_wait(&w, 1);
    put_request(s, &runs, REQUEST);
    put_begin(s, &late);
    writer_flush(&w);
    scene_delete(s, &goes);
    writer_stop(&w);
    scene_run(s);
    assert_false(scene_has(s, &goes));
    assert_int_equal(scene_count(s), 2);
    assert_int_equal(scene_state(s, &runs), ENDING_PROXY_CRASH);
    assert_bodies(s, &runs, REQUEST, STR_NONE);
    assert_int_equal(scene_state(s, &late), ENDING_PROXY_CRASH);
    assert_int_equal(s->counters.orphan_frames, 0);
}

/* Of the segments of an exchange that is in the store, those are left that others need. */
static void over_several_segments(void **state)
{
    struct scene *s = *state;
    enum { SEGMENTS = 3 };
    for (int left = 0; left < SEGMENTS; left++) {
        struct script goes = script_new(), runs = script_new();
        struct writer w;
        writer_start(&w, s);
        for (int i = 0; i < SEGMENTS; i++) {
            if (i == 0)
                put_begin(s, &goes);
            if (i == 1) {
                put_request(s, &goes, REQUEST);
                put_json_head(s, &goes);
            }
            if (i == left)
                put_begin(s, &runs);
            if (i == 2)
                put_end(s, &goes, ENDING_COMPLETE, REQUEST.len, 0);
            writer_wait(&w, i == 2);
            journal_rotate(w.journal);
        }
        scene_delete(s, &goes);
        writer_stop(&w);
        assert_int_equal(scene_files(s, "seg"), 1);
        scene_run(s);
        assert_false(scene_has(s, &goes));
        assert_int_equal(scene_state(s, &runs), ENDING_PROXY_CRASH);
        assert_int_equal(scene_count(s), left + 1);
        assert_int_equal(s->counters.orphan_frames, 0);
    }
}

/* The next process commits before it has come to the marked segment, or after that, and ends too. */
static void killed_twice(void **state)
{
    struct scene *s = *state;
    const uint64_t numbers[] = {0, 9};
    for (int i = 0; i < 2; i++) {
        struct script goes = script_new(), runs = script_new(), many[MANY];
        struct writer w;
        int64_t before = scene_count(s);
        writer_start(&w, s);
        put_all(s, &goes, REQUEST, ANSWER);
        put_begin(s, &runs);
        writer_wait(&w, 1);
        put_all(s, &(struct script){.id = uuid_new()}, REQUEST, ANSWER);
        writer_wait(&w, 1); /* after this, the mark stands behind where `runs` begins */
        scene_delete(s, &goes);
        writer_stop(&w);
        s->boot = uuid_new();
        scene_segment(s, numbers[i]);
        for (int j = 0; j < MANY; j++) {
            many[j] = script_new();
            put_all(s, &many[j], REQUEST, ANSWER);
        }
        scene_write(s, numbers[i]);
        s->accepted = 1;
        s->refuse = ERR_BUSY;
        s->refusals = 1000;
        scene_run(s);
        int64_t taken = scene_count(s) - before;
        s->refusals = 0;
        scene_delete(s, &many[0]);
        scene_run(s);
        assert_true(taken > 1 && taken < MANY);
        assert_false(scene_has(s, &goes));
        assert_false(scene_has(s, &many[0]));
        assert_int_equal(scene_state(s, &runs), ENDING_PROXY_CRASH);
        assert_int_equal(scene_count(s), before + MANY + 1);
        assert_int_equal(s->counters.orphan_frames, 0);
    }
}

/* Its number was another process's before. */
static void a_mark_is_of_one_file(void **state)
{
    struct scene *s = *state;
    struct script first = script_new(), second = script_new();
    scene_segment(s, 1);
    put_all(s, &first, REQUEST, ANSWER);
    scene_write(s, 1);
    scene_run(s);
    scene_segment(s, 1);
    put_all(s, &second, REQUEST, ANSWER);
    scene_write(s, 1);
    scene_run(s);
    assert_true(scene_has(s, &second));
}

static void refused_rows_are_not_tried_again(void **state)
{
    struct scene *s = *state;
    struct script goes = script_new(), refused = script_new(), stays = script_new();
    scene_segment(s, 1);
    put_all(s, &goes, REQUEST, ANSWER);
    put_all(s, &refused, REQUEST, ANSWER);
    put_all(s, &stays, REQUEST, ANSWER);
    scene_write(s, 1);
    keep_file(s, 1);
    s->poison = refused.id;
    s->has_poison = true;
    struct writer w;
    writer_start(&w, s);
    while (scene_count(s) < 2)
        usleep(1000);
    writer_stop(&w);
    assert_int_equal(s->counters.poisoned, 1);
    scene_delete(s, &goes);
    s->has_poison = false; /* it was counted as lost: it is not to come by chance */
    bring_back(s, 1);
    scene_run(s);
    assert_int_equal(s->counters.exchanges, 0);
    assert_false(scene_has(s, &goes));
    assert_int_equal(scene_count(s), 1);
}

/* Where a row is refused the batch is committed bit by bit: killed in between, the rest is taken in. */
static void half_a_batch_is_no_mark(void **state)
{
    struct scene *s = *state;
    enum { WHOLE = 5, BYTES = 1 }; /* commits */
    struct script first = script_new(), refused = script_new(), last = script_new();
    struct writer w;
    s->poison = refused.id;
    s->has_poison = true;
    s->accepted = WHOLE + BYTES;
    s->refuse = ERR_BUSY;
    s->refusals = 1000;
    writer_start(&w, s);
    put_all(s, &first, REQUEST, ANSWER);
    put_all(s, &refused, REQUEST, ANSWER);
    put_all(s, &last, REQUEST, ANSWER);
    writer_flush(&w);
    for (s->counters.failed_commits = 0; s->counters.failed_commits < WHOLE; usleep(1000))
        indexer_count(w.indexer, &s->counters);
    writer_stop(&w);
    assert_int_equal(scene_count(s), 0);
    s->has_poison = false;
    s->refusals = 0;
    scene_run(s);
    assert_int_equal(scene_count(s), 3);
    assert_bodies(s, &first, REQUEST, ANSWER);
}

/* Until the indexer has asked so often, or some seconds have passed. */
static void wait_for_questions(struct scene *s, int count)
{
    for (int ms = 0; ms < 10000 && atomic_load(&s->questions) < count; ms++)
        usleep(1000);
    assert_int_equal(atomic_load(&s->questions), count);
}

/* The store says that it has lost commits. `is_lost`: the first exchange's; then what it says of the
 * journal is older too. `questions`: about what is there that it is asked. */
static void set_back(struct scene *s, bool is_lost, int questions)
{
    struct script first = script_new(), runs = script_new(), second = script_new();
    struct fail f = {0};
    struct writer w;
    writer_start(&w, s);
    put_begin(s, &runs);
    put_all(s, &first, REQUEST, ANSWER);
    writer_wait(&w, 1);
    scene_delete(s, &first);
    if (is_lost)
        assert_int_equal(store_commit(s->store, &(struct batch){.journal_marks = STR("\1\0")}, &f),
                         ERR_OK);
    s->refuse = ERR_GONE;
    s->refusals = 1;
    put_all(s, &second, REQUEST, ANSWER);
    writer_wait(&w, 1 + is_lost);
    put_request(s, &runs, REQUEST);
    put_end(s, &runs, ENDING_CLIENT_DISCONNECTED, REQUEST.len, 0);
    writer_wait(&w, 1);
    wait_for_questions(s, questions);
    writer_stop(&w);
    assert_int_equal(scene_has(s, &first), is_lost);
    assert_bodies(s, &second, REQUEST, ANSWER);
    assert_bodies(s, &runs, REQUEST, STR_NONE);
    assert_int_equal(scene_state(s, &runs), ENDING_CLIENT_DISCONNECTED);
    assert_int_equal(s->counters.orphan_frames, 0);
}

static void a_set_back_brings_nothing_back(void **state)
{
    set_back(*state, false, 0);
}

static void a_set_back_takes_again_what_is_lost(void **state)
{
    set_back(*state, true, 0);
}

static uint64_t told_lost(void)
{
    return loss_read(LOSS_STORE_SET_BACK).since_start;
}

static enum err away_when_it_ends(struct scene *s, int question)
{
    (void)s;
    return question == 1 ? ERR_DATABASE_AWAY : ERR_OK;
}

static enum err away_twice(struct scene *s, int question)
{
    (void)s;
    return question % 2 ? ERR_OK : ERR_DATABASE_AWAY;
}

/* Where it cannot be asked, it is asked again; that is no loss. */
static void what_is_lost_is_told_when_the_store_can_say(void **state)
{
    struct scene *s = *state;
    uint64_t before = told_lost();
    s->port.may_lose = true;
    s->before_answer = away_when_it_ends;
    set_back(s, true, 3);
    assert_int_equal(told_lost(), before);
}

static void what_was_lost_is_counted_once(void **state)
{
    struct scene *s = *state;
    uint64_t before = told_lost();
    s->port.may_lose = true;
    s->before_answer = away_twice;
    set_back(s, false, 4);
    assert_int_equal(told_lost(), before + 1);
}

static struct script kept, lost_then, lost_first;
static int times_away;

/* Asked for the last one first: at the end of reading again, the third question; it may be away before. */
static enum err set_back_again(struct scene *s, int question)
{
    if (question < 2 || question > 2 + times_away)
        return ERR_OK;
    if (question < 2 + times_away)
        return ERR_DATABASE_AWAY;
    scene_delete(s, &lost_then);
    return ERR_GONE;
}

static void set_back_twice(struct scene *s, int away)
{
    struct script *const all[] = {&kept, &lost_then, &lost_first}, next = script_new();
    struct writer w;
    uint64_t before = told_lost();
    times_away = away;
    s->port.may_lose = true;
    s->before_answer = set_back_again;
    writer_start(&w, s);
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        *all[i] = script_new();
        put_all(s, all[i], REQUEST, ANSWER);
        writer_wait(&w, 1);
    }
    scene_delete(s, &lost_first);
    s->refuse = ERR_GONE;
    s->refusals = 1;
    put_all(s, &next, REQUEST, ANSWER);
    writer_wait(&w, 1);
    wait_for_questions(s, 7 + away);
    writer_stop(&w);
    assert_true(scene_has(s, &kept) && scene_has(s, &next));
    assert_int_equal(told_lost(), before + 2);
}

static void set_back_twice_it_counts_both(void **state)
{
    set_back_twice(*state, 0);
}

/* So long that it has come to rest: nobody rings when the database is back. */
static void set_back_after_a_while_it_goes_on_by_itself(void **state)
{
    set_back_twice(*state, 5);
    assert_true(((struct scene *)*state)->maintained);
}

/* --- the store --- */

static void assert_marks(struct store *s, struct str want)
{
    struct buf out;
    struct fail f = {0};
    buf_init(&out, 1 << 20);
    assert_int_equal(store_journal_marks(s, &out, &f), ERR_OK);
    assert_str_equal(buf_str(&out), want);
    buf_release(&out);
}

static void say(struct store *s, struct str marks)
{
    struct fail f = {0};
    assert_int_equal(store_commit(s, &(struct batch){.journal_marks = marks}, &f), ERR_OK);
}

static void a_store_keeps_what_was_said_last(void **state)
{
    struct scene *s = *state;
    assert_marks(s->store, STR_NONE);
    say(s->store, STR("one"));
    assert_marks(s->store, STR("one"));
    say(s->store, str_make("two\0and", 7));
    say(s->store, STR_NONE);
    assert_marks(s->store, str_make("two\0and", 7));
}

/* Each node has a journal of its own. */
static void nodes_do_not_mix(void **state)
{
    struct scene *s = *state;
    struct store *other;
    struct store_options options = s->place.options;
    struct fail f = {0};
    if (!place_is_postgres())
        return;
    options.node = "node-two";
    assert_int_equal(store_open(&other, &options, &f), ERR_OK);
    say(s->store, STR("one's"));
    say(other, STR("two's"));
    assert_marks(s->store, STR("one's"));
    assert_marks(other, STR("two's"));
    store_close(other);
}

int main(void)
{
    log_setup(LOG_ERROR, LOG_TEXT);
    const struct CMUnitTest tests[] = {
        SCENE_TEST(deleted_stays_deleted),
        SCENE_TEST(what_ran_is_taken_in),
        SCENE_TEST(over_several_segments),
        SCENE_TEST(killed_twice),
        SCENE_TEST(a_mark_is_of_one_file),
        SCENE_TEST(refused_rows_are_not_tried_again),
        SCENE_TEST(half_a_batch_is_no_mark),
        SCENE_TEST(a_set_back_brings_nothing_back),
        SCENE_TEST(a_set_back_takes_again_what_is_lost),
        SCENE_TEST(what_is_lost_is_told_when_the_store_can_say),
        SCENE_TEST(what_was_lost_is_counted_once),
        SCENE_TEST(set_back_twice_it_counts_both),
        SCENE_TEST(set_back_after_a_while_it_goes_on_by_itself),
        SCENE_TEST(a_store_keeps_what_was_said_last),
        SCENE_TEST(nodes_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

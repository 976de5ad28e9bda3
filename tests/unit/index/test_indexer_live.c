/*
 * test_indexer_live.c — the indexer beside a journal that is being written: what it tells, what
 * can be asked of exchanges that run, and what is left on disk.
 */
#include "check.h"

#include <uv.h>

#include "scene.h"

enum { EVENTS_MAX = 2048 };

struct heard {
    uv_mutex_t mutex;
    uv_cond_t changed;
    struct {
        enum index_event event;
        struct uuid id;
        enum ending state;
        int64_t response_bytes;
    } events[EVENTS_MAX];
    int count;
    int holds_at; /* whoever tells so many or more, until it is 0 */
};

static void hear(enum index_event event, const struct record *record, void *owner)
{
    struct heard *h = owner;
    uv_mutex_lock(&h->mutex);
    assert_true(h->count < EVENTS_MAX);
    h->events[h->count].event = event;
    h->events[h->count].id = record->id;
    h->events[h->count].state = record->state;
    h->events[h->count++].response_bytes = record->response_bytes;
    uv_cond_broadcast(&h->changed);
    while (h->holds_at && h->count >= h->holds_at)
        uv_cond_wait(&h->changed, &h->mutex);
    uv_mutex_unlock(&h->mutex);
}

static void hold(struct heard *h, int at)
{
    uv_mutex_lock(&h->mutex);
    h->holds_at = at;
    uv_cond_broadcast(&h->changed);
    uv_mutex_unlock(&h->mutex);
}

static bool always(void *owner)
{
    (void)owner;
    return true;
}

struct live {
    struct scene *scene;
    struct journal_dir *dir;
    struct journal *journal;
    struct indexer *indexer;
    struct heard heard;
};

/* Until `count` events were heard. */
static void wait_for(struct live *l, int count)
{
    struct heard *h = &l->heard;
    int err = 0;
    uv_mutex_lock(&h->mutex);
    while (h->count < count && !err)
        err = uv_cond_timedwait(&h->changed, &h->mutex, UINT64_C(20000000000));
    uv_mutex_unlock(&h->mutex);
    assert_int_equal(err, 0);
}

static int setup(void **state)
{
    struct live *l = MEM_NEW(struct live);
    scene_setup(state);
    l->scene = *state;
    uv_mutex_init(&l->heard.mutex);
    uv_cond_init(&l->heard.changed);
    struct fail f = {0};
    l->indexer = indexer_new(&l->scene->port, l->scene->journal);
    assert_int_equal(journal_dir_open(&l->dir, l->scene->journal, indexer_ring, l->indexer, &f),
                     ERR_OK);
    indexer_listen(l->indexer, hear, always, &l->heard);
    assert_int_equal(indexer_start(l->indexer, l->dir, &f), ERR_OK);
    l->journal = journal_new(l->dir, 0);
    *state = l;
    return 0;
}

static void stop(struct live *l)
{
    if (!l->indexer)
        return;
    hold(&l->heard, 0);
    journal_free(l->journal);
    indexer_stop(l->indexer);
    indexer_count(l->indexer, &l->scene->counters);
    indexer_free(l->indexer);
    journal_dir_close(l->dir);
    l->indexer = NULL;
}

static int teardown(void **state)
{
    struct live *l = *state;
    stop(l);
    uv_cond_destroy(&l->heard.changed);
    uv_mutex_destroy(&l->heard.mutex);
    *state = l->scene;
    free(l);
    return scene_teardown(state);
}

/* Sends the frames that the scene's segment holds, as a worker would. */
static void flush(struct live *l)
{
    struct str rest = str_from(buf_str(&l->scene->segment), SEGMENT_HEAD_BYTES);
    struct frame f;
    size_t used;
    while (rest.len) {
        assert_int_equal(frame_read(rest, true, &f, &used), FRAME_WHOLE);
        journal_add(l->journal, &f);
        rest = str_from(rest, used);
    }
    assert_int_equal(journal_flush(l->journal), ERR_OK);
    scene_segment(l->scene, 0);
}

struct found {
    int count;
    struct uuid ids[8];
};

static void find(const struct record *record, void *owner)
{
    struct found *f = owner;
    f->ids[f->count++] = record->id;
}

#define REQUEST STR("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}")

static void told_as_it_happens(void **state)
{
    struct live *l = *state;
    struct scene *s = l->scene;
    struct script x = script_new();
    scene_segment(s, 0);
    put_begin(s, &x);
    put_request(s, &x, REQUEST);
    flush(l);
    wait_for(l, 1);
    assert_int_equal(l->heard.events[0].event, INDEX_STARTED);
    put_json_head(s, &x);
    flush(l);
    wait_for(l, 2);
    assert_int_equal(l->heard.events[1].event, INDEX_PROGRESS);
    s->mono_ns += 1000000000;
    put_response(s, &x, STR("{\"id\":"));
    put_response(s, &x, STR("1}")); /* too soon after: not told */
    flush(l);
    wait_for(l, 3);
    assert_int_equal(l->heard.events[2].event, INDEX_PROGRESS);
    assert_int_equal(l->heard.events[2].response_bytes, 6);
    assert_int_equal(l->heard.events[2].state, ENDING_RUNNING);
    put_end(s, &x, ENDING_COMPLETE, REQUEST.len, 8);
    flush(l);
    wait_for(l, 4);
    assert_int_equal(l->heard.events[3].event, INDEX_ENDED);
    assert_int_equal(l->heard.events[3].state, ENDING_COMPLETE);
    assert_int_equal(l->heard.events[3].response_bytes, 8);
    stop(l);
    assert_int_equal(l->heard.count, 4);
    assert_bodies(s, &x, REQUEST, STR("{\"id\":1}"));
    assert_int_equal(scene_files(s, "seg"), 0);
}

static void running_ones_can_be_asked(void **state)
{
    struct live *l = *state;
    struct scene *s = l->scene;
    struct script a = script_new(), b = script_new();
    scene_segment(s, 0);
    put_begin(s, &a);
    put_request(s, &a, REQUEST);
    put_begin(s, &b);
    put_request(s, &b, REQUEST);
    put_json_head(s, &a);
    s->mono_ns += 1000000000;
    put_response(s, &a, STR("half of an"));
    flush(l);
    wait_for(l, 4);
    struct found found = {0};
    indexer_each_running(l->indexer, find, &found);
    assert_int_equal(found.count, 2);
    assert_true(uuid_equal(&found.ids[0], &b.id));
    struct buf body;
    buf_init(&body, 1 << 20);
    assert_int_equal(indexer_running_body(l->indexer, &a.id, true, &body), ERR_OK);
    assert_str_equal(buf_str(&body), STR("half of an"));
    buf_clear(&body);
    assert_int_equal(indexer_running_body(l->indexer, &a.id, false, &body), ERR_OK);
    assert_str_equal(buf_str(&body), REQUEST);
    struct arena arena;
    struct record row;
    struct record_detail detail;
    bool is_stored_soon;
    arena_init(&arena);
    assert_int_equal(indexer_running_get(l->indexer, &a.id, &arena, &row, &detail, &is_stored_soon),
                     ERR_OK);
    assert_false(is_stored_soon);
    assert_str_equal(row.model, STR("m"));
    assert_int_equal(row.status, 200);
    assert_int_equal(row.duration_us, UNKNOWN);
    assert_int_equal(detail.timeline_len, 1);
    assert_int_equal(detail.timeline[0].bytes, 10);
    assert_true(str_starts(detail.response_head, STR("HTTP/1.1 200")));
    struct uuid other = uuid_new();
    assert_int_equal(indexer_running_get(l->indexer, &other, &arena, &row, NULL, &is_stored_soon),
                     ERR_NOT_FOUND);
    assert_int_equal(indexer_running_body(l->indexer, &other, true, &body), ERR_NOT_FOUND);
    struct indexer_counters c;
    indexer_count(l->indexer, &c);
    assert_int_equal(c.running, 2);
    buf_release(&body);
    arena_release(&arena);
    stop(l);
    assert_int_equal(scene_files(s, "seg"), 1); /* the next process finds them crashed */
    scene_run(s);
    assert_int_equal(scene_state(s, &a), ENDING_PROXY_CRASH);
    assert_bodies(s, &a, REQUEST, STR("half of an"));
    assert_int_equal(scene_files(s, "seg"), 0);
}

static void many_through_many_segments(void **state)
{
    struct live *l = *state;
    struct scene *s = l->scene;
    enum { COUNT = 30, BODY = 3 << 20 };
    static char body[BODY];
    struct script x[COUNT];
    scene_segment(s, 0);
    for (int i = 0; i < COUNT; i++) {
        memset(body, 'a' + i % 26, sizeof body);
        x[i] = script_new();
        put_begin(s, &x[i]);
        put_request(s, &x[i], str_make(body, sizeof body));
        put_end(s, &x[i], ENDING_CLIENT_DISCONNECTED, sizeof body, 0);
        flush(l);
    }
    wait_for(l, 2 * COUNT);
    stop(l);
    assert_int_equal(scene_files(s, "seg"), 0);
    assert_int_equal(scene_count(s), COUNT);
    for (int i = 0; i < COUNT; i++) {
        memset(body, 'a' + i % 26, sizeof body);
        assert_bodies(s, &x[i], str_make(body, sizeof body), STR_NONE);
    }
}

/* --- what the indexer says of an exchange when its store has just committed something --- */

static struct {
    struct live *live;
    struct uuid id;
    int commits, running, soon;
} asked;

static void ask_about_it(struct scene *s)
{
    struct arena arena;
    struct record row;
    bool is_stored_soon = false;
    (void)s;
    arena_init(&arena);
    enum err err = indexer_running_get(asked.live->indexer, &asked.id, &arena, &row, NULL, &is_stored_soon);
    asked.commits++;
    asked.running += !err && row.state == ENDING_RUNNING && row.duration_us == UNKNOWN;
    asked.soon += is_stored_soon;
    arena_release(&arena);
}

static void ask_at_commits(struct live *l, const struct script *x)
{
    memset(&asked, 0, sizeof asked);
    asked.live = l;
    asked.id = x->id;
    l->scene->on_commit = ask_about_it;
}

/* Its answer takes many commits; till the last it is shown as running. */
static void a_very_long_body_is_kept(void **state)
{
    struct live *l = *state;
    struct scene *s = l->scene;
    enum { BODY = 50 << 20 };
    char *body = mem_alloc(BODY);
    uint32_t seed = 1;
    for (size_t i = 0; i < BODY; i++) {
        seed = seed * 1664525u + 1013904223u;
        body[i] = (char)(seed >> 24);
    }
    struct script x = script_new();
    scene_segment(s, 0);
    put_begin(s, &x);
    put_request(s, &x, str_make(body, BODY));
    put_json_head(s, &x);
    put_response(s, &x, str_make(body, BODY));
    put_end(s, &x, ENDING_COMPLETE, BODY, BODY);
    ask_at_commits(l, &x);
    flush(l);
    wait_for(l, 3);
    stop(l);
    assert_in_range(asked.commits, 10, 1000);
    assert_int_equal(asked.running, asked.commits);
    assert_bodies(s, &x, str_make(body, BODY), str_make(body, BODY));
    assert_int_equal(scene_files(s, "seg"), 0);
    free(body);
}

static void two_workers(void **state)
{
    struct live *l = *state;
    struct scene *s = l->scene;
    struct journal *second = journal_new(l->dir, 1), *first = l->journal;
    struct script x = script_new(), y = script_new();
    scene_segment(s, 0);
    put_begin(s, &x);
    put_request(s, &x, REQUEST);
    flush(l);
    l->journal = second;
    put_begin(s, &y);
    put_request(s, &y, REQUEST);
    put_end(s, &y, ENDING_REJECTED, REQUEST.len, 0);
    flush(l);
    l->journal = first;
    put_end(s, &x, ENDING_UPSTREAM_TIMEOUT, REQUEST.len, 0);
    flush(l);
    wait_for(l, 4);
    journal_free(second);
    stop(l);
    assert_int_equal(scene_state(s, &x), ENDING_UPSTREAM_TIMEOUT);
    assert_int_equal(scene_state(s, &y), ENDING_REJECTED);
    assert_int_equal(scene_files(s, "seg"), 0);
}

/* What waits for a store that is away is taken in when it is back, though nobody rings any more: more than a
 * batch, and more than a segment. */
static void who_has_waited_is_not_forgotten(void **state)
{
    struct live *l = *state;
    struct scene *s = l->scene;
    enum { COUNT = 600, BODY = 10 << 10 };
    static char body[BODY];
    memset(body, 'a', sizeof body);
    s->refuse = ERR_BUSY;
    s->refusals = INT_MAX;
    scene_segment(s, 0);
    for (int i = 0; i < COUNT; i++) {
        struct script x = script_new();
        put_begin(s, &x);
        put_request(s, &x, str_make(body, sizeof body));
        put_end(s, &x, ENDING_CLIENT_DISCONNECTED, sizeof body, 0);
        flush(l);
    }
    while (!s->maintained) /* it has taken in what it can, and found nothing more */
        usleep(10000);
    s->refusals = 0;
    wait_for(l, 2 * COUNT);
    assert_int_equal(scene_count(s), COUNT);
}

static void say(struct live *l, struct script *x)
{
    scene_segment(l->scene, 0);
    put_begin(l->scene, x);
    put_request(l->scene, x, REQUEST);
    put_end(l->scene, x, ENDING_CLIENT_DISCONNECTED, REQUEST.len, 0);
    flush(l);
}

/* Between the commit and the indexer's letting go of it, it is in both: who asks is sent to the store. Who
 * has been told that it has ended finds it nowhere else. */
static void who_has_ended_is_looked_for_in_the_store(void **state)
{
    struct live *l = *state;
    struct arena arena;
    struct record row;
    struct found found = {0};
    struct script x = script_new();
    bool is_stored_soon;
    arena_init(&arena);
    ask_at_commits(l, &x);
    hold(&l->heard, 2);
    say(l, &x);
    wait_for(l, 2);
    assert_int_equal(scene_count(l->scene), 1);
    assert_int_equal(asked.running, 1);
    assert_int_equal(asked.soon, 1);
    assert_int_equal(indexer_running_get(l->indexer, &x.id, &arena, &row, NULL, &is_stored_soon),
                     ERR_NOT_FOUND);
    indexer_each_running(l->indexer, find, &found);
    assert_int_equal(found.count, 0);
    stop(l);
    arena_release(&arena);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(told_as_it_happens),         TEST(running_ones_can_be_asked),
        TEST(many_through_many_segments), TEST(a_very_long_body_is_kept),
        TEST(two_workers),                TEST(who_has_waited_is_not_forgotten),
        TEST(who_has_ended_is_looked_for_in_the_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_live_threads.c — one thread publishes, real loops on threads of their own send: every watcher
 * is told each event once and in order, or that it missed some. Most of it is for ThreadSanitizer.
 */
#include "fake_call.h"

#include <sched.h>
#include <stdatomic.h>

#include "api/live.h"

enum { LOOPS = 2, WATCHERS = 3, EVENTS = 3000 };

struct side {
    struct live *live;
    struct loop *loop;
    struct call calls[WATCHERS];
    uv_thread_t thread;
    uv_idle_t turning; /* looks, in each turn, whether all is here */
    bool has_all;
};

static atomic_int ready, finished;

/* Has the newest event come, or the word that it was missed? */
static bool has_newest(const struct call *c)
{
    struct str tail = str_from(buf_str(&c->body), c->body.len < 4096 ? 0 : c->body.len - 4096);
    return str_contains_nocase(tail, STR("the last")) || str_contains_nocase(tail, STR("resync"));
}

static void on_idle(uv_idle_t *idle)
{
    struct side *s = idle->data;
    size_t with_newest = 0, ended = 0;
    for (size_t i = 0; i < WATCHERS; i++) {
        with_newest += has_newest(&s->calls[i]);
        ended += s->calls[i].is_ended;
    }
    if (with_newest == WATCHERS && !s->has_all) {
        s->has_all = true;
        if (atomic_fetch_add(&finished, 1) + 1 == LOOPS)
            live_drain(s->live);
    }
    if (ended == WATCHERS) {
        uv_close((uv_handle_t *)idle, NULL);
        loop_stop(s->loop);
    }
}

static void run_side(void *owner)
{
    struct side *s = owner;
    s->loop = loop_new();
    uv_idle_init(loop_uv(s->loop), &s->turning);
    s->turning.data = s;
    uv_idle_start(&s->turning, on_idle);
    for (size_t i = 0; i < WATCHERS; i++) {
        fake_init(&s->calls[i], s->loop, "GET", "/api/stream");
        live_handle(&s->calls[i], s->live);
    }
    atomic_fetch_add(&ready, 1);
    loop_run(s->loop);
}

/* Ids only ascend; a gap stands only before a resync. */
static void check_text(const struct call *c, size_t *events, size_t *resyncs)
{
    struct str rest = buf_str(&c->body), line;
    uint64_t last = 0, id = 0;
    *events = *resyncs = 0;
    while (rest.len && str_next(&rest, '\n', &line)) {
        if (str_starts(line, STR("id: "))) {
            assert_true(str_to_u64(str_from(line, 4), &id));
            assert_true(id >= last);
        } else if (str_starts(line, STR("event: request"))) {
            assert_true(id == last + 1);
            ++*events;
        }
        *resyncs += str_starts(line, STR("event: resync"));
        if (!line.len)
            last = id;
    }
}

static void all_is_told(void **state)
{
    (void)state;
    static struct side sides[LOOPS];
    struct live *live = live_new(LIVE_GRACE_MS);
    for (size_t i = 0; i < LOOPS; i++) {
        sides[i].live = live;
        assert_int_equal(uv_thread_create(&sides[i].thread, run_side, &sides[i]), 0);
    }
    while (atomic_load(&ready) < LOOPS)
        sched_yield();
    struct record r;
    record_init(&r);
    for (int i = 0; i < EVENTS; i++) {
        if (i == EVENTS - 1)
            r.title = STR("the last");
        live_publish(live, INDEX_PROGRESS, &r);
    }
    for (size_t i = 0; i < LOOPS; i++)
        uv_thread_join(&sides[i].thread);
    for (size_t i = 0; i < LOOPS; i++) {
        for (size_t w = 0; w < WATCHERS; w++) {
            size_t events, resyncs;
            check_text(&sides[i].calls[w], &events, &resyncs);
            assert_true(resyncs ? events < EVENTS : events == EVENTS);
            fake_release(&sides[i].calls[w]);
        }
        loop_free(sides[i].loop);
    }
    live_free(live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_is_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

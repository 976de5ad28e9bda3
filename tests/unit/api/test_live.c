/*
 * test_live.c — the live stream: who watches is told everything once and in order, or to read again.
 */
#include "fake_call.h"
#include "fake_loop.h"

#include "api/live.h"

struct fixture {
    struct live *live;
    struct loop loop, other_loop;
    struct call a, b;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->live = live_new(LIVE_GRACE_MS);
    fake_init(&f->a, &f->loop, "GET", "/api/stream");
    fake_init(&f->b, &f->other_loop, "GET", "/api/stream");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    if (f->a.on_gone && !f->a.is_gone)
        fake_leave(&f->a);
    if (f->b.on_gone && !f->b.is_gone)
        fake_leave(&f->b);
    fake_run(&f->loop);
    fake_run(&f->other_loop);
    live_free(f->live);
    fake_release(&f->a);
    fake_release(&f->b);
    free(f);
    return 0;
}

static void publish(struct fixture *f, enum index_event kind, const char *title)
{
    struct record r;
    record_init(&r);
    r.title = str_of(title);
    live_publish(f->live, kind, &r);
}

static int count(const struct call *c, const char *text)
{
    int n = 0;
    for (struct str rest = buf_str(&c->body); rest.len; rest = str_from(rest, 1))
        n += str_starts(rest, str_of(text));
    return n;
}

/* The newest "id: " line's number, as text. */
static struct str last_id(struct call *c)
{
    struct str rest = buf_str(&c->body), line, id = STR_NONE;
    while (rest.len && str_next(&rest, '\n', &line))
        if (str_starts(line, STR("id: ")))
            id = arena_str(&c->arena, str_from(line, 4));
    return id;
}

static void watchers_are_told(void **state)
{
    struct fixture *f = *state;
    live_handle(&f->a, f->live);
    live_handle(&f->b, f->live);
    assert_int_equal(f->a.status, 200);
    assert_string_equal(f->a.type, "text/event-stream");
    publish(f, INDEX_STARTED, "one");
    publish(f, INDEX_PROGRESS, "two");
    assert_int_equal(f->loop.count, 1); /* one bell for both */
    fake_run(&f->loop);
    assert_int_equal(count(&f->a, "event: request.started\ndata: {\"id\":"), 1);
    assert_int_equal(count(&f->a, "event: request.progress\n"), 1);
    assert_int_equal(count(&f->b, "event: request"), 0); /* its loop has not turned */
    publish(f, INDEX_ENDED, "three");
    fake_run(&f->loop);
    fake_run(&f->other_loop);
    assert_int_equal(count(&f->a, "event: request"), 3);
    assert_int_equal(count(&f->b, "event: request"), 3);
    assert_str_equal(last_id(&f->a), last_id(&f->b));
    assert_int_equal(count(&f->a, "resync"), 0);
}

static void each_goes_on_from_its_own_place(void **state)
{
    struct fixture *f = *state;
    f->b.loop = &f->loop;
    live_handle(&f->a, f->live);
    publish(f, INDEX_STARTED, "one");
    live_handle(&f->b, f->live); /* later than "one", which the loop has not sent yet */
    fake_run(&f->loop);
    publish(f, INDEX_STARTED, "two");
    fake_run(&f->loop);
    assert_int_equal(count(&f->a, "event: request"), 2);
    assert_int_equal(count(&f->b, "event: request"), 1);
}

static void a_gap_is_a_resync(void **state)
{
    struct fixture *f = *state;
    live_free(f->live);
    f->live = live_new(0);
    live_handle(&f->a, f->live);
    publish(f, INDEX_STARTED, "one");
    fake_run(&f->loop);
    struct str seen = last_id(&f->a);
    fake_leave(&f->a);
    publish(f, INDEX_STARTED, "not made into text");
    head_add(&f->b.head, &f->b.arena, STR("Last-Event-ID"), seen);
    live_handle(&f->b, f->live);
    assert_int_equal(count(&f->b, "event: resync"), 1);
    assert_int_equal(count(&f->b, "event: request"), 0);
}

static void nobody_watches_nothing_is_made(void **state)
{
    struct fixture *f = *state;
    assert_false(live_is_watched(f->live));
    publish(f, INDEX_STARTED, "one");
    assert_int_equal(f->loop.count, 0);
    live_handle(&f->a, f->live);
    assert_true(live_is_watched(f->live));
    fake_leave(&f->a);
    assert_true(live_is_watched(f->live)); /* it may come back */
    publish(f, INDEX_STARTED, "two");
    assert_int_equal(f->loop.count, 0); /* but no loop is woken */
}

static void who_comes_back_gets_the_missed(void **state)
{
    struct fixture *f = *state;
    live_handle(&f->a, f->live);
    publish(f, INDEX_STARTED, "one");
    fake_run(&f->loop);
    struct str seen = last_id(&f->a);
    fake_leave(&f->a);
    publish(f, INDEX_ENDED, "missed");
    head_add(&f->b.head, &f->b.arena, STR("last-event-id"), seen);
    live_handle(&f->b, f->live);
    assert_int_equal(count(&f->b, "event: request"), 1);
    assert_true(fake_has(&f->b.body, "missed"));
    assert_int_equal(count(&f->b, "resync"), 0);
}

static void the_first_id_is_enough_to_come_back(void **state)
{
    struct fixture *f = *state;
    live_handle(&f->a, f->live); /* is cut off before any event */
    struct str seen = last_id(&f->a);
    fake_leave(&f->a);
    publish(f, INDEX_STARTED, "missed");
    head_add(&f->b.head, &f->b.arena, STR("Last-Event-ID"), seen);
    live_handle(&f->b, f->live);
    assert_int_equal(count(&f->b, "event: request"), 1);
}

static void resyncs_with(struct fixture *f, struct str id)
{
    head_add(&f->b.head, &f->b.arena, STR("Last-Event-ID"), id);
    live_handle(&f->b, f->live);
    assert_int_equal(count(&f->b, "event: resync\ndata: {}\n\n"), 1);
    assert_int_equal(count(&f->b, "event: request"), 0);
    publish(f, INDEX_STARTED, "next");
    fake_run(&f->other_loop);
    assert_int_equal(count(&f->b, "event: request"), 1);
}

static void too_old_is_a_resync(void **state)
{
    struct fixture *f = *state;
    live_handle(&f->a, f->live);
    struct str seen = last_id(&f->a);
    for (int i = 0; i < LIVE_RING_MAX + 1; i++)
        publish(f, INDEX_STARTED, "many");
    resyncs_with(f, seen);
    fake_run(&f->loop); /* and so is a loop that did not turn for so long */
    assert_int_equal(count(&f->a, "event: resync"), 1);
}

static void unseen_and_nonsense_ids_are_a_resync(void **state)
{
    struct fixture *f = *state;
    resyncs_with(f, STR("99999999999999999999"));
}

static void ids_of_the_future_are_a_resync(void **state)
{
    struct fixture *f = *state;
    resyncs_with(f, STR("9999999999999999"));
}

static void heavy_events_do_not_pile_up(void **state)
{
    struct fixture *f = *state;
    char *big = malloc(100001);
    memset(big, 'x', 100000);
    big[100000] = '\0';
    live_handle(&f->a, f->live);
    for (int i = 0; i < 60; i++)
        publish(f, INDEX_STARTED, big);
    fake_run(&f->loop); /* 6 MB: more than the ring keeps */
    assert_int_equal(count(&f->a, "event: resync"), 1);
    free(big);
}

static void a_slow_reader_is_resynced_once(void **state)
{
    struct fixture *f = *state;
    f->b.loop = &f->loop; /* a quick one beside it */
    live_handle(&f->a, f->live);
    live_handle(&f->b, f->live);
    f->a.is_full = true;
    for (int i = 0; i < 10; i++) {
        publish(f, INDEX_PROGRESS, "lost");
        fake_run(&f->loop);
    }
    f->loop.sweep->fn(f->loop.sweep, 0);
    f->a.is_full = false;
    publish(f, INDEX_PROGRESS, "lost");
    fake_run(&f->loop); /* it was promised a resync first */
    f->loop.sweep->fn(f->loop.sweep, 0);
    assert_int_equal(count(&f->a, "event: resync"), 1);
    assert_false(fake_has(&f->a.body, "lost"));
    publish(f, INDEX_ENDED, "seen");
    fake_run(&f->loop);
    assert_int_equal(count(&f->a, "event: request"), 1);
    assert_int_equal(count(&f->a, "event: resync"), 1);
}

static void comments_keep_it_open(void **state)
{
    struct fixture *f = *state;
    live_handle(&f->a, f->live);
    struct loop_sweep *s = f->loop.sweep;
    uint64_t now = UINT64_C(4000000000000000); /* later than any boot */
    s->fn(s, now);
    s->fn(s, now + 1000000000);
    assert_int_equal(count(&f->a, ": still here\n\n"), 1);
    s->fn(s, now + LIVE_COMMENT_MS * UINT64_C(1000000));
    assert_int_equal(count(&f->a, ": still here\n\n"), 2);
}

static void watchers_are_limited(void **state)
{
    struct fixture *f = *state;
    static struct call many[LIVE_WATCHERS_MAX];
    for (size_t i = 0; i < LIVE_WATCHERS_MAX; i++) {
        fake_init(&many[i], &f->other_loop, "GET", "/api/stream");
        live_handle(&many[i], f->live);
        assert_int_equal(many[i].status, 200);
    }
    live_handle(&f->a, f->live);
    assert_int_equal(f->a.status, 429);
    assert_int_equal(f->a.answers, 1);
    for (size_t i = 0; i < LIVE_WATCHERS_MAX; i++) {
        fake_leave(&many[i]);
        fake_release(&many[i]);
    }
    assert_null(f->other_loop.sweep);
    live_handle(&f->b, f->live);
    assert_int_equal(f->b.status, 200);
}

static void draining_ends_all(void **state)
{
    struct fixture *f = *state;
    live_handle(&f->a, f->live);
    live_drain(f->live);
    fake_run(&f->loop);
    assert_true(f->a.is_ended);
    assert_null(f->loop.sweep);
    live_handle(&f->b, f->live);
    assert_int_equal(f->b.status, 503);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(watchers_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(each_goes_on_from_its_own_place, setup, teardown),
        cmocka_unit_test_setup_teardown(a_gap_is_a_resync, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_watches_nothing_is_made, setup, teardown),
        cmocka_unit_test_setup_teardown(who_comes_back_gets_the_missed, setup, teardown),
        cmocka_unit_test_setup_teardown(the_first_id_is_enough_to_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(too_old_is_a_resync, setup, teardown),
        cmocka_unit_test_setup_teardown(unseen_and_nonsense_ids_are_a_resync, setup, teardown),
        cmocka_unit_test_setup_teardown(ids_of_the_future_are_a_resync, setup, teardown),
        cmocka_unit_test_setup_teardown(heavy_events_do_not_pile_up, setup, teardown),
        cmocka_unit_test_setup_teardown(a_slow_reader_is_resynced_once, setup, teardown),
        cmocka_unit_test_setup_teardown(comments_keep_it_open, setup, teardown),
        cmocka_unit_test_setup_teardown(watchers_are_limited, setup, teardown),
        cmocka_unit_test_setup_teardown(draining_ends_all, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

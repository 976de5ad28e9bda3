/*
 * test_client.c — a client's connection and who serves it, over a pair of sockets: what is read ahead
 * of a body that is held up, and from when on time counts.
 */
#include "check.h"

#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "served.h"

enum { LIMIT_MS = 400 };

static struct {
    struct served served;
    struct client *client; /* whose request is in service */
    size_t body_bytes;
    bool stops; /* after each piece of a body */
    int gone;
} t;

static void on_body(void *owner, struct str bytes)
{
    (void)owner;
    t.body_bytes += bytes.len;
    if (t.stops)
        client_read_body(t.client, false);
}

static void on_request_end(void *owner)
{
    (void)owner;
}

static void on_full(void *owner, bool is_full)
{
    (void)owner, (void)is_full;
}

static void on_gone(void *owner, enum err why)
{
    (void)owner, (void)why;
    t.gone++;
    t.client = NULL;
}

static const struct client_handler handler = {on_body, on_request_end, on_full, on_gone};

static enum err serve(struct client *c, struct fail *f, void *owner)
{
    (void)f;
    t.client = c;
    client_serve(c, &handler, owner);
    return ERR_OK;
}

static int set_up(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    served_begin(&t.served, LIMIT_MS);
    server_route(&t.served.server, "*", serve, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    served_end(&t.served);
    return 0;
}

static void turn(void)
{
    uv_run(loop_uv(t.served.loop), UV_RUN_NOWAIT);
}

static void ask(const char *head)
{
    served_say(&t.served, head);
    for (int i = 0; i < 5 && !t.client; i++)
        served_turn(&t.served);
    assert_non_null(t.client);
}

/* As the sweep of every second does. */
static void look_ahead(void)
{
    client_sweep(t.client, clock_mono_ns());
}

/* So many bytes of a body that is held up have been sent, and read. */
static void send_held(size_t bytes)
{
    static const char block[4096];
    for (size_t sent = 0; sent < bytes || t.served.server.held_bytes < bytes;) {
        size_t piece = MIN_OF(sizeof block, bytes - sent);
        ssize_t n = piece ? write(t.served.peer, block, piece) : 0;
        sent += n > 0 ? (size_t)n : 0;
        look_ahead();
        turn();
    }
}

static void what_is_held_up_again_is_counted_again(void **state)
{
    enum { BYTES = 600 << 10 };
    (void)state;
    ask("POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
    client_read_body(t.client, false);
    send_held(BYTES);
    assert_int_equal(t.body_bytes, 0);
    t.stops = true;
    client_read_body(t.client, true);
    turn();
    assert_true(t.body_bytes > 0 && t.body_bytes < BYTES);
    assert_true(t.served.server.held_bytes >= BYTES - t.body_bytes);
    t.stops = false;
    client_read_body(t.client, true);
    turn();
    assert_int_equal(t.body_bytes, BYTES);
    assert_int_equal(t.served.server.held_bytes, 0);
}

static void let_pass(uint64_t ms)
{
    usleep((unsigned)ms * 1000);
}

static uint64_t soon_ns(void)
{
    return clock_mono_ns() + LIMIT_MS / 4 * UINT64_C(1000000);
}

static void who_was_held_up_has_all_its_time_again(void **state)
{
    (void)state;
    ask("POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n");
    client_read_body(t.client, false);
    send_held(500);
    let_pass(LIMIT_MS * 3 / 2);
    look_ahead();
    assert_int_equal(t.gone, 0);
    client_read_body(t.client, true);
    client_sweep(t.client, soon_ns());
    assert_int_equal(t.gone, 0);
    client_sweep(t.client, soon_ns() + LIMIT_MS * UINT64_C(1000000));
    assert_int_equal(t.gone, 1);
}

static void the_idle_time_begins_behind_an_answer_without_a_body(void **state)
{
    (void)state;
    ask("GET /one HTTP/1.1\r\nHost: x\r\n\r\n");
    struct client *c = t.client;
    let_pass(LIMIT_MS * 3 / 2);
    client_answer(c, STR("HTTP/1.1 204 No Content\r\n"), BODY_NONE);
    client_answer_end(c);
    client_sweep(c, soon_ns());
    t.client = NULL;
    ask("GET /two HTTP/1.1\r\nHost: x\r\n\r\n");
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_held_up_again_is_counted_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_was_held_up_has_all_its_time_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_idle_time_begins_behind_an_answer_without_a_body, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

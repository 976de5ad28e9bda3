/*
 * test_conn.c — a conn against a plain socket: what is sent, when it is full, and how it ends.
 */
#include "check.h"

#include <signal.h>

#include "io/pair.h"

static struct loop *l;

static int set_up(void **state)
{
    (void)state;
    l = loop_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    loop_free(l);
    return 0;
}

/* Bytes that differ everywhere, so that a gap or a swap shows. */
static char *pattern(size_t len)
{
    char *bytes = mem_alloc(len);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)(i * 2654435761u >> 13);
    return bytes;
}

static void parts_arrive_in_order(void **state)
{
    (void)state;
    struct pair *p = pair_new(l);
    size_t len = 0;
    char *bytes = pattern(1000 * 1000);
    for (size_t i = 1; i <= 500; i++) { /* more than one system call takes, some of them empty */
        conn_write(&p->conn, str_make(bytes + len, i % 50));
        len += i % 50;
    }
    peer_expect(p, str_make(bytes, len));
    assert_int_equal(p->full_count, 0);
    free(bytes);
    pair_free(p);
}

static void nothing_leaves_before_the_turn_ends(void **state)
{
    (void)state;
    struct pair *p = pair_new(l);
    char byte;
    conn_write_copy(&p->conn, STR("hello"));
    assert_int_equal(conn_pending_bytes(&p->conn), 5);
    assert_int_equal(recv(p->peer, &byte, 1, 0), -1);
    turn(l);
    assert_int_equal(conn_pending_bytes(&p->conn), 0);
    peer_expect(p, STR("hello"));
    pair_free(p);
}

/* What the kernel does not take is kept, in order, and what is written meanwhile stands behind. */
static void partial_writes(void **state)
{
    (void)state;
    enum { LEN = 4 << 20, FIRST = 3 << 20 };
    struct pair *p = pair_new(l);
    char *bytes = pattern(LEN);
    for (size_t at = 0; at < FIRST; at += 64 * 1024)
        conn_write(&p->conn, str_make(bytes + at, 64 * 1024));
    turn(l);
    assert_true(conn_is_full(&p->conn));
    assert_int_equal(p->full_count, 1);
    size_t pending = conn_pending_bytes(&p->conn);
    assert_in_range(pending, 1, FIRST - 1);
    conn_write(&p->conn, str_make(bytes + FIRST, LEN - FIRST));
    turn(l);
    assert_int_equal(p->full_count, 1); /* it was full already */
    assert_in_range(conn_pending_bytes(&p->conn), LEN - FIRST, pending + LEN - FIRST);
    assert_int_equal(p->not_full_count, 0);
    peer_expect(p, str_make(bytes, LEN));
    TURN_UNTIL(l, p->not_full_count);
    assert_int_equal(p->not_full_count, 1);
    assert_false(conn_is_full(&p->conn));
    assert_int_equal(conn_pending_bytes(&p->conn), 0);
    free(bytes);
    pair_free(p);
}

/* A slow reader is seen to take bytes long before it has taken all. */
static void pending_bytes_tell_progress(void **state)
{
    (void)state;
    struct pair *p = pair_new(l);
    char *bytes = pattern(2 << 20);
    struct buf read;
    buf_init(&read, 2 << 20);
    conn_write(&p->conn, str_make(bytes, 2 << 20));
    turn(l);
    size_t before = conn_pending_bytes(&p->conn);
    peer_drain(p, &read);
    TURN_UNTIL(l, conn_pending_bytes(&p->conn) < before);
    assert_true(conn_is_full(&p->conn));
    buf_release(&read);
    free(bytes);
    pair_free(p);
}

static void close_when_sent(void **state)
{
    (void)state;
    enum { LEN = 2 << 20 };
    struct pair *p = pair_new(l);
    char *bytes = pattern(LEN);
    conn_read(&p->conn, true);
    conn_write(&p->conn, str_make(bytes, LEN));
    conn_close_when_sent(&p->conn);
    conn_write(&p->conn, STR("too late"));
    turn(l);
    assert_true(conn_is_full(&p->conn));
    peer_expect(p, str_make(bytes, LEN));
    struct buf rest;
    buf_init(&rest, 100);
    for (int i = 0; i < 100000 && !peer_drain(p, &rest); i++)
        turn(l);
    assert_true(peer_drain(p, &rest)); /* FIN */
    assert_int_equal(rest.len, 0);
    /* It waits for the peer, drops what still comes, and calls nobody but on_closed. */
    assert_int_equal(send(p->peer, "unread", 6, 0), 6);
    turn(l);
    assert_false(p->is_closed);
    close(p->peer);
    p->peer = -1;
    TURN_UNTIL(l, p->is_closed);
    assert_int_equal(p->got.len, 0);
    assert_int_equal(p->end_count, 0);
    free(bytes);
    pair_free(p);
}

static void close_drops_what_was_noted(void **state)
{
    (void)state;
    struct pair *p = pair_new(l);
    struct buf read;
    buf_init(&read, 100);
    conn_write(&p->conn, STR("never sent"));
    conn_close(&p->conn);
    TURN_UNTIL(l, p->is_closed);
    assert_true(peer_drain(p, &read));
    assert_int_equal(read.len, 0);
    pair_free(p);
}

static void close_while_full_frees_what_waits(void **state)
{
    (void)state;
    struct pair *p = pair_new(l);
    char *bytes = pattern(1 << 20);
    conn_write(&p->conn, str_make(bytes, 1 << 20));
    turn(l);
    conn_write(&p->conn, str_make(bytes, 1 << 20));
    turn(l);
    assert_true(conn_is_full(&p->conn));
    conn_close_reset(&p->conn);
    TURN_UNTIL(l, p->is_closed);
    assert_int_equal(p->not_full_count, 0);
    free(bytes);
    pair_free(p);
}

static void reading_pauses(void **state)
{
    (void)state;
    struct pair *p = pair_new(l);
    conn_read(&p->conn, true);
    assert_int_equal(send(p->peer, "one", 3, 0), 3);
    TURN_UNTIL(l, p->got.len == 3);
    conn_read(&p->conn, false);
    assert_int_equal(send(p->peer, "two", 3, 0), 3);
    for (int i = 0; i < 20; i++)
        turn(l);
    assert_int_equal(p->got.len, 3);
    conn_read(&p->conn, true);
    TURN_UNTIL(l, p->got.len == 6);
    assert_str_equal(buf_str(&p->got), STR("onetwo"));
    pair_free(p);
}

static void orderly_end(void **state)
{
    (void)state;
    struct pair *p = pair_new(l);
    conn_read(&p->conn, true);
    assert_int_equal(send(p->peer, "bye", 3, 0), 3);
    shutdown(p->peer, SHUT_WR);
    TURN_UNTIL(l, p->end_count);
    assert_str_equal(buf_str(&p->got), STR("bye"));
    assert_int_equal(p->end, ERR_OK);
    conn_write(&p->conn, STR("still heard"));
    peer_expect(p, STR("still heard"));
    assert_int_equal(p->end_count, 1);
    pair_free(p);
}

/* Data and the reset are there when the loop looks: the data must not end in order. */
static void reset_behind_data(void **state)
{
    (void)state;
    struct pair *p = pair_new(l);
    conn_read(&p->conn, true);
    assert_int_equal(send(p->peer, "cut", 3, 0), 3);
    struct linger hard = {.l_onoff = 1};
    setsockopt(p->peer, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(p->peer);
    p->peer = -1;
    TURN_UNTIL(l, p->end_count);
    assert_int_equal(p->end, ERR_UPSTREAM_RESET);
    assert_int_equal(p->end_count, 1);
    pair_free(p);
}

static void writing_to_nobody(void **state)
{
    (void)state;
    struct pair *p = pair_new(l);
    struct linger hard = {.l_onoff = 1};
    setsockopt(p->peer, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(p->peer);
    p->peer = -1;
    conn_write(&p->conn, STR("anyone?"));
    turn(l);
    assert_int_equal(p->end_count, 1);
    assert_int_equal(p->end, ERR_UPSTREAM_RESET);
    conn_write(&p->conn, STR("no?"));
    turn(l);
    assert_int_equal(p->end_count, 1);
    pair_free(p);
}

/* A byte or an end that nobody has asked for makes a waiting connection useless. */
static void stale(void **state)
{
    (void)state;
    struct pair *p = pair_new(l), *q = pair_new(l);
    assert_false(conn_is_stale(&p->conn));
    assert_int_equal(send(p->peer, "?", 1, 0), 1);
    assert_true(conn_is_stale(&p->conn));
    assert_true(conn_is_stale(&p->conn)); /* looking takes nothing */
    assert_false(conn_is_stale(&q->conn));
    shutdown(q->peer, SHUT_WR);
    assert_true(conn_is_stale(&q->conn));
    pair_free(p);
    conn_close(&q->conn);
    assert_true(conn_is_stale(&q->conn));
    pair_free(q);
}

static void addresses(void **state)
{
    (void)state;
    char text[CONN_ADDR_TEXT];
    struct sockaddr_in6 in6;
    uv_ip6_addr("2001:db8::7", 8443, &in6);
    assert_string_equal(conn_addr_format((struct sockaddr *)&in6, text), "[2001:db8::7]:8443");
    struct pair *p = pair_new(l);
    assert_int_equal(strncmp(conn_peer(p->conn.fd, text), "127.0.0.1:", 10), 0);
    pair_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(parts_arrive_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_leaves_before_the_turn_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(partial_writes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pending_bytes_tell_progress, set_up, tear_down),
        cmocka_unit_test_setup_teardown(close_when_sent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(close_drops_what_was_noted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(close_while_full_frees_what_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reading_pauses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(orderly_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reset_behind_data, set_up, tear_down),
        cmocka_unit_test_setup_teardown(writing_to_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stale, set_up, tear_down),
        cmocka_unit_test_setup_teardown(addresses, set_up, tear_down),
    };
    signal(SIGPIPE, SIG_IGN); /* as the program does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_connect.c — a resolver that hangs holds up nothing but who waits for its answer.
 *
 * This program has a resolver of its own in the place of the system's.
 */
#include "check.h"

#include <netdb.h>
#include <pthread.h>
#include <stdio.h>

#include "upstream/connect.h"

static struct {
    pthread_mutex_t lock;
    pthread_cond_t news;
    int asked;
    bool is_released;
} names = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, false};

int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                struct addrinfo **list)
{
    (void)port, (void)hints;
    *list = NULL;
    pthread_mutex_lock(&names.lock);
    names.asked++;
    pthread_cond_broadcast(&names.news);
    while (!strcmp(host, "hangs.test") && !names.is_released)
        pthread_cond_wait(&names.news, &names.lock);
    pthread_mutex_unlock(&names.lock);
    return EAI_NONAME;
}

static void ask_anew(void)
{
    pthread_mutex_lock(&names.lock); /* somebody who hung may still be about */
    names.is_released = false;
    names.asked = 0;
    pthread_mutex_unlock(&names.lock);
}

static void wait_until_asked(int count)
{
    pthread_mutex_lock(&names.lock);
    while (names.asked < count)
        pthread_cond_wait(&names.news, &names.lock);
    pthread_mutex_unlock(&names.lock);
}

static void release(void)
{
    pthread_mutex_lock(&names.lock);
    names.is_released = true;
    pthread_cond_broadcast(&names.news);
    pthread_mutex_unlock(&names.lock);
}

struct outcome {
    bool is_over;
    enum err err;
    char detail[240];
};

static void on_connected(void *owner, struct conn *conn, const char *addr)
{
    (void)owner, (void)conn, (void)addr;
    fail_msg("connected to nowhere");
}

static void on_failed(void *owner, enum err err, const struct fail *f)
{
    struct outcome *o = owner;
    o->is_over = true;
    o->err = err;
    snprintf(o->detail, sizeof o->detail, "%s", f->detail);
}

static const struct connect_events events = {on_connected, on_failed};

static void make(struct provider *p, const char *url)
{
    struct fail f = {0};
    assert_int_equal(provider_init(p, "test", url, &f), ERR_OK);
    p->connect_timeout_ms = 60000;
}

/* A thread of the test's own stands for time that passes: should the loop wait for the resolver, it
 * is let go after some seconds, and the test fails. */
static void *be_the_clock(void *is_ended)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 5;
    pthread_mutex_lock(&names.lock);
    while (!*(bool *)is_ended &&
           pthread_cond_timedwait(&names.news, &names.lock, &until) == 0)
        ;
    names.is_released = true;
    pthread_cond_broadcast(&names.news);
    pthread_mutex_unlock(&names.lock);
    return NULL;
}

static void a_hanging_resolver_does_not_delay_the_end(void **state)
{
    (void)state;
    struct provider p;
    struct loop *l = loop_new();
    struct connect_shared shared = {.loop = l, .provider = &p};
    struct outcome o = {false};
    bool is_ended = false;
    pthread_t clock;
    ask_anew();
    make(&p, "http://hangs.test:1");
    struct connector *k = connector_start(&shared, sizeof(struct conn), &events, &o);
    uv_run(loop_uv(l), UV_RUN_ONCE);
    wait_until_asked(1);
    pthread_create(&clock, NULL, be_the_clock, &is_ended);
    connector_cancel(k);
    loop_free(l);
    pthread_mutex_lock(&names.lock);
    bool was_in_time = !names.is_released;
    is_ended = true;
    pthread_cond_broadcast(&names.news);
    pthread_mutex_unlock(&names.lock);
    pthread_join(clock, NULL);
    assert_true(was_in_time);
    assert_false(o.is_over);
    provider_release(&p);
}

static void names_that_are_not_there(void **state)
{
    (void)state;
    struct provider p;
    struct loop *l = loop_new();
    struct connect_shared shared = {.loop = l, .provider = &p};
    struct outcome o[12] = {{false}};
    make(&p, "http://missing.test:1");
    for (size_t i = 0; i < COUNT_OF(o); i++)
        connector_start(&shared, sizeof(struct conn), &events, &o[i]);
    for (size_t i = 0; i < COUNT_OF(o); i++) {
        while (!o[i].is_over)
            uv_run(loop_uv(l), UV_RUN_ONCE);
        assert_int_equal(o[i].err, ERR_UPSTREAM_RESOLVE);
        assert_non_null(strstr(o[i].detail, "missing.test: "));
    }
    loop_free(l);
    provider_release(&p);
}

/* All threads hang; who waits in line behind them, and leaves, leaves nothing behind. */
static void the_line_behind_a_hanging_resolver(void **state)
{
    (void)state;
    struct provider p;
    struct loop *l = loop_new();
    struct connect_shared shared = {.loop = l, .provider = &p};
    struct outcome o[8] = {{false}};
    struct connector *k[8];
    ask_anew();
    make(&p, "http://hangs.test:1");
    for (size_t i = 0; i < COUNT_OF(k); i++)
        k[i] = connector_start(&shared, sizeof(struct conn), &events, &o[i]);
    uv_run(loop_uv(l), UV_RUN_ONCE);
    wait_until_asked(4);
    for (size_t i = 0; i < 7; i++)
        connector_cancel(k[i]);
    release();
    while (!o[7].is_over)
        uv_run(loop_uv(l), UV_RUN_ONCE);
    assert_int_equal(names.asked, 5);
    loop_free(l);
    provider_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_are_not_there),
        cmocka_unit_test(the_line_behind_a_hanging_resolver),
        cmocka_unit_test(a_hanging_resolver_does_not_delay_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

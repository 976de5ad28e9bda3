/*
 * health.c — counts and breakers. Where all is well, a request costs three atomic operations; only
 * failures and what follows from them take the lock.
 */
#include "upstream/health.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"

struct health {
    char *name, *base_url;
    atomic_uint_least64_t requests, failures;
    atomic_int in_row; /* failures */
    atomic_int state;  /* enum breaker_state; changed under the lock */
    pthread_mutex_t lock; /* what follows */
    struct breaker_limits limits;
    bool is_probing;   /* half open: somebody tries */
    uint64_t until_ns; /* open */
    int64_t failed_us;
    char message[HEALTH_MESSAGE_BYTES];
};

struct health_book {
    pthread_mutex_t lock; /* of the list */
    struct health *all[HEALTH_MAX];
    size_t count;
};

const char *breaker_state_name(enum breaker_state s)
{
    static const char *const names[] = {"closed", "open", "half_open"};
    return names[s];
}

/* --- the book --- */

struct health_book *health_book_new(void)
{
    struct health_book *b = MEM_NEW(struct health_book);
    pthread_mutex_init(&b->lock, NULL);
    return b;
}

void health_book_free(struct health_book *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->count; i++) {
        pthread_mutex_destroy(&b->all[i]->lock);
        free(b->all[i]->name);
        free(b->all[i]->base_url);
        free(b->all[i]);
    }
    pthread_mutex_destroy(&b->lock);
    free(b);
}

static char *text_of(struct str s)
{
    char *text = mem_zeroed(s.len + 1);
    if (s.len)
        memcpy(text, s.ptr, s.len);
    return text;
}

static struct health *find_or_add(struct health_book *b, struct str name, struct str base_url)
{
    for (size_t i = 0; i < b->count; i++)
        if (str_equal(str_of(b->all[i]->name), name) &&
            str_equal(str_of(b->all[i]->base_url), base_url))
            return b->all[i];
    if (b->count == HEALTH_MAX)
        return NULL;
    struct health *h = MEM_NEW(struct health);
    h->name = text_of(name);
    h->base_url = text_of(base_url);
    pthread_mutex_init(&h->lock, NULL);
    return b->all[b->count++] = h;
}

static void close_breaker(struct health *h)
{
    h->is_probing = false;
    atomic_store(&h->in_row, 0);
    atomic_store(&h->state, BREAKER_CLOSED);
}

struct health *health_find(struct health_book *b, struct str name, struct str base_url,
                           const struct breaker_limits *limits)
{
    pthread_mutex_lock(&b->lock);
    struct health *h = find_or_add(b, name, base_url);
    pthread_mutex_unlock(&b->lock);
    if (!h)
        return NULL;
    pthread_mutex_lock(&h->lock);
    h->limits = *limits;
    if (!limits->is_on)
        close_breaker(h);
    pthread_mutex_unlock(&h->lock);
    return h;
}

/* --- a request --- */

/* The lock is held. */
static bool may_probe(struct health *h, uint64_t now_ns)
{
    int state = atomic_load(&h->state);
    bool is_due = state == BREAKER_OPEN && now_ns >= h->until_ns;
    if (!is_due && (state != BREAKER_HALF_OPEN || h->is_probing))
        return false;
    atomic_store(&h->state, BREAKER_HALF_OPEN);
    return h->is_probing = true;
}

bool health_begin(struct health *h, uint64_t now_ns, struct health_try *t)
{
    *t = (struct health_try){0};
    if (!h)
        return true;
    bool is_let = atomic_load_explicit(&h->state, memory_order_relaxed) == BREAKER_CLOSED;
    if (!is_let) {
        pthread_mutex_lock(&h->lock);
        is_let = atomic_load(&h->state) == BREAKER_CLOSED;
        if (!is_let)
            is_let = t->is_probe = may_probe(h, now_ns);
        pthread_mutex_unlock(&h->lock);
    }
    if (!is_let)
        return false;
    atomic_fetch_add_explicit(&h->requests, 1, memory_order_relaxed);
    t->health = h;
    return true;
}

void health_begin_aside(struct health *h, struct health_try *t)
{
    *t = (struct health_try){.health = h, .is_aside = true};
    if (h)
        atomic_fetch_add_explicit(&h->requests, 1, memory_order_relaxed);
}

void health_answered(struct health_try *t)
{
    struct health *h = t->health;
    if (!h || !t->is_probe)
        return;
    t->is_probe = false;
    pthread_mutex_lock(&h->lock);
    close_breaker(h);
    pthread_mutex_unlock(&h->lock);
    log_line(LOG_INFO, "a provider answers again", LOG_C("provider", h->name));
}

/* The lock is held. */
static void open_breaker(struct health *h, const struct health_report *r)
{
    int64_t asked_s = r->retry_after_s < 0 ? 0 : MIN_OF(r->retry_after_s, HEALTH_RETRY_AFTER_MAX_S);
    uint64_t rest_ms = MAX_OF(h->limits.timeout_ms, (uint64_t)asked_s * 1000);
    h->is_probing = false;
    h->until_ns = r->now_ns + rest_ms * 1000000;
    atomic_store(&h->state, BREAKER_OPEN);
    log_line(LOG_WARN, "a provider is left alone", LOG_C("provider", h->name),
             LOG_N("failures_in_row", (uint64_t)atomic_load(&h->in_row)), LOG_N("for_ms", rest_ms),
             LOG_C("last", h->message));
}

static void note_failure(struct health *h, const struct health_try *t,
                         const struct health_report *r)
{
    atomic_fetch_add_explicit(&h->failures, 1, memory_order_relaxed);
    pthread_mutex_lock(&h->lock);
    h->failed_us = r->wall_us;
    snprintf(h->message, sizeof h->message, "%s", r->message);
    bool is_closed = atomic_load(&h->state) == BREAKER_CLOSED;
    if ((is_closed && !t->is_aside) || t->is_probe) {
        int in_row = atomic_fetch_add(&h->in_row, 1) + 1;
        if (h->limits.is_on && (t->is_probe || in_row >= h->limits.max_failures))
            open_breaker(h, r);
    }
    pthread_mutex_unlock(&h->lock);
}

void health_end(struct health_try *t, const struct health_report *r)
{
    struct health *h = t->health;
    if (!h)
        return;
    if (r->outcome == HEALTH_FAILED) {
        note_failure(h, t, r);
    } else if (r->outcome == HEALTH_OK) {
        health_answered(t);
        if (!t->is_aside && atomic_load_explicit(&h->in_row, memory_order_relaxed) &&
            atomic_load(&h->state) == BREAKER_CLOSED)
            atomic_store(&h->in_row, 0);
    } else if (t->is_probe) {
        pthread_mutex_lock(&h->lock);
        h->is_probing = false; /* the next one tries */
        pthread_mutex_unlock(&h->lock);
    }
    *t = (struct health_try){0};
}

/* --- what is told of it --- */

uint64_t health_rests_ns(struct health *h, uint64_t now_ns)
{
    pthread_mutex_lock(&h->lock);
    bool rests = atomic_load(&h->state) == BREAKER_OPEN && h->until_ns > now_ns;
    uint64_t left_ns = rests ? h->until_ns - now_ns : 0;
    pthread_mutex_unlock(&h->lock);
    return left_ns;
}

void health_read(struct health *h, uint64_t now_ns, struct health_state *out)
{
    uint64_t rests_ns = health_rests_ns(h, now_ns);
    pthread_mutex_lock(&h->lock);
    *out = (struct health_state){
        .state = (enum breaker_state)atomic_load(&h->state),
        .limits = h->limits,
        .failures_in_row = atomic_load(&h->in_row),
        .opens_for_ns = rests_ns,
        .requests = atomic_load(&h->requests),
        .failures = atomic_load(&h->failures),
        .failed_us = h->failed_us,
    };
    memcpy(out->message, h->message, sizeof out->message);
    pthread_mutex_unlock(&h->lock);
}

/*
 * lookup.c — names looked up on threads that nobody waits for.
 *
 * A lookup is freed when its thread is done with it and its handle is closed, in either order. What a
 * hanging resolver still holds when the process ends, goes with the process.
 */
#include "io/lookup.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

struct lookup {
    struct lookup *next; /* in line */
    char *host;
    char port[8];
    uv_async_t wake;
    lookup_done *done;
    void *owner;
    /* under the lock */
    bool is_cancelled; /* the handle is closing: not to be woken */
    bool is_closed;
    bool is_over;      /* no thread has it or will */
    int status;
    struct addrinfo *list;
};

static struct {
    pthread_mutex_t lock;
    struct lookup *first, **last; /* in line */
    int threads;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void lookup_free(struct lookup *k)
{
    if (k->list)
        freeaddrinfo(k->list);
    free(k->host);
    free(k);
}

/* --- on a thread of ours; the lock is held, but for the look-up itself --- */

static struct lookup *take_first(void)
{
    struct lookup *k = all.first;
    if (k)
        all.first = k->next;
    return k;
}

static void look_up(struct lookup *k)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *list = NULL;
    pthread_mutex_unlock(&all.lock);
    int status = getaddrinfo(k->host, k->port, &hints, &list);
    pthread_mutex_lock(&all.lock);
    k->status = status;
    k->list = status ? NULL : list;
    k->is_over = true;
    if (!k->is_cancelled)
        uv_async_send(&k->wake);
    else if (k->is_closed)
        lookup_free(k);
}

static void *thread_main(void *nothing)
{
    struct lookup *k;
    pthread_mutex_lock(&all.lock);
    while ((k = take_first()))
        look_up(k);
    all.threads--;
    pthread_mutex_unlock(&all.lock);
    return nothing;
}

static bool start_thread(void)
{
    pthread_attr_t detached;
    pthread_t thread;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    bool is_started = pthread_create(&thread, &detached, thread_main, NULL) == 0;
    pthread_attr_destroy(&detached);
    all.threads += is_started;
    return is_started;
}

/* --- on the loop --- */

static void on_closed(uv_handle_t *handle)
{
    struct lookup *k = handle->data;
    pthread_mutex_lock(&all.lock);
    k->is_closed = true;
    bool is_over = k->is_over;
    pthread_mutex_unlock(&all.lock);
    if (is_over)
        lookup_free(k);
}

static void on_wake(uv_async_t *wake)
{
    struct lookup *k = wake->data;
    pthread_mutex_lock(&all.lock);
    k->is_cancelled = true;
    int status = k->status;
    pthread_mutex_unlock(&all.lock);
    uv_close((uv_handle_t *)wake, on_closed);
    k->done(k->owner, status ? gai_strerror(status) : NULL, k->list); /* freed behind this call */
}

struct lookup *lookup_start(struct loop *l, const char *host, uint16_t port, lookup_done *done,
                            void *owner)
{
    struct lookup *k = MEM_NEW(struct lookup);
    k->host = mem_strdup(host);
    snprintf(k->port, sizeof k->port, "%d", port);
    k->done = done;
    k->owner = owner;
    uv_async_init(loop_uv(l), &k->wake, on_wake);
    k->wake.data = k;
    pthread_mutex_lock(&all.lock);
    if (!all.first)
        all.last = &all.first;
    *all.last = k;
    all.last = &k->next;
    if (all.threads < LOOKUP_THREADS_MAX && !start_thread() && !all.threads) {
        take_first(); /* nobody will ever come for it */
        k->is_over = true;
        k->status = EAI_MEMORY;
        uv_async_send(&k->wake);
    }
    pthread_mutex_unlock(&all.lock);
    return k;
}

static void leave_line(struct lookup *k)
{
    for (struct lookup **at = &all.first; *at; at = &(*at)->next)
        if (*at == k) {
            *at = k->next;
            if (all.last == &k->next)
                all.last = at;
            k->is_over = true;
            return;
        }
}

void lookup_cancel(struct lookup *k)
{
    pthread_mutex_lock(&all.lock);
    k->is_cancelled = true;
    leave_line(k);
    pthread_mutex_unlock(&all.lock);
    uv_close((uv_handle_t *)&k->wake, on_closed);
}

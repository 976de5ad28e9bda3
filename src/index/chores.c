/*
 * chores.c — the thread of work that can wait, and whose turn it is. What is done is the owners'.
 */
#include "index/chores.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

#include <uv.h>

#include "base/mem.h"
#include "io/thread.h"

struct chore {
    const char *name;
    chore_step *step;
    void *owner;
    uint64_t due_ns; /* by uv_hrtime(); CHORE_SLEEPS: when rung */
};

struct chores {
    struct chore list[CHORES_MAX];
    int count;
    uv_thread_t thread;
    bool is_started;
    uv_mutex_t mutex; /* guards the next two */
    uv_cond_t bell;
    bool is_rung, is_stopping;
};

struct chores *chores_new(void)
{
    struct chores *c = MEM_NEW(struct chores);
    uv_mutex_init(&c->mutex);
    uv_cond_init(&c->bell);
    return c;
}

void chores_free(struct chores *c)
{
    if (!c)
        return;
    assert(!c->is_started);
    uv_cond_destroy(&c->bell);
    uv_mutex_destroy(&c->mutex);
    free(c);
}

void chores_add(struct chores *c, const char *name, chore_step *step, void *owner)
{
    assert(!c->is_started && c->count < CHORES_MAX);
    c->list[c->count++] = (struct chore){.name = name, .step = step, .owner = owner};
}

static uint64_t earliest_ns(const struct chores *c)
{
    uint64_t due_ns = CHORE_SLEEPS;
    for (int i = 0; i < c->count; i++)
        due_ns = c->list[i].due_ns < due_ns ? c->list[i].due_ns : due_ns;
    return due_ns;
}

static void wake_all(struct chores *c)
{
    for (int i = 0; i < c->count; i++)
        c->list[i].due_ns = 0;
}

/* False when it is time to stop. */
static bool wait_until_due(struct chores *c)
{
    uint64_t due_ns = earliest_ns(c), now_ns;
    uv_mutex_lock(&c->mutex);
    while (!c->is_stopping && !c->is_rung && due_ns > (now_ns = uv_hrtime())) {
        if (due_ns == CHORE_SLEEPS)
            uv_cond_wait(&c->bell, &c->mutex);
        else
            uv_cond_timedwait(&c->bell, &c->mutex, due_ns - now_ns);
    }
    if (c->is_rung)
        wake_all(c);
    c->is_rung = false;
    bool goes_on = !c->is_stopping;
    uv_mutex_unlock(&c->mutex);
    return goes_on;
}

static void run(void *arg)
{
    struct chores *c = arg;
    thread_name("chores");
    thread_last();
    while (wait_until_due(c))
        for (int i = 0; i < c->count; i++) {
            struct chore *chore = &c->list[i];
            uint64_t now_ns = uv_hrtime();
            if (chore->due_ns > now_ns)
                continue;
            uint64_t pause_ns = chore->step(chore->owner);
            chore->due_ns = pause_ns == CHORE_SLEEPS ? CHORE_SLEEPS : uv_hrtime() + pause_ns;
        }
}

enum err chores_start(struct chores *c, struct fail *f)
{
    assert(!c->is_started);
    for (int i = 0; i < c->count; i++)
        c->list[i].due_ns = uv_hrtime() + CHORES_BEGIN_MS * UINT64_C(1000000);
    if (uv_thread_create(&c->thread, run, c) != 0)
        return fail(f, ERR_INTERNAL, "the thread for background work could not be started");
    c->is_started = true;
    return ERR_OK;
}

void chores_ring(struct chores *c)
{
    uv_mutex_lock(&c->mutex);
    c->is_rung = true;
    uv_cond_signal(&c->bell);
    uv_mutex_unlock(&c->mutex);
}

void chores_stop(struct chores *c)
{
    if (!c || !c->is_started)
        return;
    uv_mutex_lock(&c->mutex);
    c->is_stopping = true;
    uv_cond_signal(&c->bell);
    uv_mutex_unlock(&c->mutex);
    uv_thread_join(&c->thread);
    c->is_started = false;
}

/*
 * fake_loop.h — a loop without a thread: what was posted runs when fake_run() says so.
 */
#ifndef TESTS_FAKE_LOOP_H
#define TESTS_FAKE_LOOP_H

#include "check.h"

#include "io/loop.h"

struct task {
    void (*work)(void *owner);
    void (*done)(void *owner);
    void *owner;
};

struct loop {
    struct task tasks[512];
    size_t count;
    struct loop_sweep *sweep;
};

/* One task at a time, until none is left. */
static inline bool fake_step(struct loop *l)
{
    if (!l->count)
        return false;
    struct task t = l->tasks[0];
    memmove(l->tasks, l->tasks + 1, --l->count * sizeof t);
    if (t.work)
        t.work(t.owner);
    t.done(t.owner);
    return true;
}

static inline void fake_run(struct loop *l)
{
    while (fake_step(l))
        ;
}

void loop_post(struct loop *l, void (*fn)(void *owner), void *owner)
{
    assert_true(l->count < COUNT_OF(l->tasks));
    l->tasks[l->count++] = (struct task){NULL, fn, owner};
}

void loop_work(struct loop *l, void (*work)(void *owner), void (*done)(void *owner), void *owner)
{
    assert_true(l->count < COUNT_OF(l->tasks));
    l->tasks[l->count++] = (struct task){work, done, owner};
}

void loop_sweep_add(struct loop *l, struct loop_sweep *s)
{
    assert_null(l->sweep);
    l->sweep = s;
}

void loop_sweep_remove(struct loop *l, struct loop_sweep *s)
{
    assert_ptr_equal(l->sweep, s);
    l->sweep = NULL;
}

#endif

/*
 * pause.c — a timer that frees itself.
 */
#include "io/pause.h"

#include <stdlib.h>

#include "base/mem.h"

struct pause {
    uv_timer_t timer; /* first */
    void (*fn)(void *owner);
    void *owner;
};

static void on_closed(uv_handle_t *timer)
{
    free(timer);
}

static void on_over(uv_timer_t *timer)
{
    struct pause *p = (struct pause *)timer;
    void (*fn)(void *owner) = p->fn;
    void *owner = p->owner;
    pause_cancel(p);
    fn(owner);
}

struct pause *pause_start(struct loop *l, uint64_t ms, void (*fn)(void *owner), void *owner)
{
    struct pause *p = MEM_NEW(struct pause);
    p->fn = fn;
    p->owner = owner;
    uv_timer_init(loop_uv(l), &p->timer);
    uv_timer_start(&p->timer, on_over, ms, 0);
    return p;
}

void pause_cancel(struct pause *p)
{
    if (p)
        uv_close((uv_handle_t *)&p->timer, on_closed);
}

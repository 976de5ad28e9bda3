/*
 * load_open.c — requests at a rate of our own choosing, whatever the answers do; and the closed
 * loop, which asks again when it has been answered, for capacity and CPU per request.
 *
 * Open: request i is due at start + i / rate (or after exponentially distributed pauses), and
 * its latency counts from then, not from when a connection was free for it: a stalled server
 * cannot hide its stall by being asked less (coordinated omission).
 */
#include "load.h"

#include <assert.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "alarm.h"

enum { SPIN_NS = 50000, WARM_UP_PART = 10, MAX_WAITING = 1 << 20 };

/* --- closed ------------------------------------------------------------------------------ */

static void learn(struct conn *c)
{
    static const char key[] = "\"content\":", after[] = ",\"stop_reason\"";
    char *from, *to;

    if (c->dialog.kind != DIALOG_AGENT)
        return;
    from = memmem(c->kept, c->kept_len, key, sizeof(key) - 1);
    to = from ? memmem(from, c->kept_len - (size_t)(from - c->kept), after, sizeof(after) - 1)
              : NULL;
    if (to)
        dialog_hear(&c->dialog, from + sizeof(key) - 1, (size_t)(to - from) - (sizeof(key) - 1));
}

static void closed_done(struct conn *c)
{
    struct load *l = c->load;
    uint64_t now_ns = uv_hrtime();

    learn(c);
    l->is_measuring = now_ns > l->start_ns + (l->end_ns - l->start_ns) / WARM_UP_PART;
    if (now_ns < l->end_ns)
        conn_ask(c, now_ns);
    else
        conn_close(c);
}

static void closed_connected(struct conn *c)
{
    conn_ask(c, uv_hrtime());
}

static void nothing(struct conn *c)
{
    (void)c;
}

static void set_span(struct load *l)
{
    l->start_ns = uv_hrtime();
    l->end_ns = l->start_ns + (uint64_t)(l->options.seconds * 1e9);
}

int load_closed(struct load *l)
{
    l->on_connected = closed_connected;
    l->on_done = closed_done;
    l->on_lost = nothing;
    set_span(l);
    load_connect(l);
    uv_run(l->loop, UV_RUN_DEFAULT);
    l->end_ns = uv_hrtime();
    return 0;
}

/* --- open -------------------------------------------------------------------------------- */

static struct conn *idle; /* last used first, as pools do */
static uint64_t *waiting; /* moments of requests that found no idle connection */
static size_t waiting_from, waiting_to;

static void open_idle(struct conn *c)
{
    if (waiting_from < waiting_to) {
        conn_ask(c, waiting[waiting_from++ % MAX_WAITING]);
        return;
    }
    c->next_idle = idle;
    idle = c;
}

static void open_done(struct conn *c)
{
    learn(c);
    open_idle(c);
}

static void open_lost(struct conn *c)
{
    for (struct conn **at = &idle; *at; at = &(*at)->next_idle)
        if (*at == c) {
            *at = c->next_idle;
            return;
        }
}

static void open_ask(struct load *l, uint64_t due_ns)
{
    struct conn *c = idle;

    if (c) {
        idle = c->next_idle;
        conn_ask(c, due_ns);
    } else if (waiting_to - waiting_from < MAX_WAITING) {
        waiting[waiting_to++ % MAX_WAITING] = due_ns;
    } else {
        l->errors++;
    }
}

/* Sleeps until shortly before the moment, then looks around until it has come. */
static void pass_time(struct load *l, struct alarm *alarm, uint64_t until_ns)
{
    for (uint64_t now_ns; (now_ns = uv_hrtime()) < until_ns;) {
        if (now_ns + SPIN_NS * 2 < until_ns) {
            alarm_at(alarm, until_ns - SPIN_NS);
            uv_run(l->loop, UV_RUN_ONCE);
        } else {
            uv_run(l->loop, UV_RUN_NOWAIT);
            sched_yield(); /* the mock may live on this core */
        }
    }
}

static void finish(struct load *l)
{
    uint64_t give_up_ns = uv_hrtime() + 5000000000u;
    bool is_busy = true;

    while (is_busy && uv_hrtime() < give_up_ns) {
        is_busy = waiting_from < waiting_to;
        for (unsigned i = 0; i < l->options.connections; i++)
            is_busy |= l->conns[i] && l->conns[i]->is_busy;
        uv_run(l->loop, UV_RUN_NOWAIT);
        sched_yield();
    }
    if (is_busy)
        l->errors++;
}

int load_open(struct load *l)
{
    struct alarm alarm;
    struct dice dice = {l->options.seed + 77};
    double gap_ns = 1e9 / l->options.rate, due_ns;

    waiting = malloc(MAX_WAITING * sizeof(*waiting));
    assert(waiting);
    alarm_init(&alarm, l->loop, NULL);
    l->on_connected = open_idle;
    l->on_done = open_done;
    l->on_lost = open_lost;
    load_connect(l);
    while (l->connected < l->options.connections && l->errors == 0)
        uv_run(l->loop, UV_RUN_ONCE);
    set_span(l);
    for (due_ns = (double)l->start_ns; due_ns < (double)l->end_ns && l->connected > 0;) {
        pass_time(l, &alarm, (uint64_t)due_ns);
        l->is_measuring =
            due_ns > (double)l->start_ns + (double)(l->end_ns - l->start_ns) / WARM_UP_PART;
        open_ask(l, (uint64_t)due_ns);
        due_ns += l->options.is_poisson ? -log(dice_unit(&dice)) * gap_ns : gap_ns;
    }
    finish(l);
    l->end_ns = uv_hrtime();
    return 0;
}

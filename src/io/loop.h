/*
 * loop.h — one event loop and its thread: what every connection, timer and call lives on.
 *
 * A turn of the loop is: callbacks run and note what should be remembered and sent; then the
 * journal is written with one system call; then what was held back goes out. So nothing leaves
 * the process before the journal has it, and a turn costs one write, however much happened.
 */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include <uv.h>

#include "base/err.h"

struct loop;

struct loop *loop_new(void);
void loop_free(struct loop *l); /* all handles must be closed */
uv_loop_t *loop_uv(struct loop *l);
void loop_run(struct loop *l); /* until nothing is left to wait for */

uint64_t loop_now_ns(const struct loop *l); /* monotonic, read once per callback batch */

/* Runs `fn` on the loop's thread; callable from any thread. Order is kept. */
void loop_post(struct loop *l, void (*fn)(void *owner), void *owner);

/* Runs `work` on a worker thread, then `done` on the loop. For what blocks: SQL, disk, DNS. */
void loop_work(struct loop *l, void (*work)(void *owner), void (*done)(void *owner), void *owner);

/* At the end of each turn: `flush` (the journal's), then every held send in order. */
void loop_on_flush(struct loop *l, void (*flush)(void *owner), void *owner);

struct loop_held {
    struct loop_held *next;
    void (*fn)(struct loop_held *self);
    bool is_held;
};
/* Calls h->fn after this turn's flush. Once per turn; does nothing if it is held already. */
void loop_hold(struct loop *l, struct loop_held *h);
void loop_unhold(struct loop *l, struct loop_held *h); /* before freeing its owner */

/* Calls `fn` about once a second: for timeouts, which are all coarse. */
struct loop_sweep {
    struct loop_sweep *next, *prev;
    void (*fn)(struct loop_sweep *self, uint64_t now_ns);
};
void loop_sweep_add(struct loop *l, struct loop_sweep *s);
void loop_sweep_remove(struct loop *l, struct loop_sweep *s);

#endif

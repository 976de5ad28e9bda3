/*
 * loop.h — one event loop and its thread: what every connection, timer and call lives on.
 *
 * A turn of the loop is: callbacks run and note what should be remembered and sent; then the
 * journal is written with one system call; then what was held back goes out. So nothing leaves
 * the process before the journal has it, and a turn costs one write, however much happened.
 *
 * What is read from sockets stands in the turn's memory and is valid until the turn has ended.
 */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include <uv.h>

#include "base/err.h"
#include "base/str.h"

struct loop;

struct loop *loop_new(void);
void loop_free(struct loop *l); /* all handles but its own must be closed */
uv_loop_t *loop_uv(struct loop *l);
void loop_run(struct loop *l);  /* until loop_stop() */
void loop_stop(struct loop *l); /* on the loop's thread: loop_run() returns after this turn */

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

/* The monotonic clock, read when the last bytes came: for stamps of what they brought. */
uint64_t loop_now_ns(const struct loop *l);
void loop_set_now(struct loop *l); /* reads it again */

/* Memory that is gone when the turn has ended. */
void *loop_turn_alloc(struct loop *l, size_t bytes);
/* Gives back what is not needed of the last loop_turn_alloc(). */
void loop_turn_trim(struct loop *l, void *ptr, size_t bytes, size_t needed);
/* Takes malloc'ed memory (or NULL) and frees it when the turn has ended. */
void loop_turn_give(struct loop *l, void *ptr);
enum {
    LOOP_READ_BYTES = 64 * 1024,          /* most that one read takes */
    LOOP_TURN_READ_MAX = 4 * 1024 * 1024 /* all reads of one turn; the rest waits for the next */
};
/* Room for one read, of at most LOOP_READ_BYTES; len 0 when the turn has read its fill. */
uv_buf_t loop_read_room(struct loop *l);
void loop_read_used(struct loop *l, size_t bytes); /* directly after the read */
uint64_t loop_turn(const struct loop *l);          /* counts turns */

/* Calls `fn` about once a second: for timeouts, which are all coarse. */
struct loop_sweep {
    struct loop_sweep *next, *prev;
    void (*fn)(struct loop_sweep *self, uint64_t now_ns);
};
void loop_sweep_add(struct loop *l, struct loop_sweep *s);
void loop_sweep_remove(struct loop *l, struct loop_sweep *s); /* fine if not added */

#endif

/*
 * durability.h — when what the journal wrote is on the disk itself, not only in the system's
 * cache. Syncing blocks, so it happens on a worker thread; the loop goes on.
 *
 * process: never asked; survives kill -9, not a power cut. batch: synced at most BATCH_MS after it
 * was written. sync: an exchange's end is on the disk before its client gets the last byte.
 */
#ifndef PROXY_DURABILITY_H
#define PROXY_DURABILITY_H

#include "config/config.h"
#include "io/loop.h"
#include "journal/journal.h"

enum { DURABILITY_BATCH_MS = 100 };

struct durability_wait {
    struct durability_wait *next;
    void (*fn)(struct durability_wait *self);
    bool is_waiting;
};

struct durability {
    enum storage_durability mode;
    struct loop *loop;
    struct journal *journal;
    uv_timer_t *timer;               /* batch */
    bool is_syncing;
    int fds[JOURNAL_UNSYNCED_MAX];   /* being synced */
    size_t fd_count;
    int failed;                      /* errno of the last sync */
    struct durability_wait *waiting; /* for the next sync */
    struct durability_wait *synced;  /* told when the running one is over */
};

void durability_init(struct durability *d, enum storage_durability mode, struct loop *l,
                     struct journal *j);
/* Sync mode: calls w->fn when what has been noted so far is on the disk, or could not be brought
 * there (logged; the exchange goes on). */
void durability_wait(struct durability *d, struct durability_wait *w);
bool durability_is_idle(const struct durability *d); /* may be released */
/* Brings what is left to the disk, where that is wanted. */
void durability_release(struct durability *d);

#endif

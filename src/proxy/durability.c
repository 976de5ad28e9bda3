/*
 * durability.c — bringing the journal to the disk, on a worker thread, one sync at a time.
 */
#include "proxy/durability.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/loss.h"
#include "base/mem.h"

static void start_sync(struct durability *d);

static int bring_to_disk(int fd)
{
#ifdef __APPLE__
    return fcntl(fd, F_FULLFSYNC); /* fsync() stops at the drive's own cache there */
#else
    return fdatasync(fd);
#endif
}

static void sync_file(void *owner)
{
    struct durability *d = owner;
    d->failed = 0;
    for (size_t i = 0; i < d->fd_count; i++) {
        if (bring_to_disk(d->fds[i]) != 0)
            d->failed = errno;
        close(d->fds[i]);
    }
}

static void tell(struct durability_wait *list)
{
    while (list) {
        struct durability_wait *next = list->next;
        list->is_waiting = false;
        list->fn(list);
        list = next;
    }
}

static void on_synced(void *owner)
{
    struct durability *d = owner;
    d->is_syncing = false;
    if (d->failed) {
        /* The pages may be marked clean and yet be lost: what follows goes into a new file. */
        loss_note(LOSS_JOURNAL_SYNC, 1, strerror(d->failed));
        journal_rotate(d->journal);
    }
    struct durability_wait *synced = d->synced;
    d->synced = NULL;
    if (d->waiting)
        start_sync(d);
    tell(synced);
}

static void start_sync(struct durability *d)
{
    enum err err = journal_flush(d->journal);
    d->fd_count = err ? 0 : journal_take_unsynced(d->journal, d->fds);
    d->synced = d->waiting;
    d->waiting = NULL;
    if (!d->fd_count) { /* nothing to bring there, or counted as lost already */
        struct durability_wait *list = d->synced;
        d->synced = NULL;
        tell(list);
        return;
    }
    d->is_syncing = true;
    loop_work(d->loop, sync_file, on_synced, d);
}

static void on_timer(uv_timer_t *timer)
{
    struct durability *d = timer->data;
    if (!d->is_syncing)
        start_sync(d);
}

void durability_init(struct durability *d, enum storage_durability mode, struct loop *l,
                     struct journal *j)
{
    *d = (struct durability){.mode = mode, .loop = l, .journal = j};
    if (j && mode != DURABILITY_PROCESS)
        journal_keep_unsynced(j);
    if (!j || mode != DURABILITY_BATCH)
        return;
    d->timer = MEM_NEW(uv_timer_t);
    uv_timer_init(loop_uv(l), d->timer);
    d->timer->data = d;
    uv_timer_start(d->timer, on_timer, DURABILITY_BATCH_MS, DURABILITY_BATCH_MS);
}

void durability_wait(struct durability *d, struct durability_wait *w)
{
    assert(d->mode == DURABILITY_SYNC && !w->is_waiting);
    w->is_waiting = true;
    w->next = d->waiting;
    d->waiting = w;
    if (!d->is_syncing)
        start_sync(d);
}

bool durability_is_idle(const struct durability *d)
{
    return !d->is_syncing;
}

static void on_timer_closed(uv_handle_t *timer)
{
    free(timer);
}

/* Nobody waits for it any more, so that it may block. */
static void sync_the_rest(struct durability *d)
{
    if (!d->journal || d->mode == DURABILITY_PROCESS || d->is_syncing || journal_flush(d->journal))
        return;
    d->fd_count = journal_take_unsynced(d->journal, d->fds);
    sync_file(d);
    if (d->failed)
        loss_note(LOSS_JOURNAL_SYNC, 1, strerror(d->failed));
}

void durability_release(struct durability *d)
{
    if (d->timer)
        uv_close((uv_handle_t *)d->timer, on_timer_closed);
    d->timer = NULL;
    sync_the_rest(d);
}

/*
 * indexer_again.c — the database has lost what it had taken: a server that had not received the last
 * of it took over. What the journal still has is taken in once more; what it has not is counted.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/loss.h"
#include "base/mem.h"
#include "index/indexer_private.h"

static struct uuid *recent_at(struct indexer *x, uint64_t number)
{
    return &x->recent[number % RECENT_ROWS];
}

static uint64_t oldest_known(const struct indexer *x)
{
    return x->recent_count > RECENT_ROWS ? x->recent_count - RECENT_ROWS : 0;
}

void indexer_note_recent(struct indexer *x, const struct batch *b)
{
    if (!x->store.may_lose || x->is_again) /* until what was lost has been told */
        return;
    if (!x->recent)
        x->recent = mem_zeroed(RECENT_ROWS * sizeof *x->recent);
    for (size_t i = 0; i < b->row_count; i++)
        *recent_at(x, x->recent_count++) = b->rows[i].record.id;
}

/* Is it there? False, and it is to be asked again later: the store could not be asked. */
static bool ask(struct indexer *x, uint64_t number, bool *is_there)
{
    struct fail f = {0};
    enum err err = x->store.has(x->store.owner, recent_at(x, number), is_there, &f);
    if (err)
        indexer_put_off(x, err, &f);
    return !err;
}

/* Commits are lost from the newest on, none between others. */
static bool count_kept(struct indexer *x)
{
    uint64_t kept = x->is_again ? x->kept_count : x->recent_count;
    for (bool is_there = false; kept > oldest_known(x); kept--) {
        if (!ask(x, kept - 1, &is_there))
            return false;
        if (is_there)
            break;
    }
    x->kept_count = kept;
    return true;
}

void indexer_begin_again(struct indexer *x)
{
    if (!x->is_set_back || x->retry_ns > uv_hrtime() || !count_kept(x) || !indexer_read_marks(x))
        return;
    log_line(LOG_WARN, "the database has lost what it had taken: reading the journal again");
    uv_mutex_lock(&x->mutex);
    taker_begin_again(&x->taker);
    segments_begin_again(&x->segments);
    uv_mutex_unlock(&x->mutex);
    x->is_set_back = false;
    x->is_again = true;
    x->batch_since_ns = x->retry_ns = x->backoff_ns = 0;
    x->refusals = 0;
    atomic_store(&x->is_rung, true); /* nobody else may for long */
}

void indexer_end_again(struct indexer *x)
{
    uint64_t lost = 0;
    if (x->is_set_back || x->retry_ns > uv_hrtime())
        return;
    for (uint64_t i = x->kept_count; i < x->recent_count; i++) {
        bool is_there;
        if (!ask(x, i, &is_there))
            return;
        lost += !is_there;
    }
    bool is_all = x->kept_count > oldest_known(x) || !x->kept_count;
    loss_note(LOSS_STORE_SET_BACK, lost, is_all ? NULL : "at least");
    x->recent_count = x->kept_count = 0;
    x->retry_ns = x->backoff_ns = 0;
    x->is_again = false;
    atomic_store(&x->is_refused, false);
}

/*
 * indexer_commit.c — the batch goes into the store; what the store refuses for itself is set
 * apart, everything else is tried until it is taken.
 */
#include <stdio.h>

#include "base/loss.h"
#include "index/indexer_private.h"

enum { REFUSALS_MAX = 5 }; /* then a batch is committed row by row */

static const uint64_t backoff_min_ns = 50000000, backoff_max_ns = 5000000000;

static bool is_refusal(enum err err)
{
    return err == ERR_PARSE || err == ERR_TOO_LARGE;
}

/* The rows are in the store: their exchanges are no longer ours. */
static void settle(struct indexer *x, const struct batch *b)
{
    struct taker *t = &x->taker;
    uv_mutex_lock(&x->mutex);
    for (size_t i = 0; i < b->row_count; i++)
        gathering_find(&t->exchanges, &b->rows[i].record.id)->is_stored = true;
    uv_mutex_unlock(&x->mutex);
    indexer_note_recent(x, b);
    for (size_t i = 0; i < b->row_count; i++) {
        struct gathered *e = gathering_find(&t->exchanges, &b->rows[i].record.id);
        taker_tell(t, INDEX_ENDED, e);
    }
    uv_mutex_lock(&x->mutex);
    for (size_t i = 0; i < b->row_count; i++)
        gathering_remove(&t->exchanges,
                         gathering_find(&t->exchanges, &b->rows[i].record.id));
    t->counters.exchanges += b->row_count;
    t->counters.commits++;
    t->pending_bytes = 0;
    packer_clear(&t->packer);
    packer_number(&t->packer);
    uv_mutex_unlock(&x->mutex);
    x->batch_since_ns = x->retry_ns = x->backoff_ns = 0;
    x->refusals = 0;
    x->is_maintained = false;
    atomic_store(&x->is_refused, false);
}

static void set_apart(struct indexer *x, const struct batch_row *row, const struct fail *why)
{
    char id[UUID_TEXT], detail[sizeof why->detail + UUID_TEXT + 4];
    snprintf(detail, sizeof detail, "%s: %s", uuid_format(&row->record.id, id), why->detail);
    uv_mutex_lock(&x->mutex);
    x->taker.counters.poisoned++;
    uv_mutex_unlock(&x->mutex);
    loss_note(LOSS_STORE_REFUSED, 1, detail);
}

/* By halves, until the rows that are refused stand alone. */
static enum err commit_rows(struct indexer *x, struct batch_row *rows, size_t count)
{
    if (!count)
        return ERR_OK;
    struct fail f = {0};
    struct batch part = {.rows = rows, .row_count = count};
    enum err err = x->store.commit(x->store.owner, &part, &f);
    if (!is_refusal(err))
        return err;
    if (count == 1) {
        set_apart(x, rows, &f);
        return ERR_OK;
    }
    err = commit_rows(x, rows, count / 2);
    return err ? err : commit_rows(x, rows + count / 2, count - count / 2);
}

static enum err commit_in_parts(struct indexer *x, const struct batch *b, struct fail *f)
{
    struct batch bytes = *b;
    bytes.row_count = 0;
    bytes.journal_marks = STR_NONE;
    enum err err = x->store.commit(x->store.owner, &bytes, f);
    if (!err)
        err = commit_rows(x, b->rows, b->row_count);
    if (err)
        return err;
    struct batch marks = {.journal_marks = b->journal_marks}; /* they speak of all rows */
    return x->store.commit(x->store.owner, &marks, f);
}

void indexer_put_off(struct indexer *x, enum err err, const struct fail *why)
{
    uint64_t now_ns = uv_hrtime();
    uv_mutex_lock(&x->mutex);
    x->taker.counters.failed_commits++;
    uv_mutex_unlock(&x->mutex);
    x->backoff_ns = MIN_OF(x->backoff_ns ? x->backoff_ns * 2 : backoff_min_ns, backoff_max_ns);
    x->retry_ns = now_ns + x->backoff_ns;
    atomic_store(&x->is_refused, true);
    loss_note(LOSS_STORE_COMMIT, 1, why->detail);
    if (err == ERR_GONE) {
        x->is_set_back = true;
        x->retry_ns = 0; /* at once */
    }
}

bool indexer_commit(struct indexer *x)
{
    struct fail f = {0};
    struct batch *b = packer_seal(&x->taker.packer);
    if (!b->block_count && !b->row_count)
        return true;
    if (x->is_set_back)
        return false; /* begins again soon */
    journal_marks_write(&x->marks, &x->segments, &x->taker.exchanges);
    b->journal_marks = buf_str(&x->marks);
    enum err err = x->store.commit(x->store.owner, b, &f);
    if (is_refusal(err) && ++x->refusals >= REFUSALS_MAX)
        err = commit_in_parts(x, b, &f);
    if (err)
        indexer_put_off(x, err, &f);
    else
        settle(x, b);
    return !err;
}

bool indexer_read_marks(struct indexer *x)
{
    struct fail f = {0};
    enum err err = ERR_OK;
    buf_clear(&x->marks);
    if (x->store.journal_marks)
        err = x->store.journal_marks(x->store.owner, &x->marks, &f);
    if (err) {
        indexer_put_off(x, err, &f);
        return false;
    }
    journal_marks_read(buf_str(&x->marks), &x->segments);
    return true;
}

bool indexer_reach_store(struct indexer *x)
{
    struct fail f = {0};
    if (x->is_ready)
        return true;
    if (x->retry_ns > uv_hrtime())
        return false;
    enum err err = x->store.ready ? x->store.ready(x->store.owner, &f) : ERR_OK;
    if (err) {
        indexer_put_off(x, err, &f);
        return false;
    }
    if (!indexer_read_marks(x))
        return false;
    packer_number(&x->taker.packer);
    x->retry_ns = x->backoff_ns = 0;
    x->is_ready = true;
    atomic_store(&x->is_refused, false);
    return true;
}

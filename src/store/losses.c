/*
 * losses.c — what base/loss.h counts, beyond the end of this process.
 */
#include "store/losses.h"

#include "base/loss.h"
#include "store/store_private.h"

static enum err restore(struct store *s, struct fail *f)
{
    struct statement *q;
    enum err err = database_prepare(&s->db, "SELECT reason, count, last_us FROM losses", &q, f);
    if (err)
        return err;
    while (statement_next(q, &err, f))
        for (int l = 0; l < LOSSES; l++)
            if (str_equal(column_str(q, 0), str_of(loss_info((enum loss)l)->name)))
                loss_restore((enum loss)l, (uint64_t)column_number(q, 1), column_number(q, 2));
    statement_free(q);
    return err;
}

enum err store_restore_losses(struct store *s, struct fail *f)
{
    uv_mutex_lock(&s->writing);
    enum err err = restore(s, f);
    uv_mutex_unlock(&s->writing);
    return err;
}

static enum err add(struct statement *q, enum loss l, uint64_t count, int64_t last_us,
                    struct fail *f)
{
    bind_text(q, 1, str_of(loss_info(l)->name));
    bind_number(q, 2, (int64_t)count);
    bind_number(q, 3, last_us);
    return statement_run(q, f);
}

enum err store_keep_losses(struct store *s, uint64_t kept[], struct fail *f)
{
    static const char sql[] =
        "INSERT INTO losses (reason, count, last_us) VALUES (?,?,?) ON CONFLICT (reason)"
        " DO UPDATE SET count = losses.count + excluded.count, last_us = excluded.last_us";
    struct statement *q = NULL;
    enum err err = ERR_OK;
    uv_mutex_lock(&s->writing);
    for (int l = 0; l < LOSSES && !err; l++) {
        struct loss_count n = loss_read((enum loss)l);
        if (n.since_start == kept[l])
            continue;
        if (!q)
            err = database_prepare(&s->db, sql, &q, f);
        if (!err)
            err = add(q, (enum loss)l, n.since_start - kept[l], n.last_us, f);
        if (!err)
            kept[l] = n.since_start;
    }
    statement_free(q);
    uv_mutex_unlock(&s->writing);
    return err;
}

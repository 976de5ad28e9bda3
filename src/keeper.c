/*
 * keeper.c — what is done about the store beside recording.
 */
#include "keeper.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/losses.h"

static const uint64_t losses_every_ns = UINT64_C(60) * 1000000000;

static uint64_t age(void *owner)
{
    struct keeper *k = owner;
    return retention_step(&k->retention, clock_wall_us(), clock_mono_ns());
}

static uint64_t keep_losses(void *owner)
{
    struct keeper *k = owner;
    struct fail f = {0};
    loss_log_rest();
    enum err err = store_keep_losses(k->store, k->kept_losses, &f);
    (void)err; /* tried again in a minute; they are still counted here */
    return losses_every_ns;
}

void keeper_init(struct keeper *k, const struct config *cfg, struct store *s, struct indexer *x)
{
    const struct retention_options o = {
        .max_age_us = (int64_t)cfg->storage_retention_max_age_ms * 1000,
        .rows_max_age_us = (int64_t)cfg->storage_retention_rows_max_age_ms * 1000,
        .max_bytes = (int64_t)cfg->storage_retention_max_bytes,
    };
    struct fail f = {0};
    *k = (struct keeper){.store = s, .indexer = x};
    retention_init(&k->retention, s, &o);
    if (store_restore_losses(s, &f) != ERR_OK)
        log_line(LOG_WARN, "earlier losses cannot be read", LOG_C("cause", f.detail));
}

void keeper_add_chores(struct keeper *k, struct chores *c)
{
    chores_add(c, "retention", age, k);
    chores_add(c, "losses", keep_losses, k);
}

void keeper_release(struct keeper *k)
{
    if (!k->store)
        return;
    keep_losses(k);
    retention_release(&k->retention);
}

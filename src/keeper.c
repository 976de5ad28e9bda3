/*
 * keeper.c — what is done about the store beside recording.
 */
#include "keeper.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/losses.h"

static const uint64_t minute_ns = UINT64_C(60) * 1000000000;

/* --- chores; a database that is away is asked for again in a minute --- */

static bool is_away(struct keeper *k)
{
    struct fail f = {0};
    return store_ready(k->store, &f) != ERR_OK;
}

static uint64_t age(void *owner)
{
    struct keeper *k = owner;
    if (is_away(k))
        return minute_ns;
    return retention_step(&k->retention, clock_wall_us(), clock_mono_ns());
}

static uint64_t wipe_out(void *owner)
{
    struct keeper *k = owner;
    return is_away(k) ? minute_ns : scrub_step(&k->scrub);
}

/* What earlier processes lost. */
static void learn_losses(struct keeper *k)
{
    struct fail f = {0};
    enum err err = k->knows_losses ? ERR_OK : store_restore_losses(k->store, &f);
    if (err)
        log_line(LOG_WARN, "earlier losses cannot be read", LOG_C("cause", f.detail));
    k->knows_losses = true;
}

static uint64_t keep_losses(void *owner)
{
    struct keeper *k = owner;
    struct fail f = {0};
    loss_log_rest();
    if (is_away(k))
        return minute_ns;
    learn_losses(k);
    enum err err = store_keep_losses(k->store, k->kept_losses, &f);
    (void)err; /* tried again in a minute; they are still counted here */
    return minute_ns;
}

static uint64_t keep_reserve(void *owner)
{
    struct keeper *k = owner;
    reserve_fill(&k->reserve);
    return minute_ns;
}

static uint64_t price_again(void *owner)
{
    struct keeper *k = owner;
    return repricer_step(&k->repricer);
}

/* --- glue --- */

static bool make_room(void *owner)
{
    struct keeper *k = owner;
    return reserve_spend(&k->reserve);
}

static void ask_fence(void *owner)
{
    indexer_ask_fence(owner);
}

static uint64_t fence(void *owner)
{
    return indexer_fence(owner);
}

static uint64_t oldest_block(void *owner)
{
    return indexer_oldest_block(owner);
}

/* --- life --- */

void keeper_init(struct keeper *k, const struct config *cfg, struct store *s, struct indexer *x,
                 struct search *search, const struct prices *prices)
{
    const struct retention_options o = {
        .max_age_us = (int64_t)cfg->storage_retention_max_age_ms * 1000,
        .rows_max_age_us = (int64_t)cfg->storage_retention_rows_max_age_ms * 1000,
        .max_bytes = (int64_t)cfg->storage_retention_max_bytes,
    };
    const struct scrub_source source = {x, ask_fence, fence, oldest_block};
    *k = (struct keeper){.store = s, .indexer = x};
    retention_init(&k->retention, s, search, &o);
    repricer_init(&k->repricer, s, prices);
    scrub_init(&k->scrub, s, &source);
    reserve_init(&k->reserve, cfg->storage_data_dir, (int64_t)cfg->storage_reserve_bytes);
    store_on_full(s, make_room, k);
    if (!is_away(k))
        learn_losses(k);
}

void keeper_add_chores(struct keeper *k, struct chores *c)
{
    chores_add(c, "retention", age, k);
    chores_add(c, "wiping", wipe_out, k);
    chores_add(c, "losses", keep_losses, k);
    chores_add(c, "reserve", keep_reserve, k);
    chores_add(c, "prices", price_again, k);
}

void keeper_release(struct keeper *k)
{
    if (!k->store)
        return;
    keep_losses(k);
    store_on_full(k->store, NULL, NULL);
    retention_release(&k->retention);
    repricer_release(&k->repricer);
    scrub_release(&k->scrub);
    reserve_release(&k->reserve);
}

bool keeper_lacks_room(const struct keeper *k)
{
    enum { STEP_BYTES = 16 << 20 }; /* that a step of the text index may add to its file and its log */
    int64_t free_bytes = reserve_free_bytes(&k->reserve);
    return free_bytes >= 0 && free_bytes < k->reserve.bytes + STEP_BYTES;
}

void keeper_tell(struct keeper *k, struct api_upkeep *out)
{
    const struct retention_options *o = &k->retention.options;
    struct retention_counts n = retention_count(&k->retention);
    *out = (struct api_upkeep){
        .max_age_ms = o->max_age_us / 1000,
        .rows_max_age_ms = o->rows_max_age_us / 1000,
        .max_bytes = o->max_bytes,
        .runs = n.runs,
        .dropped_bytes = n.dropped_bytes,
        .deleted_requests = n.deleted_requests,
        .ran_us = n.ran_us,
        .is_held = n.is_held,
        .disk_free_bytes = reserve_free_bytes(&k->reserve),
        .reserve_bytes = reserve_held_bytes(&k->reserve),
    };
}

/*
 * retention.c — what grows too old or too large leaves the store by itself.
 *
 * The phases of a run stand in order in one table; each step of a phase is one short transaction.
 */
#include "store/retention.h"

#include "base/log.h"
#include "base/loss.h"
#include "store/store_private.h"

enum { ROWS_MIN = 1000 /* may go in one run, however few there are */ };

static const uint64_t second_ns = 1000000000;
static const int64_t second_us = 1000000;
static const int64_t slack_bytes = 1 << 20; /* free within the file: new records need some soon */

void retention_init(struct retention *r, struct store *s, struct search *search,
                    const struct retention_options *o)
{
    *r = (struct retention){.store = s, .search = search, .options = *o};
    if (o->rows_max_age_us && (!o->max_age_us || o->max_age_us > o->rows_max_age_us))
        r->options.max_age_us = o->rows_max_age_us; /* a body without a row cannot be asked for */
    r->reader = store_reader_new(s);
    uv_mutex_init(&r->mutex);
}

void retention_release(struct retention *r)
{
    store_reader_free(r->reader);
    uv_mutex_destroy(&r->mutex);
}

struct retention_counts retention_count(struct retention *r)
{
    uv_mutex_lock(&r->mutex);
    struct retention_counts counts = r->counts;
    uv_mutex_unlock(&r->mutex);
    return counts;
}

static void note(struct retention *r, int64_t bytes, int64_t rows)
{
    uv_mutex_lock(&r->mutex);
    r->counts.dropped_bytes += (uint64_t)bytes;
    r->counts.deleted_requests += (uint64_t)rows;
    uv_mutex_unlock(&r->mutex);
}

/* --- the clock --- */

static void hold(struct retention *r, uint64_t mono_ns, int64_t jump_s)
{
    r->held_until_ns = mono_ns + RETENTION_HOLD_S * second_ns;
    log_line(LOG_WARN, "the clock has jumped: nothing is removed for being old for a day",
             LOG_N("seconds", jump_s));
}

/* How far the wall clock has gone by itself since the last look, or since another process's. */
static enum err clock_jump(struct retention *r, int64_t wall_us, uint64_t mono_ns, int64_t *jump_s,
                           struct fail *f)
{
    *jump_s = 0;
    if (r->last_wall_us) {
        int64_t mono_us = (int64_t)((mono_ns - r->last_mono_ns) / 1000);
        *jump_s = (wall_us - r->last_wall_us - mono_us) / second_us;
        return ERR_OK;
    }
    int64_t ran_us;
    enum err err = store_keeping_ran(r->store, &ran_us, f);
    if (err || !ran_us)
        return err;
    int64_t away_s = (wall_us - ran_us) / second_us;
    bool is_believed = away_s >= 0 && away_s <= RETENTION_AWAY_DAYS * INT64_C(86400);
    *jump_s = is_believed ? 0 : away_s;
    return ERR_OK;
}

/* May age count? */
static enum err look_at_clock(struct retention *r, int64_t wall_us, uint64_t mono_ns,
                              struct fail *f)
{
    int64_t jump_s;
    enum err err = clock_jump(r, wall_us, mono_ns, &jump_s, f);
    if (err)
        return err;
    if (jump_s > RETENTION_JUMP_S || jump_s < -RETENTION_JUMP_S)
        hold(r, mono_ns, jump_s);
    r->last_wall_us = wall_us;
    r->last_mono_ns = mono_ns;
    if (r->held_until_ns && mono_ns >= r->held_until_ns)
        r->held_until_ns = 0;
    uv_mutex_lock(&r->mutex);
    r->counts.is_held = r->held_until_ns != 0;
    uv_mutex_unlock(&r->mutex);
    return ERR_OK;
}

/* --- plans --- */

/* So that what is young does not hang on what is about to go. */
static enum err raise_share_floor(struct retention *r, const struct store_space *space,
                                  struct fail *f)
{
    int64_t shared_us = RETENTION_SHARED_S * second_us;
    uint64_t block;
    if (r->options.max_age_us)
        shared_us = MIN_OF(shared_us, r->options.max_age_us / 8);
    enum err err = store_block_written(r->store, r->wall_us - shared_us, &block, f);
    if (err)
        return err;
    store_raise_share_floor(r->store, MAX_OF(block, space->floor));
    if (!r->options.max_bytes || !space->blocks || !space->stored_bytes)
        return ERR_OK;
    int64_t per_block = space->stored_bytes / space->blocks + 1;
    uint64_t young = (uint64_t)(r->options.max_bytes / 8 / per_block) + 1;
    uv_mutex_lock(&r->store->writing);
    uint64_t next = r->store->next_block;
    uv_mutex_unlock(&r->store->writing);
    store_raise_share_floor(r->store, next > young ? next - young : 0);
    return ERR_OK;
}

static enum err plan_ages(struct retention *r, struct fail *f)
{
    r->below = 0;
    if (!r->options.max_age_us)
        return ERR_OK;
    return store_block_needed(r->store, r->wall_us - r->options.max_age_us, &r->below, f);
}

/* Several proxies keep one database: what one of them has just done the others need not. */
static enum err leave_to_others(struct retention *r, bool *is_due, struct fail *f)
{
    int64_t ran_us;
    enum err err = store_keeping_ran(r->store, &ran_us, f);
    int64_t ago_s = err ? 0 : (r->wall_us - ran_us) / second_us;
    if (err || ago_s < 0 || ran_us == r->noted_us)
        return err;
    *is_due = *is_due && ago_s >= RETENTION_RUN_S / 2;
    r->is_over = r->is_over && ago_s >= RETENTION_SOON_S / 2;
    return ERR_OK;
}

static enum err plan(struct retention *r, int64_t wall_us, uint64_t mono_ns, struct fail *f)
{
    struct store_space space;
    r->wall_us = wall_us;
    enum err err = look_at_clock(r, wall_us, mono_ns, f);
    if (!err)
        err = store_space(r->store, &space, f);
    if (!err)
        err = raise_share_floor(r, &space, f);
    if (err)
        return err;
    bool is_due = mono_ns >= r->run_ns && !r->held_until_ns;
    r->excess_bytes = r->options.max_bytes ? space.used_bytes - r->options.max_bytes : 0;
    r->is_over = r->excess_bytes > 0;
    if (r->is_over) /* and a little more, so that it need not be done all the time */
        r->excess_bytes += r->options.max_bytes / 20;
    r->budget_bytes = space.stored_bytes / RETENTION_SHARE + 1;
    r->budget_rows = MAX_OF(space.requests / RETENTION_SHARE, ROWS_MIN);
    r->has_dropped = r->has_tried_file = false;
    r->below = 0;
    if (r->store->engine->is_shared)
        err = leave_to_others(r, &is_due, f);
    if (!err && is_due) {
        r->run_ns = mono_ns + RETENTION_RUN_S * second_ns;
        err = plan_ages(r, f);
    }
    if (!err && (is_due || r->is_over))
        r->phase = RETENTION_AGES;
    return err;
}

/* --- the phases: each step says whether there is more of it --- */

static enum err drop(struct retention *r, uint64_t below, int64_t bytes, int64_t *dropped,
                     struct fail *f)
{
    *dropped = 0;
    if (bytes <= 0 || !below)
        return ERR_OK;
    enum err err = ERR_OK;
    if (!r->has_tried_file)
        err = store_drop_file(r->store, below, bytes, dropped, f);
    r->has_tried_file = !err && !*dropped;
    bytes = MIN_OF(bytes, (int64_t)KEEPING_STEP_BYTES);
    if (r->has_tried_file)
        err = store_drop_blocks(r->store, below, bytes, dropped, f);
    r->budget_bytes -= *dropped;
    r->excess_bytes -= *dropped;
    r->has_dropped |= *dropped > 0;
    note(r, *dropped, 0);
    return err;
}

static enum err age(struct retention *r, bool *more, struct fail *f)
{
    int64_t dropped;
    enum err err = drop(r, r->below, r->budget_bytes, &dropped, f);
    *more = dropped > 0;
    return err;
}

static enum err shrink(struct retention *r, bool *more, struct fail *f)
{
    int64_t dropped;
    int64_t bytes = MIN_OF(r->excess_bytes, r->budget_bytes);
    enum err err = drop(r, r->is_over ? UINT64_MAX : 0, bytes, &dropped, f);
    *more = dropped > 0;
    return err;
}

static enum err sweep(struct retention *r, bool *more, struct fail *f)
{
    *more = false;
    if (!r->has_dropped)
        return ERR_OK;
    enum err err = store_sweep_pieces(r->store, &r->pieces, more, f);
    return err;
}

/* Rows that are too old; and, where no block is left to be dropped, the oldest ones. */
static enum err forget(struct retention *r, bool *more, struct fail *f)
{
    struct uuid newest;
    int64_t before_us = 0;
    *more = false;
    if (r->options.rows_max_age_us && !r->held_until_ns)
        before_us = r->wall_us - r->options.rows_max_age_us;
    if (r->is_over && !r->has_dropped)
        before_us = r->wall_us;
    if (!before_us || r->budget_rows <= 0)
        return ERR_OK;
    const struct request_filter filter = {.end_us = before_us};
    memset(newest.bytes, 0xff, sizeof newest.bytes);
    int64_t deleted = r->eraser.deleted;
    int limit = (int)MIN_OF(r->budget_rows, (int64_t)ERASE_STEP_ROWS);
    enum err err = eraser_step(&r->eraser, &filter, &newest, limit, more, f);
    deleted = r->eraser.deleted - deleted;
    r->budget_rows -= deleted;
    note(r, 0, deleted);
    return err;
}

/* What was said in bodies that are gone is not found any more either. */
static enum err drop_texts(struct retention *r, struct fail *f)
{
    int64_t before_us;
    enum err err = store_bodies_since(r->store, &before_us, f);
    if (!err && before_us)
        search_drop_before(r->search, before_us);
    return err;
}

static enum err give_back(struct retention *r, bool *more, struct fail *f)
{
    enum err err = r->has_dropped && r->search ? drop_texts(r, f) : ERR_OK;
    r->has_dropped = false;
    if (err)
        return err;
    return store_shrink(r->store, slack_bytes, more, f);
}

static enum err (*const phases[])(struct retention *r, bool *more, struct fail *f) = {
    [RETENTION_AGES] = age,       [RETENTION_SHRINKS] = shrink,
    [RETENTION_SWEEPS] = sweep,   [RETENTION_FORGETS] = forget,
    [RETENTION_GIVES_BACK] = give_back,
};

static uint64_t rest(struct retention *r, uint64_t mono_ns)
{
    r->phase = RETENTION_RESTS;
    r->next_ns = mono_ns + RETENTION_SOON_S * second_ns;
    return RETENTION_SOON_S * second_ns;
}

static enum err finish(struct retention *r, struct fail *f)
{
    uv_mutex_lock(&r->mutex);
    r->counts.runs++;
    r->counts.ran_us = r->wall_us;
    uv_mutex_unlock(&r->mutex);
    if (r->held_until_ns)
        return ERR_OK;
    r->noted_us = r->wall_us;
    return store_keeping_note(r->store, r->wall_us, f);
}

static enum err step(struct retention *r, int64_t wall_us, uint64_t mono_ns, struct fail *f)
{
    bool more = false;
    if (r->phase == RETENTION_RESTS)
        return mono_ns >= r->next_ns ? plan(r, wall_us, mono_ns, f) : ERR_OK;
    enum err err = phases[r->phase](r, &more, f);
    if (err || more)
        return err;
    if (r->phase != RETENTION_GIVES_BACK) {
        r->phase++;
        r->pieces = PIECE_CURSOR_START;
        eraser_init(&r->eraser, r->store, r->search, r->reader, ERASE_MARKS_NOTHING);
        return ERR_OK;
    }
    r->phase = RETENTION_RESTS;
    return finish(r, f);
}

uint64_t retention_step(struct retention *r, int64_t wall_us, uint64_t mono_ns)
{
    struct fail f = {0};
    enum err err = step(r, wall_us, mono_ns, &f);
    if (err == ERR_FULL && store_make_room(r->store))
        return 0;
    if (err && err != ERR_BUSY) {
        loss_note(LOSS_RETENTION_FAILED, 1, f.detail);
        return rest(r, mono_ns);
    }
    if (r->phase != RETENTION_RESTS)
        return 0;
    if (mono_ns >= r->next_ns)
        return rest(r, mono_ns);
    return r->next_ns - mono_ns;
}

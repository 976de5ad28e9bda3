/*
 * scrub.c — what deleted requests were made of is wiped out. The phases stand in one table.
 */
#include "store/scrub.h"

#include <stdlib.h>

#include "base/loss.h"
#include "base/mem.h"
#include "store/ranges.h"
#include "store/store_private.h"

static const uint64_t rest_ns = UINT64_C(60000000000), wait_ns = 100000000;
static const int64_t us_per_hour = INT64_C(3600) * 1000000, slack_us = INT64_C(60) * 1000000;

void scrub_init(struct scrub *c, struct store *s, const struct scrub_source *source)
{
    *c = (struct scrub){.store = s, .source = *source, .reader = store_reader_new(s)};
}

static void forget_ranges(struct scrub *c)
{
    free(c->ranges);
    c->ranges = NULL;
    c->range_count = c->range_cap = 0;
    c->merge_at = SCRUB_RANGES_MERGE;
}

void scrub_release(struct scrub *c)
{
    forget_ranges(c);
    names_sweep_release(&c->names);
    store_reader_free(c->reader);
}

/* --- what is needed --- */

static int by_place(const void *a, const void *b)
{
    const struct scrub_range *x = a, *y = b;
    if (x->block != y->block)
        return x->block < y->block ? -1 : 1;
    return (x->from > y->from) - (x->from < y->from);
}

static void merge(struct scrub *c)
{
    size_t kept = 0;
    if (c->range_count)
        qsort(c->ranges, c->range_count, sizeof *c->ranges, by_place);
    for (size_t i = 0; i < c->range_count; i++) {
        struct scrub_range *last = kept ? &c->ranges[kept - 1] : NULL, r = c->ranges[i];
        if (last && last->block == r.block && r.from <= last->to)
            last->to = MAX_OF(last->to, r.to);
        else
            c->ranges[kept++] = r;
    }
    c->range_count = kept;
    c->merge_at = MAX_OF((size_t)SCRUB_RANGES_MERGE, kept * 2);
}

static bool is_picked(const struct scrub *c, uint64_t block)
{
    for (size_t i = 0; i < c->chain_count; i++)
        if (block >= c->chains[i].first && block <= c->chains[i].last)
            return true;
    return false;
}

static void note_needed(struct piece_at at, void *owner)
{
    struct scrub *c = owner;
    if (!at.len || !is_picked(c, at.block))
        return;
    if (c->range_count >= c->merge_at)
        merge(c);
    if (c->range_count == c->range_cap) {
        c->range_cap = c->range_cap ? c->range_cap * 2 : 256;
        c->ranges = mem_resize(c->ranges, c->range_cap * sizeof *c->ranges);
    }
    c->ranges[c->range_count++] = (struct scrub_range){at.block, at.offset, at.offset + at.len};
}

/* --- the phases; each step says whether there is more of it --- */

static enum err is_alone(struct scrub *c, bool *is, struct fail *f)
{
    struct store *s = c->store;
    uint64_t others = UINT64_MAX;
    enum err err = ERR_OK;
    if (s->engine->others_from) {
        uv_mutex_lock(&s->writing);
        err = s->engine->others_from(s, SCRUB_ALONE_HOURS, &others, f);
        if (!err && s->engine->others_connected(s))
            others = 0;
        uv_mutex_unlock(&s->writing);
    }
    *is = !err && others == UINT64_MAX;
    return err;
}

static enum err rest(struct scrub *c, bool *more, struct fail *f)
{
    bool begins = false;
    enum err err = reader_begin(c->reader, f);
    if (!err && database_number(&c->reader->db, "SELECT 1 FROM scrubs LIMIT 1", 0))
        err = is_alone(c, &begins, f);
    *more = !begins;
    return err;
}

static enum err begin_fence(struct scrub *c, bool *more, struct fail *f)
{
    (void)f;
    c->source.ask_fence(c->source.owner);
    *more = false;
    return ERR_OK;
}

/* What is marked later, again perhaps, is not due before the next time. */
static enum err call_due(struct scrub *c, struct fail *f)
{
    const int64_t fence = (int64_t)c->fence;
    struct store *s = c->store;
    uv_mutex_lock(&s->writing);
    enum err err = database_change(&s->db, "UPDATE scrubs SET is_due = 1 WHERE chain < ?",
                                   &fence, 1, NULL, f);
    uv_mutex_unlock(&s->writing);
    return err;
}

/* All that may refer to blocks before the fence has to be in the store, where it can be asked. */
static enum err wait(struct scrub *c, bool *more, struct fail *f)
{
    c->fence = c->source.fence(c->source.owner);
    store_raise_share_floor(c->store, c->fence);
    *more = !c->fence || c->source.oldest_block(c->source.owner) < c->fence;
    c->pieces = PIECE_CURSOR_START;
    return *more ? ERR_OK : call_due(c, f);
}

static enum err sweep(struct scrub *c, bool *more, struct fail *f)
{
    return store_sweep_pieces(c->store, &c->pieces, more, f);
}

/* Rows that may need blocks of the chains picked began in these hours. */
static enum err pick_rows(struct scrub *c, struct fail *f)
{
    struct statement *q;
    enum err err = database_prepare(&c->reader->db,
                                    "SELECT min(hour), max(hour) FROM spans"
                                    " WHERE last_block >= ? AND oldest_block <= ?", &q, f);
    if (err)
        return err;
    bind_number(q, 1, (int64_t)c->chains[0].first);
    bind_number(q, 2, (int64_t)c->chains[c->chain_count - 1].last);
    int64_t from_us = 0, to_us = 0;
    if (statement_next(q, &err, f) && !column_is_null(q, 0)) {
        from_us = column_number(q, 0) * us_per_hour - slack_us;
        to_us = (column_number(q, 1) + 1) * us_per_hour + slack_us;
    }
    statement_free(q);
    c->after = uuid_floor(MAX_OF(from_us, 0));
    c->until = uuid_floor(MAX_OF(to_us, 0));
    return err;
}

static enum err pick(struct scrub *c, bool *more, struct fail *f)
{
    struct statement *q;
    c->chain_count = c->written = 0;
    *more = false;
    forget_ranges(c);
    enum err err = reader_begin(c->reader, f);
    if (!err)
        err = database_prepare(&c->reader->db,
                               "SELECT chain, (SELECT max(number) FROM blocks b WHERE b.number"
                               " BETWEEN s.chain AND s.chain + ? AND b.chain = s.chain)"
                               " FROM scrubs s WHERE is_due = 1 ORDER BY chain LIMIT ?", &q, f);
    if (err)
        return err;
    bind_number(q, 1, CHAIN_BLOCKS_MAX - 1);
    bind_number(q, 2, SCRUB_CHAINS);
    while (statement_next(q, &err, f)) {
        uint64_t first = (uint64_t)column_number(q, 0), last = (uint64_t)column_number(q, 1);
        c->chains[c->chain_count++] = (struct scrub_chain){first, MAX_OF(first, last)};
    }
    statement_free(q);
    return err || !c->chain_count ? err : pick_rows(c, f);
}

static enum err ask_row(struct scrub *c, struct statement *q, struct fail *f)
{
    struct piece_at detail = {(uint64_t)column_number(q, 1), (uint32_t)column_number(q, 2),
                              (uint32_t)column_number(q, 3)};
    struct str id = column_str(q, 0);
    if (id.len == sizeof c->after.bytes)
        memcpy(c->after.bytes, id.ptr, id.len);
    enum err err = reader_ranges(c->reader, detail, note_needed, c, f);
    return err == ERR_CORRUPT ? ERR_OK : err; /* nobody can read it any more */
}

static enum err ask(struct scrub *c, bool *more, struct fail *f)
{
    static const char sql[] =
        "SELECT id, detail_block, detail_offset, detail_len FROM requests WHERE id > ? AND id < ?"
        " AND detail_block >= ? AND oldest_block <= ? ORDER BY id LIMIT ?";
    struct statement *q;
    int count = 0;
    *more = false;
    if (!c->chain_count)
        return ERR_OK;
    enum err err = reader_begin(c->reader, f);
    if (!err)
        err = database_prepare(&c->reader->db, sql, &q, f);
    if (err)
        return err;
    struct uuid after = c->after;
    bind_blob(q, 1, str_make(after.bytes, sizeof after.bytes));
    bind_blob(q, 2, str_make(c->until.bytes, sizeof c->until.bytes));
    bind_number(q, 3, (int64_t)c->chains[0].first);
    bind_number(q, 4, (int64_t)c->chains[c->chain_count - 1].last);
    bind_number(q, 5, SCRUB_STEP_ROWS);
    while (!err && statement_next(q, &err, f)) {
        count++;
        err = ask_row(c, q, f);
    }
    statement_free(q);
    *more = count == SCRUB_STEP_ROWS;
    if (!err && !*more)
        merge(c);
    return err;
}

/* --- a chain is written again --- */

struct rewrite {
    struct scrub *scrub;
    struct scrub_chain chain;
    struct chain_reader reader;
    struct chain_writer writer;
    struct buf raw;
    struct rewritten {
        uint64_t number;
        size_t start, end; /* in `raw` */
        size_t stored_bytes;
        struct buf data;   /* compressed anew */
    } blocks[CHAIN_BLOCKS_MAX];
    size_t count;
    size_t wiped;   /* bytes */
    bool is_needed; /* by somebody; else it goes, unread */
    bool is_broken; /* it cannot be read: left as it is */
};

/* The first range that is in this block or in a later one. */
static size_t range_from(const struct scrub *c, uint64_t block)
{
    size_t low = 0, high = c->range_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->ranges[middle].block < block)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_needed(const struct scrub *c, struct scrub_chain chain)
{
    size_t at = range_from(c, chain.first);
    return at < c->range_count && c->ranges[at].block <= chain.last;
}

static enum err load_chain(struct rewrite *w, struct fail *f)
{
    struct store_reader *r = w->scrub->reader;
    enum err err = reader_begin(r, f);
    if (err)
        return err;
    struct statement *q = r->statements[READ_CHAIN];
    bind_number(q, 1, (int64_t)w->chain.first);
    bind_number(q, 2, (int64_t)w->chain.last);
    chain_reader_begin(&w->reader);
    while (!w->is_broken && w->count < CHAIN_BLOCKS_MAX && statement_next(q, &err, f)) {
        size_t i = w->count++;
        struct str data = column_str(q, 2);
        w->blocks[i].number = (uint64_t)column_number(q, 0);
        w->blocks[i].start = w->raw.len;
        w->blocks[i].stored_bytes = data.len;
        if (w->is_needed)
            w->is_broken =
                chain_read(&w->reader, data, (size_t)column_number(q, 1), &w->raw) != ERR_OK;
        w->blocks[i].end = w->raw.len;
    }
    statement_reset(q);
    return err;
}

static void wipe(struct rewrite *w, size_t from, size_t to)
{
    for (size_t at = from; at < to; at++)
        w->wiped += w->raw.ptr[at] != 0;
    memset(w->raw.ptr + from, 0, to - from);
}

/* Ranges are in order; what lies between them is needed by nobody. */
static void wipe_block(struct rewrite *w, size_t index)
{
    const struct scrub *c = w->scrub;
    size_t at = w->blocks[index].start, end = w->blocks[index].end, base = at;
    size_t i = range_from(c, w->blocks[index].number);
    for (; i < c->range_count && c->ranges[i].block == w->blocks[index].number; i++) {
        size_t from = MIN_OF(base + c->ranges[i].from, end);
        size_t to = MIN_OF(base + c->ranges[i].to, end);
        wipe(w, at, MAX_OF(from, at));
        at = MAX_OF(at, to);
    }
    wipe(w, at, end);
}

static enum err compress(struct rewrite *w)
{
    uint64_t chain;
    enum err err = ERR_OK;
    if (!w->count)
        return ERR_OK;
    chain_begin_again(&w->writer, w->blocks[0].number);
    for (size_t i = 0; i < w->count && !err; i++) {
        struct str raw = str_make(w->raw.ptr + w->blocks[i].start,
                                  w->blocks[i].end - w->blocks[i].start);
        buf_init(&w->blocks[i].data, BLOCK_RAW_MAX * 2);
        err = chain_write(&w->writer, w->blocks[i].number, raw, &w->blocks[i].data, &chain);
    }
    return err;
}

static enum err write_block(struct rewrite *w, struct statement *q, size_t i, int64_t sums[2],
                            struct fail *f)
{
    struct str data = buf_str(&w->blocks[i].data);
    bind_number(q, 1, (int64_t)w->blocks[i].number);
    if (w->is_needed) {
        bind_blob(q, 2, data);
        sums[1] += (int64_t)w->blocks[i].stored_bytes - (int64_t)data.len;
    } else {
        sums[0]++;
        sums[1] += (int64_t)w->blocks[i].stored_bytes;
    }
    return statement_run(q, f);
}

static enum err write_chain(struct rewrite *w, struct fail *f)
{
    struct store *s = w->scrub->store;
    struct statement *q;
    int64_t sums[2] = {0, 0}, chain = (int64_t)w->chain.first;
    enum err err = database_prepare(&s->db, w->is_needed
                                                ? "UPDATE blocks SET data = ?2 WHERE number = ?1"
                                                : "DELETE FROM blocks WHERE number = ?1", &q, f);
    if (err)
        return err;
    bool changes = !w->is_broken && (w->wiped || !w->is_needed);
    for (size_t i = 0; i < w->count && changes && !err; i++)
        err = write_block(w, q, i, sums, f);
    statement_free(q);
    if (!err)
        err = database_change(&s->db,
                              "UPDATE totals SET blocks = blocks - ?, stored_bytes = stored_bytes - ?",
                              sums, 2, NULL, f);
    return err ? err
               : database_change(&s->db, "DELETE FROM scrubs WHERE chain = ? AND is_due = 1",
                                 &chain, 1, NULL, f);
}

/* Block numbers only grow, and are known by the newest block: of that one the number stays. */
static enum err keep_number(struct rewrite *w, struct fail *f)
{
    struct store *s = w->scrub->store;
    int64_t newest = database_number(&s->db, "SELECT max(number) FROM blocks", 0);
    struct rewritten *last = &w->blocks[w->count - 1];
    if (w->is_needed || last->number != (uint64_t)newest)
        return ERR_OK;
    const int64_t sums[] = {(int64_t)last->stored_bytes};
    w->count--;
    enum err err = database_change(&s->db, "UPDATE blocks SET data = '' WHERE number = ?", &newest,
                                   1, NULL, f);
    return err ? err : database_change(&s->db, "UPDATE totals SET stored_bytes = stored_bytes - ?",
                                       sums, 1, NULL, f);
}

static enum err commit_chain(struct rewrite *w, struct fail *f)
{
    struct store *s = w->scrub->store;
    uv_mutex_lock(&s->writing);
    store_wipes(s, true);
    enum err err = database_begin(&s->db, f);
    if (!err && w->count)
        err = keep_number(w, f);
    if (!err)
        err = write_chain(w, f);
    if (!err)
        err = database_commit(&s->db, f);
    if (err)
        database_rollback(&s->db);
    store_wipes(s, false);
    s->needs_maintenance = true;
    uv_mutex_unlock(&s->writing);
    return err;
}

static enum err rewrite_chain(struct scrub *c, struct scrub_chain chain, struct fail *f)
{
    struct rewrite *w = MEM_NEW(struct rewrite);
    w->scrub = c;
    w->chain = chain;
    w->is_needed = is_needed(c, chain);
    chain_reader_init(&w->reader);
    chain_writer_init(&w->writer);
    buf_init(&w->raw, CHAIN_RAW_MAX + BLOCK_RAW_MAX);
    enum err err = load_chain(w, f);
    for (size_t i = 0; i < w->count && !err && w->is_needed && !w->is_broken; i++)
        wipe_block(w, i);
    if (!err && w->wiped && !w->is_broken)
        err = compress(w);
    if (!err)
        err = commit_chain(w, f);
    for (size_t i = 0; i < w->count; i++)
        buf_release(&w->blocks[i].data);
    buf_release(&w->raw);
    chain_reader_release(&w->reader);
    chain_writer_release(&w->writer);
    free(w);
    return err;
}

static enum err write_chains(struct scrub *c, bool *more, struct fail *f)
{
    *more = false;
    if (c->written == c->chain_count)
        return ERR_OK;
    enum err err = rewrite_chain(c, c->chains[c->written], f);
    c->written += !err;
    *more = !err;
    return err;
}

static enum err sweep_names(struct scrub *c, bool *more, struct fail *f)
{
    if (!c->store->engine->has_hashed_names)
        return names_sweep_step(&c->names, c->store, c->reader, more, f);
    *more = false; /* another proxy may know them, and need one again */
    return ERR_OK;
}

static enum err give_back(struct scrub *c, bool *more, struct fail *f)
{
    return store_shrink(c->store, 0, more, f);
}

static enum err (*const phases[])(struct scrub *c, bool *more, struct fail *f) = {
    [SCRUB_RESTS] = rest,       [SCRUB_FENCES] = begin_fence, [SCRUB_WAITS] = wait,
    [SCRUB_SWEEPS] = sweep,     [SCRUB_PICKS] = pick,         [SCRUB_ASKS] = ask,
    [SCRUB_WRITES] = write_chains, [SCRUB_NAMES] = sweep_names,  [SCRUB_GIVES_BACK] = give_back,
};

static void go_on(struct scrub *c)
{
    if (c->phase == SCRUB_WRITES && c->chain_count)
        c->phase = SCRUB_PICKS; /* perhaps there are more of them */
    else if (c->phase == SCRUB_GIVES_BACK)
        c->phase = SCRUB_RESTS;
    else
        c->phase++;
}

uint64_t scrub_step(struct scrub *c)
{
    struct fail f = {0};
    bool more = false;
    enum err err = phases[c->phase](c, &more, &f);
    if (err == ERR_FULL && store_make_room(c->store))
        return 0;
    if (err) {
        if (err != ERR_BUSY)
            loss_note(LOSS_RETENTION_FAILED, 1, f.detail);
        c->phase = SCRUB_RESTS; /* and begins again: what was done stays done */
        return rest_ns;
    }
    if (!more)
        go_on(c);
    else if (c->phase == SCRUB_RESTS)
        return rest_ns;
    else if (c->phase == SCRUB_WAITS)
        return wait_ns;
    return 0;
}

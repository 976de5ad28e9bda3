/*
 * cell.c — adding up, and cells as bytes: the sums as varints, then each histogram and the tools
 * as a number of entries that are not zero. Most cells are of few requests: a histogram of just one
 * is left out, as the sum tells where it is; of the longest time it is told only how far it reaches
 * into the highest bucket; and of a tool what is zero, or a count that is that of its requests, is not
 * written.
 */
#include "store/cell.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/wire.h"

enum {
    SUMS = sizeof(struct cell_sums) / sizeof(int64_t),
    /* the name is the first */
    TOOL_PARTS = offsetof(struct cell_tool, durations) / sizeof(int64_t),
    /* beside the number of tools: longest times, and the tools' own times follow. Cells without
     * it, of older stores, have neither, and so many parts of each tool */
    HAS_TIMES = 128,
    REACHES = 127, /* parts of a bucket, so that they fit into a byte */
    OLD_TOOL_PARTS = offsetof(struct cell_tool, first_token_us) / sizeof(int64_t)
};

static void release_tools(struct cell_tools *tools)
{
    for (size_t i = 0; i < tools->cap; i++) {
        free(tools->list[i].durations.list);
        free(tools->list[i].first_tokens.list);
    }
    free(tools->list);
    *tools = (struct cell_tools){0};
}

void cell_init(struct cell *c)
{
    *c = (struct cell){0};
}

void cell_clear(struct cell *c)
{
    release_tools(&c->tools);
    cell_init(c);
}

static void empty_times(struct time_entries *e)
{
    e->count = 0;
    e->max_us = 0;
}

void cell_entries_clear(struct cell_entries *c)
{
    c->sums = (struct cell_sums){0};
    c->tools.count = 0;
    empty_times(&c->durations);
    empty_times(&c->first_tokens);
}

void cell_entries_release(struct cell_entries *c)
{
    release_tools(&c->tools);
    free(c->durations.list);
    free(c->first_tokens.list);
    *c = (struct cell_entries){0};
}

/* --- times by size --- */

static struct time_entry *insert_entry(struct time_entries *e, size_t at, int64_t bucket)
{
    if (e->count == e->cap) {
        assert(e->cap < TIME_BUCKETS);
        e->cap = e->cap ? e->cap * 2 : 4;
        e->list = mem_resize(e->list, e->cap * sizeof *e->list);
    }
    memmove(e->list + at + 1, e->list + at, (e->count++ - at) * sizeof *e->list);
    e->list[at] = (struct time_entry){.bucket = bucket};
    return &e->list[at];
}

static void count_time(struct time_entries *e, int64_t bucket, int64_t count)
{
    size_t at = e->count;
    while (at > 0 && e->list[at - 1].bucket >= bucket)
        at--;
    struct time_entry *entry = at < e->count && e->list[at].bucket == bucket
                                   ? &e->list[at]
                                   : insert_entry(e, at, bucket);
    entry->count += count;
    if (!entry->count)
        memmove(entry, entry + 1, (--e->count - at) * sizeof *entry);
}

void time_entries_add(struct time_entries *e, int64_t us, int sign)
{
    if (us < 0)
        return;
    count_time(e, time_bucket_of(us), sign);
    if (sign > 0)
        e->max_us = MAX_OF(e->max_us, us);
}

static void add_entries(struct time_entries *e, const struct time_entries *more)
{
    for (size_t i = 0; i < more->count; i++)
        count_time(e, more->list[i].bucket, more->list[i].count);
    e->max_us = MAX_OF(e->max_us, more->max_us);
}

static void count_entries(struct time_counts *c, const struct time_entries *more)
{
    for (size_t i = 0; i < more->count; i++)
        c->counts[more->list[i].bucket] += more->list[i].count;
    c->max_us = MAX_OF(c->max_us, more->max_us);
}

static void count_us(struct time_counts *c, int64_t us, int sign)
{
    if (us < 0)
        return;
    c->counts[time_bucket_of(us)] += sign;
    if (sign > 0)
        c->max_us = MAX_OF(c->max_us, us);
}

/* --- sums --- */

static void add_usage(int64_t sums[USAGE_PARTS], const struct usage *u, int sign)
{
    const int64_t parts[USAGE_PARTS] = {
        u->input_tokens, u->output_tokens, u->cache_read_input_tokens,
        u->cache_creation_input_tokens, u->cache_creation_5m_tokens, u->cache_creation_1h_tokens,
        u->web_search_requests,
    };
    for (int i = 0; i < USAGE_PARTS; i++)
        sums[i] += sign * MAX_OF(parts[i], 0);
}

void usage_sum(int64_t sums[USAGE_PARTS], const struct usage *u)
{
    add_usage(sums, u, 1);
}

static void add_time(int64_t us, int sign, int64_t *sum, int64_t *count)
{
    *sum += sign * MAX_OF(us, 0);
    *count += us >= 0 ? sign : 0;
}

static void add_speed(struct cell_sums *s, const struct record *r, int sign)
{
    if (r->first_token_us < 0 || r->duration_us <= r->first_token_us ||
        r->usage.output_tokens <= 0)
        return;
    s->speed_tokens += sign * r->usage.output_tokens;
    s->speed_us += sign * (r->duration_us - r->first_token_us);
}

void cell_sums_add(struct cell_sums *s, const struct record *r, int sign)
{
    s->request_count += sign;
    s->error_count += record_failed(r) ? sign : 0;
    add_usage(s->usage, &r->usage, sign);
    s->cost_usd_micro += sign * MAX_OF(r->cost_usd_micro, 0);
    s->unknown_cost_count += r->flags & RECORD_COST_UNKNOWN ? sign : 0;
    s->estimated_cost_count += r->flags & RECORD_COST_ESTIMATED ? sign : 0;
    s->request_bytes += sign * r->request_bytes;
    s->response_bytes += sign * r->response_bytes;
    add_time(r->duration_us, sign, &s->duration_us, &s->duration_count);
    add_time(r->first_token_us, sign, &s->first_token_us, &s->first_token_count);
    add_time(r->ttfb_us, sign, &s->ttfb_us, &s->ttfb_count);
    add_speed(s, r, sign);
}

void cell_add_record(struct cell *c, const struct record *r, int sign)
{
    cell_sums_add(&c->sums, r, sign);
    count_us(&c->durations, r->duration_us, sign);
    count_us(&c->first_tokens, r->first_token_us, sign);
}

void cell_tool_call(struct cell_tool *t, const struct record *r, int64_t calls, int sign)
{
    t->request_count += sign;
    t->call_count += sign * calls;
    add_usage(t->usage, &r->usage, sign);
    t->cost_usd_micro += sign * MAX_OF(r->cost_usd_micro, 0);
    t->unknown_cost_count += r->flags & RECORD_COST_UNKNOWN ? sign : 0;
    add_time(r->duration_us, sign, &t->duration_us, &t->duration_count);
    add_time(r->first_token_us, sign, &t->first_token_us, &t->first_token_count);
    time_entries_add(&t->durations, r->duration_us, sign);
    time_entries_add(&t->first_tokens, r->first_token_us, sign);
}

static struct cell_tool *find_tool(struct cell_tools *tools, int64_t tool)
{
    for (size_t i = 0; i < tools->count; i++)
        if (tools->list[i].tool == tool)
            return &tools->list[i];
    return NULL;
}

/* All of it zero, but for the room its times have. */
static struct cell_tool *next_tool(struct cell_tools *tools)
{
    if (tools->count == tools->cap) {
        assert(tools->cap < CELL_TOOLS_MAX);
        size_t cap = tools->cap ? tools->cap * 2 : 4;
        tools->list = mem_resize(tools->list, cap * sizeof *tools->list);
        memset(tools->list + tools->cap, 0, (cap - tools->cap) * sizeof *tools->list);
        tools->cap = cap;
    }
    struct cell_tool *t = &tools->list[tools->count++];
    memset(t, 0, offsetof(struct cell_tool, durations));
    empty_times(&t->durations);
    empty_times(&t->first_tokens);
    return t;
}

struct cell_tool *cell_tool_of(struct cell_tools *tools, int64_t tool, int64_t other)
{
    struct cell_tool *sum = find_tool(tools, tool);
    if (!sum && tools->count >= CELL_TOOLS_MAX - 1)
        sum = find_tool(tools, tool = other);
    if (!sum) {
        sum = next_tool(tools);
        sum->tool = tool;
    }
    return sum;
}

static void add_tool(struct cell_tool *sum, const struct cell_tool *more)
{
    int64_t *into = &sum->tool;
    const int64_t *terms = &more->tool;
    for (int i = 1; i < TOOL_PARTS; i++)
        into[i] += terms[i];
    add_entries(&sum->durations, &more->durations);
    add_entries(&sum->first_tokens, &more->first_tokens);
}

void cell_add_but_tools(struct cell *c, const struct cell_entries *more)
{
    int64_t *sums = &c->sums.request_count;
    const int64_t *terms = &more->sums.request_count;
    for (int i = 0; i < SUMS; i++)
        sums[i] += terms[i];
    count_entries(&c->durations, &more->durations);
    count_entries(&c->first_tokens, &more->first_tokens);
}

void cell_add(struct cell *c, const struct cell_entries *more, int64_t other)
{
    cell_add_but_tools(c, more);
    for (size_t i = 0; i < more->tools.count; i++) {
        const struct cell_tool *tool = &more->tools.list[i];
        add_tool(cell_tool_of(&c->tools, tool->tool, other), tool);
    }
}

void cell_add_as_tool(struct cell *c, const struct cell_tool *t)
{
    struct cell_sums *sums = &c->sums;
    sums->request_count += t->request_count;
    sums->tool_call_count += t->call_count;
    sums->tool_error_count += t->error_count;
    for (int part = 0; part < USAGE_PARTS; part++)
        sums->usage[part] += t->usage[part];
    sums->cost_usd_micro += t->cost_usd_micro;
    sums->unknown_cost_count += t->unknown_cost_count;
    sums->duration_us += t->duration_us;
    sums->duration_count += t->duration_count;
    sums->first_token_us += t->first_token_us;
    sums->first_token_count += t->first_token_count;
    count_entries(&c->durations, &t->durations);
    count_entries(&c->first_tokens, &t->first_tokens);
}

bool cell_is_empty(const struct cell *c)
{
    static const struct cell_sums nothing;
    return memcmp(&c->sums, &nothing, sizeof nothing) == 0;
}

/* --- as bytes --- */

static enum err put(struct buf *out, int64_t number)
{
    return wire_put_varint(out, wire_zigzag(number));
}

/* Those that are not zero. */
static void entries_of(const struct time_counts *c, struct time_entries *out)
{
    empty_times(out);
    for (int i = 0; i < TIME_BUCKETS; i++)
        if (c->counts[i])
            insert_entry(out, out->count, i)->count = c->counts[i];
    out->max_us = c->max_us;
}

static bool is_told_by_sum(const struct time_entries *e, int64_t sum_us)
{
    return e->count == 1 && e->list[0].count == 1 && sum_us >= 0 &&
           e->list[0].bucket == time_bucket_of(sum_us);
}

static enum err put_entries(struct buf *out, const struct time_entries *e, int64_t sum_us)
{
    int64_t before = 0;
    if (is_told_by_sum(e, sum_us))
        return wire_put_varint(out, 0);
    enum err err = wire_put_varint(out, e->count);
    for (size_t i = 0; i < e->count && !err; i++) {
        err = wire_put_varint(out, (uint64_t)(e->list[i].bucket - before));
        if (!err)
            err = put(out, e->list[i].count);
        before = e->list[i].bucket;
    }
    return err;
}

static int64_t part_us(int64_t bucket, int64_t reach)
{
    int64_t low = time_bucket_low_us((unsigned)bucket);
    int64_t wide = time_bucket_low_us((unsigned)bucket + 1) - low;
    return low + (wide * reach + REACHES - 1) / REACHES;
}

/* Rounded up, but what was read comes back as it was. */
static enum err put_reach(struct buf *out, const struct time_entries *e, int64_t sum_us)
{
    uint64_t reach = 0;
    if (!e->count || is_told_by_sum(e, sum_us))
        return ERR_OK;
    while (reach < REACHES && part_us(e->list[e->count - 1].bucket, (int64_t)reach) < e->max_us)
        reach++;
    return wire_put_varint(out, reach);
}

static enum err put_times(struct buf *out, const struct time_entries *e, int64_t sum_us)
{
    enum err err = put_entries(out, e, sum_us);
    return err ? err : put_reach(out, e, sum_us);
}

/* The counts that are usually the same as that of the requests, made the difference, or back. */
static void swap_counts(struct cell_tool *t, int sign)
{
    t->call_count -= sign * t->request_count;
    t->duration_count -= sign * t->request_count;
    t->first_token_count -= sign * t->request_count;
}

/* Which parts are not zero, one bit each, and those. */
static enum err put_tool(struct buf *out, const struct cell_tool *tool)
{
    struct cell_tool t = *tool;
    const int64_t *parts = &t.tool;
    uint64_t used = 0;
    swap_counts(&t, 1);
    for (int i = 0; i < TOOL_PARTS; i++)
        used |= (uint64_t)(parts[i] != 0) << i;
    enum err err = wire_put_varint(out, used);
    for (int i = 0; i < TOOL_PARTS && !err; i++)
        if (parts[i])
            err = put(out, parts[i]);
    if (!err)
        err = put_times(out, &t.durations, t.duration_us);
    return err ? err : put_times(out, &t.first_tokens, t.first_token_us);
}

enum err cell_write(struct buf *out, const struct cell *c)
{
    const int64_t *sums = &c->sums.request_count;
    struct time_entries durations = {0}, first_tokens = {0};
    enum err err = ERR_OK;
    entries_of(&c->durations, &durations);
    entries_of(&c->first_tokens, &first_tokens);
    for (int i = 0; i < SUMS && !err; i++)
        err = put(out, sums[i]);
    if (!err)
        err = put_entries(out, &durations, c->sums.duration_us);
    if (!err)
        err = put_entries(out, &first_tokens, c->sums.first_token_us);
    if (!err)
        err = wire_put_varint(out, c->tools.count | HAS_TIMES);
    if (!err)
        err = put_reach(out, &durations, c->sums.duration_us);
    if (!err)
        err = put_reach(out, &first_tokens, c->sums.first_token_us);
    for (size_t i = 0; i < c->tools.count && !err; i++)
        err = put_tool(out, &c->tools.list[i]);
    free(durations.list);
    free(first_tokens.list);
    return err;
}

static int64_t get(struct wire_reader *in)
{
    return wire_unzigzag(wire_get_varint(in));
}

/* The longest is taken to be as long as its bucket lets it be. */
static void get_entries(struct wire_reader *in, struct time_entries *out, int64_t count_of_all,
                        int64_t sum_us)
{
    uint64_t bucket = 0, count = wire_get_varint(in);
    in->bad |= count > TIME_BUCKETS;
    for (uint64_t i = 0; i < count && !in->bad; i++) {
        uint64_t more = wire_get_varint(in);
        in->bad |= more >= TIME_BUCKETS - bucket || (i && !more);
        if (!in->bad)
            insert_entry(out, out->count, (int64_t)(bucket += more))->count = get(in);
    }
    if (out->count)
        out->max_us = part_us((int64_t)bucket, REACHES);
    else if (count_of_all == 1)
        time_entries_add(out, sum_us, 1);
}

static void get_reach(struct wire_reader *in, struct time_entries *e, int64_t sum_us)
{
    if (!e->count || is_told_by_sum(e, sum_us))
        return;
    uint64_t reach = wire_get_varint(in);
    in->bad |= reach > REACHES;
    if (!in->bad)
        e->max_us = part_us(e->list[e->count - 1].bucket, (int64_t)reach);
}

static void get_old_tool(struct wire_reader *in, struct cell_tool *t)
{
    int64_t *parts = &t->tool;
    for (int i = 0; i < OLD_TOOL_PARTS; i++)
        parts[i] = get(in);
}

static void get_tool(struct wire_reader *in, struct cell_tool *t)
{
    int64_t *parts = &t->tool;
    uint64_t used = wire_get_varint(in);
    in->bad |= used >> TOOL_PARTS != 0;
    for (int i = 0; i < TOOL_PARTS; i++)
        if (used >> i & 1)
            parts[i] = get(in);
    swap_counts(t, -1);
    get_entries(in, &t->durations, t->duration_count, t->duration_us);
    get_reach(in, &t->durations, t->duration_us);
    get_entries(in, &t->first_tokens, t->first_token_count, t->first_token_us);
    get_reach(in, &t->first_tokens, t->first_token_us);
}

enum err cell_read(struct str bytes, bool with_tools, struct cell_entries *out)
{
    struct wire_reader in = {bytes, false};
    struct cell_sums *n = &out->sums;
    int64_t *sums = &n->request_count;
    cell_entries_clear(out);
    for (int i = 0; i < SUMS; i++)
        sums[i] = get(&in);
    get_entries(&in, &out->durations, n->duration_count, n->duration_us);
    get_entries(&in, &out->first_tokens, n->first_token_count, n->first_token_us);
    uint64_t tools = wire_get_varint(&in), count = tools & (HAS_TIMES - 1);
    bool has_times = tools & HAS_TIMES;
    in.bad |= count > CELL_TOOLS_MAX || tools > HAS_TIMES + CELL_TOOLS_MAX;
    if (has_times) {
        get_reach(&in, &out->durations, n->duration_us);
        get_reach(&in, &out->first_tokens, n->first_token_us);
    }
    if (!with_tools)
        return in.bad ? ERR_CORRUPT : ERR_OK;
    for (uint64_t i = 0; i < count && !in.bad; i++) {
        struct cell_tool *tool = next_tool(&out->tools);
        if (has_times)
            get_tool(&in, tool);
        else
            get_old_tool(&in, tool);
    }
    return in.bad || in.rest.len ? ERR_CORRUPT : ERR_OK;
}

int64_t cell_read_count(struct str bytes)
{
    struct wire_reader in = {bytes, false};
    return get(&in); /* the first of the sums */
}

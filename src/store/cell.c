/*
 * cell.c — adding up, and cells as bytes: the sums as varints, then each histogram and the tools
 * as a number of entries that are not zero.
 */
#include "store/cell.h"

#include "base/wire.h"

enum {
    SUMS = sizeof(struct cell_sums) / sizeof(int64_t),
    TOOL_PARTS = sizeof(struct cell_tool) / sizeof(int64_t) /* the name is the first */
};

void cell_clear(struct cell *c)
{
    *c = (struct cell){0};
}

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
    if (r->duration_us >= 0)
        c->durations[time_bucket_of(r->duration_us)] += sign;
    if (r->first_token_us >= 0)
        c->first_tokens[time_bucket_of(r->first_token_us)] += sign;
}

void cell_tool_call(struct cell_tool *t, const struct record *r, int64_t calls, int sign)
{
    t->request_count += sign;
    t->call_count += sign * calls;
    add_usage(t->usage, &r->usage, sign);
    t->cost_usd_micro += sign * MAX_OF(r->cost_usd_micro, 0);
    t->unknown_cost_count += r->flags & RECORD_COST_UNKNOWN ? sign : 0;
    add_time(r->duration_us, sign, &t->duration_us, &t->duration_count);
}

static struct cell_tool *find_tool(struct cell *c, int64_t tool)
{
    for (size_t i = 0; i < c->tool_count; i++)
        if (c->tools[i].tool == tool)
            return &c->tools[i];
    return NULL;
}

void cell_add_tool(struct cell *c, const struct cell_tool *tool, int64_t other)
{
    struct cell_tool *sum = find_tool(c, tool->tool);
    int64_t name = tool->tool;
    if (!sum && c->tool_count >= CELL_TOOLS_MAX - 1)
        sum = find_tool(c, name = other);
    if (!sum) {
        assert(c->tool_count < CELL_TOOLS_MAX);
        sum = &c->tools[c->tool_count++];
        *sum = (struct cell_tool){.tool = name};
    }
    int64_t *into = &sum->tool;
    const int64_t *terms = &tool->tool;
    for (int i = 1; i < TOOL_PARTS; i++)
        into[i] += terms[i];
}

static void add_times(int64_t counts[TIME_BUCKETS], const struct time_entries *more)
{
    for (size_t i = 0; i < more->count; i++)
        counts[more->buckets[i]] += more->counts[i];
}

void cell_add_but_tools(struct cell *c, const struct cell_entries *more)
{
    int64_t *sums = &c->sums.request_count;
    const int64_t *terms = &more->sums.request_count;
    for (int i = 0; i < SUMS; i++)
        sums[i] += terms[i];
    add_times(c->durations, &more->durations);
    add_times(c->first_tokens, &more->first_tokens);
}

void cell_add(struct cell *c, const struct cell_entries *more, int64_t other)
{
    cell_add_but_tools(c, more);
    for (size_t i = 0; i < more->tool_count; i++)
        cell_add_tool(c, &more->tools[i], other);
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

static enum err put_buckets(struct buf *out, const int64_t *counts)
{
    uint64_t used = 0, before = 0;
    for (unsigned i = 0; i < TIME_BUCKETS; i++)
        used += counts[i] != 0;
    enum err err = wire_put_varint(out, used);
    for (unsigned i = 0; i < TIME_BUCKETS && !err; i++) {
        if (!counts[i])
            continue;
        err = wire_put_varint(out, i - before);
        if (!err)
            err = put(out, counts[i]);
        before = i;
    }
    return err;
}

static enum err put_tools(struct buf *out, const struct cell *c)
{
    enum err err = wire_put_varint(out, c->tool_count);
    for (size_t i = 0; i < c->tool_count && !err; i++) {
        const int64_t *parts = &c->tools[i].tool;
        for (int j = 0; j < TOOL_PARTS && !err; j++)
            err = put(out, parts[j]);
    }
    return err;
}

enum err cell_write(struct buf *out, const struct cell *c)
{
    const int64_t *sums = &c->sums.request_count;
    enum err err = ERR_OK;
    for (int i = 0; i < SUMS && !err; i++)
        err = put(out, sums[i]);
    if (!err)
        err = put_buckets(out, c->durations);
    if (!err)
        err = put_buckets(out, c->first_tokens);
    return err ? err : put_tools(out, c);
}

static int64_t get(struct wire_reader *in)
{
    return wire_unzigzag(wire_get_varint(in));
}

static void get_times(struct wire_reader *in, struct time_entries *out)
{
    uint64_t at = 0, count = wire_get_varint(in);
    in->bad |= count > TIME_BUCKETS;
    out->count = in->bad ? 0 : (size_t)count;
    for (size_t i = 0; i < out->count && !in->bad; i++) {
        at += wire_get_varint(in);
        in->bad |= at >= TIME_BUCKETS;
        out->buckets[i] = (uint8_t)at;
        out->counts[i] = get(in);
    }
}

static void get_tools(struct wire_reader *in, struct cell_entries *out)
{
    uint64_t count = wire_get_varint(in);
    in->bad |= count > CELL_TOOLS_MAX;
    out->tool_count = in->bad ? 0 : (size_t)count;
    for (size_t i = 0; i < out->tool_count; i++) {
        int64_t *parts = &out->tools[i].tool;
        for (int j = 0; j < TOOL_PARTS; j++)
            parts[j] = get(in);
    }
}

enum err cell_read(struct str bytes, struct cell_entries *out)
{
    struct wire_reader in = {bytes, false};
    int64_t *sums = &out->sums.request_count;
    for (int i = 0; i < SUMS; i++)
        sums[i] = get(&in);
    get_times(&in, &out->durations);
    get_times(&in, &out->first_tokens);
    get_tools(&in, out);
    return in.bad || in.rest.len ? ERR_CORRUPT : ERR_OK;
}

int64_t cell_read_count(struct str bytes)
{
    struct wire_reader in = {bytes, false};
    return get(&in); /* the first of the sums */
}

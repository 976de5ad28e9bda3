/*
 * journal_marks.c — how far the journal is in the store.
 *
 *     version | count | count * segment | exchange …
 *     segment:  1 (of the boot before) or 0 and its 16 bytes | number | mark
 *     exchange: index of the segment it began in | offset of what its BEGIN says
 *
 * All numbers are varints. A segment's exchanges stand in the order they began.
 */
#include "index/journal_marks.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/wire.h"

enum { LAYOUT = 1, ENTRY_BYTES_MAX = 1 + 16 + 2 * 10 };

/* --- writing --- */

static uint64_t mark_of(const struct segment *g)
{
    return MAX_OF(g->mark, g->read_to);
}

static bool says_something(const struct segment *g)
{
    return g->has_boot && mark_of(g) > g->begin;
}

static enum err put_segment(struct buf *out, const struct segment *g, const struct segment *before)
{
    bool is_same = before && uuid_equal(&before->boot, &g->boot);
    enum err err = buf_reserve(out, ENTRY_BYTES_MAX);
    if (!err)
        err = wire_put_varint(out, is_same);
    if (!err && !is_same)
        err = buf_append(out, str_make(g->boot.bytes, sizeof g->boot.bytes));
    if (!err)
        err = wire_put_varint(out, g->number);
    return err ? err : wire_put_varint(out, mark_of(g));
}

static enum err put_segments(struct buf *out, struct segments *s)
{
    uint32_t count = 0;
    const struct segment *before = NULL;
    for (struct segment *g = s->first; g; g = g->next)
        if (says_something(g))
            g->mark_index = count++;
    enum err err = wire_put_varint(out, count);
    for (const struct segment *g = s->first; g && !err; g = g->next)
        if (says_something(g)) {
            err = put_segment(out, g, before);
            before = g;
        }
    return err;
}

static enum err put_exchange(struct buf *out, const struct segment *g, uint64_t offset)
{
    enum err err = wire_put_varint(out, g->mark_index);
    return err ? err : wire_put_varint(out, offset);
}

static enum err put_exchanges(struct buf *out, const struct segments *s, const struct gathering *x)
{
    enum err err = ERR_OK;
    for (const struct gathered *e = x->oldest; e && !err; e = e->newer)
        if (!e->is_ended && says_something(e->segments[0]))
            err = put_exchange(out, e->segments[0], e->begin.offset);
    /* those that have not been come to again */
    for (const struct segment *g = s->first; g && !err; g = g->next)
        for (uint32_t i = g->open_next; i < g->open_count && !err; i++)
            err = put_exchange(out, g, g->open[i]);
    return err;
}

void journal_marks_write(struct buf *out, struct segments *s, const struct gathering *x)
{
    buf_clear(out);
    enum err err = wire_put_varint(out, LAYOUT);
    if (!err)
        err = put_segments(out, s);
    if (!err)
        err = put_exchanges(out, s, x);
    if (err)
        out->len = 0;
}

/* --- reading --- */

static struct segment *find(const struct segments *s, const struct uuid *boot, uint64_t number)
{
    for (struct segment *g = s->first; g && g->number <= number; g = g->next)
        if (g->number == number && g->has_boot && uuid_equal(&g->boot, boot))
            return g;
    return NULL;
}

static void add_open(struct segment *g, uint64_t offset)
{
    if (!(g->open_count & (g->open_count - 1))) /* a power of two: full */
        g->open = mem_resize(g->open, MAX_OF(g->open_count * 2, 1u) * sizeof *g->open);
    g->open[g->open_count++] = offset;
}

static void read_segments(struct wire_reader *in, const struct segments *s, struct segment **found,
                          uint64_t count)
{
    struct uuid boot = {{0}};
    for (uint64_t i = 0; i < count && !in->bad; i++) {
        bool is_same = wire_get_varint(in);
        struct str bytes = is_same ? STR_NONE : wire_get_exactly(in, sizeof boot.bytes);
        if (bytes.len)
            memcpy(boot.bytes, bytes.ptr, sizeof boot.bytes);
        uint64_t number = wire_get_varint(in), mark = wire_get_varint(in);
        found[i] = in->bad ? NULL : find(s, &boot, number);
        if (found[i])
            found[i]->mark = mark;
    }
}

static void read_exchanges(struct wire_reader *in, struct segment *const *found, uint64_t count)
{
    while (in->rest.len && !in->bad) {
        uint64_t index = wire_get_varint(in), offset = wire_get_varint(in);
        in->bad |= index >= count;
        if (!in->bad && found[index])
            add_open(found[index], offset);
    }
}

static void clear(struct segments *s)
{
    for (struct segment *g = s->first; g; g = g->next)
        segment_forget_mark(g);
}

void journal_marks_read(struct str marks, struct segments *s)
{
    struct wire_reader in = {marks, false};
    clear(s);
    bool is_known = wire_get_varint(&in) == LAYOUT;
    uint64_t count = wire_get_varint(&in);
    if (!is_known || in.bad || count > marks.len)
        return;
    struct segment **found = mem_zeroed((count + 1) * sizeof(struct segment *));
    read_segments(&in, s, found, count);
    read_exchanges(&in, found, count);
    free(found);
    if (in.bad)
        clear(s);
}

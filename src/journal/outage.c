/*
 * outage.c — what a journal could not write.
 */
#include "journal/outage.h"

#include <assert.h>

void outage_init(struct outage *o)
{
    *o = (struct outage){0};
    buf_init(&o->owed, OUTAGE_OWED_BYTES_MAX);
}

void outage_release(struct outage *o)
{
    buf_release(&o->owed);
}

struct noted {
    const struct iovec *parts;
    size_t count, at;
};

static bool next_noted(struct noted *n, struct frame *f)
{
    if (n->at >= n->count)
        return false;
    size_t len = frame_head_read(n->parts[n->at++].iov_base, f);
    f->payload = len ? str_make(n->parts[n->at++].iov_base, len) : STR_NONE;
    return true;
}

static bool begins_among(struct noted n, const struct uuid *id)
{
    struct frame f;
    while (next_noted(&n, &f))
        if (f.type == FRAME_BEGIN && uuid_equal(&f.id, id))
            return true;
    return false;
}

static bool owe(struct outage *o, const struct frame *f)
{
    char head[FRAME_HEAD_BYTES];
    if (o->owed.len + sizeof head + f->payload.len > OUTAGE_OWED_BYTES_MAX)
        return false;
    frame_write_head(head, f, f->payload, STR_NONE);
    enum err err = buf_append(&o->owed, str_make(head, sizeof head));
    if (!err)
        err = buf_append(&o->owed, f->payload);
    assert(!err); /* it has room */
    o->owed_count++;
    return true;
}

static void note_gap(struct outage *o, uint64_t turn)
{
    struct gap *newest = &o->gaps[(o->gap_count + OUTAGE_GAPS_MAX - 1) % OUTAGE_GAPS_MAX];
    if (o->gap_count && newest->last + 1 == turn)
        newest->last = turn;
    else
        o->gaps[o->gap_count++ % OUTAGE_GAPS_MAX] = (struct gap){turn, turn};
}

struct outage_loss outage_note(struct outage *o, uint64_t turn, const struct iovec *parts,
                               size_t part_count)
{
    const struct noted all = {parts, part_count, 0};
    struct outage_loss loss = {0};
    struct frame f;
    note_gap(o, turn);
    for (struct noted n = all; next_noted(&n, &f);)
        loss.begins += f.type == FRAME_BEGIN;
    for (struct noted n = all; next_noted(&n, &f);) {
        bool may_keep = f.type == FRAME_END && !(loss.begins && begins_among(all, &f.id));
        loss.frames += !(may_keep && owe(o, &f));
    }
    return loss;
}

bool outage_covers(const struct outage *o, uint64_t turn)
{
    size_t count = MIN_OF(o->gap_count, (size_t)OUTAGE_GAPS_MAX);
    for (size_t i = 0; i < count; i++)
        if (turn >= o->gaps[i].first && turn <= o->gaps[i].last)
            return true;
    return false;
}

void outage_paid(struct outage *o)
{
    buf_clear(&o->owed);
    o->owed_count = 0;
}

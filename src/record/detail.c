/*
 * detail.c — what is known of an exchange beside its row, as bytes in a block.
 *
 * A row of fields in fixed order; readers ignore what a newer writer adds behind them.
 */
#include "record/detail.h"

#include <xxhash.h>

#include "base/mem.h"
#include "base/wire.h"
#include "record/chain.h"

void body_hash(struct str body, uint8_t out[16])
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(body.ptr ? body.ptr : "", body.len));
    memcpy(out, canonical.digest, 16);
}

size_t detail_bound(const struct detail *d)
{
    return 256 + d->facts.request_head.len + d->facts.response_head.len +
           d->facts.upstream_addr.len + d->facts.timeline_len * 21 + (d->response.count + d->fresh.count) * 30;
}

struct put {
    struct buf *out;
    enum err err;
};

static void put(struct put *p, uint64_t number)
{
    if (!p->err)
        p->err = wire_put_varint(p->out, number);
}

static void put_bytes(struct put *p, struct str bytes)
{
    if (!p->err)
        p->err = wire_put_bytes(p->out, bytes);
}

static void put_at(struct put *p, uint64_t own, struct piece_at at)
{
    put(p, at.len);
    put(p, wire_zigzag((int64_t)(own - at.block)));
    put(p, at.offset);
}

/* Bytes that are alike stand together, and those that nothing foretells come last. */
static void put_timeline(struct put *p, const struct record_detail *f)
{
    int64_t last_us = 0;
    put(p, f->timeline_len);
    for (size_t i = 0; i < f->timeline_len; i++)
        put(p, (uint64_t)f->timeline[i].bytes);
    for (size_t i = 0; i < f->timeline_len; i++) {
        put(p, wire_zigzag(f->timeline[i].offset_us - last_us) >> 8);
        last_us = f->timeline[i].offset_us;
    }
    last_us = 0;
    for (size_t i = 0; i < f->timeline_len && !p->err; i++) {
        p->err = buf_append_byte(p->out, (char)wire_zigzag(f->timeline[i].offset_us - last_us));
        last_us = f->timeline[i].offset_us;
    }
}

/* 0: all; 1: nothing; else two more than there are ranges. */
static void put_fresh(struct put *p, uint64_t block, const struct detail *d)
{
    if (d->fresh_part != FRESH_SOME) {
        put(p, d->fresh_part == FRESH_NONE);
        return;
    }
    put(p, d->fresh.count + 2);
    for (size_t i = 0; i < d->fresh.count; i++)
        put_at(p, block, d->fresh.list[i]);
}

enum err detail_write(struct buf *out, uint64_t block, const struct detail *d)
{
    const struct record_detail *f = &d->facts;
    struct put p = {out, ERR_OK};
    /* heads first: they are what a chain's window knows best */
    put_bytes(&p, f->request_head);
    put_bytes(&p, f->response_head);
    put_bytes(&p, f->upstream_addr);
    put(&p, wire_zigzag(f->sent_us));
    put_at(&p, block, d->request);
    put(&p, (uint64_t)d->response.count << 1 | d->is_folded);
    for (size_t i = 0; i < d->response.count; i++)
        put_at(&p, block, d->response.list[i]);
    put_fresh(&p, block, d);
    put_timeline(&p, f);
    put_bytes(&p, str_make(f->request_hash, 16));
    put_bytes(&p, str_make(f->response_hash, 16));
    return p.err;
}

static struct piece_at get_at(struct wire_reader *r, uint64_t own)
{
    uint64_t len = wire_get_varint(r);
    uint64_t block = own - (uint64_t)wire_unzigzag(wire_get_varint(r));
    uint64_t offset = wire_get_varint(r);
    if (len > BLOCK_RAW_MAX || offset > BLOCK_RAW_MAX)
        r->bad = true;
    return (struct piece_at){block, (uint32_t)offset, (uint32_t)len};
}

static void get_timeline(struct wire_reader *r, struct arena *arena, struct record_detail *f)
{
    uint64_t count = wire_get_varint(r);
    if (r->bad || count > TIMELINE_MAX || count * 3 > r->rest.len) {
        r->bad = true;
        return;
    }
    f->timeline = arena_zeroed(arena, count * sizeof *f->timeline + 1);
    f->timeline_len = count;
    for (size_t i = 0; i < count; i++)
        f->timeline[i].bytes = (int64_t)wire_get_varint(r);
    for (size_t i = 0; i < count; i++)
        f->timeline[i].offset_us = (int64_t)(wire_get_varint(r) << 8);
    struct str low = wire_get_exactly(r, count);
    int64_t last_us = 0;
    for (size_t i = 0; i < low.len; i++) {
        last_us += wire_unzigzag((uint64_t)f->timeline[i].offset_us | (uint8_t)low.ptr[i]);
        f->timeline[i].offset_us = last_us;
    }
}

static void get_hash(struct wire_reader *r, uint8_t out[16])
{
    struct str bytes = wire_get_bytes(r);
    if (bytes.len == 16)
        memcpy(out, bytes.ptr, 16);
    else
        r->bad = true;
}

static void get_fresh(struct wire_reader *r, uint64_t block, struct detail *d)
{
    uint64_t count = wire_get_varint(r);
    if (count < 2 || r->bad) {
        d->fresh_part = count ? FRESH_NONE : FRESH_ALL;
        return;
    }
    d->fresh_part = FRESH_SOME;
    for (uint64_t i = 2; i < count && !r->bad; i++)
        if (recipe_add(&d->fresh, get_at(r, block)))
            r->bad = true;
}

void detail_release(struct detail *d)
{
    recipe_release(&d->response);
    recipe_release(&d->fresh);
}

enum err detail_read(struct str bytes, uint64_t block, struct arena *arena, struct detail *d)
{
    *d = (struct detail){0};
    struct record_detail *f = &d->facts;
    struct wire_reader r = {bytes, false};
    f->request_head = arena_str(arena, wire_get_bytes(&r));
    f->response_head = arena_str(arena, wire_get_bytes(&r));
    f->upstream_addr = arena_str(arena, wire_get_bytes(&r));
    f->sent_us = wire_unzigzag(wire_get_varint(&r));
    d->request = get_at(&r, block);
    uint64_t count = wire_get_varint(&r);
    d->is_folded = count & 1;
    for (uint64_t i = 0; i < count >> 1 && !r.bad; i++)
        if (recipe_add(&d->response, get_at(&r, block)))
            r.bad = true;
    get_fresh(&r, block, d);
    get_timeline(&r, arena, f);
    get_hash(&r, f->request_hash);
    get_hash(&r, f->response_hash);
    if (!r.bad)
        return ERR_OK;
    detail_release(d);
    return ERR_CORRUPT;
}

/*
 * compact_write.c — the compact form's writer: cuts bodies where requests share pieces, knows the
 * pieces written of late by their hash, and writes only what is new.
 */
#include <stdlib.h>

#include <xxhash.h>
#include <zstd.h>

#include "base/crc32c.h"
#include "base/mem.h"
#include "base/wire.h"
#include "record/compact_format.h"
#include "record/json_cut.h"

enum {
    PIECES = 1 << 16,      /* remembered; 32 bytes each */
    PIECE_WAYS = 4,        /* slots that a piece may stand in */
    PIECE_ALONE_MIN = 64,  /* shorter ones are found only behind the same piece as before */
    NEW_BYTES_MAX = 1 << 20,
    SAME_MAX = 4096,       /* ranges in one frame */
    ZSTD_LEVEL = 5
};

struct piece {
    uint64_t high, low;
    uint64_t start; /* in the NEW bytes of all time */
    uint64_t len;   /* 0: free */
};

struct range {
    uint64_t start, len;
};

struct compact_writer {
    ZSTD_CCtx *zstd;
    struct piece *pieces;
    uint64_t position; /* NEW bytes so far */
    uint64_t exchanges;
    struct buf payload;
    struct range same[SAME_MAX]; /* not written yet */
    size_t same_count;
    struct json_cuts cuts;
};

struct compact_writer *compact_writer_new(void)
{
    struct compact_writer *w = MEM_NEW(struct compact_writer);
    w->zstd = ZSTD_createCCtx();
    assert(w->zstd);
    ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
    ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_windowLog, COMPACT_ZSTD_WINDOW_LOG - 1);
    ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_checksumFlag, 1);
    w->pieces = mem_zeroed(PIECES * sizeof *w->pieces);
    buf_init(&w->payload, COMPACT_FRAME_MAX);
    return w;
}

void compact_writer_free(struct compact_writer *w)
{
    if (!w)
        return;
    ZSTD_freeCCtx(w->zstd);
    free(w->pieces);
    buf_release(&w->payload);
    json_cuts_release(&w->cuts);
    free(w);
}

/* --- frames --- */

static enum err compress(struct compact_writer *w, struct str bytes, ZSTD_EndDirective how,
                         struct buf *out)
{
    ZSTD_inBuffer in = {bytes.ptr, bytes.len, 0};
    for (;;) {
        enum err err = buf_reserve(out, ZSTD_CStreamOutSize());
        if (err)
            return err;
        ZSTD_outBuffer to = {out->ptr + out->len, out->cap - out->len, 0};
        size_t left = ZSTD_compressStream2(w->zstd, &to, &in, how);
        assert(!ZSTD_isError(left));
        out->len += to.pos;
        if (how == ZSTD_e_continue ? in.pos == in.size : !left)
            return ERR_OK;
    }
}

static enum err put_frame(struct compact_writer *w, enum compact_frame type, struct str payload,
                          struct buf *out)
{
    assert(payload.len <= COMPACT_FRAME_MAX);
    char head[COMPACT_FRAME_HEAD_BYTES] = {(char)type};
    compact_put_u32(head + 1, (uint32_t)payload.len);
    compact_put_u32(head + 5, crc32c(crc32c(0, str_make(head, 5)), payload));
    enum err err = compress(w, str_make(head, sizeof head), ZSTD_e_continue, out);
    return err ? err : compress(w, payload, ZSTD_e_continue, out);
}

/* The first failure is kept, so that a row of fields can be written as a row. */
struct put {
    struct buf *out;
    enum err err;
};

static void put(struct put *p, uint64_t number)
{
    if (!p->err)
        p->err = wire_put_varint(p->out, number);
}

static void put_signed(struct put *p, int64_t number)
{
    put(p, wire_zigzag(number));
}

static void put_bytes(struct put *p, struct str bytes)
{
    if (!p->err)
        p->err = wire_put_bytes(p->out, bytes);
}

static void put_body(struct put *p, const struct body_copy *b)
{
    put(p, b->fate);
    put(p, b->bytes.len);
    put_bytes(p, str_make(b->hash, sizeof b->hash));
}

static void put_timeline(struct put *p, const struct exchange_copy *x)
{
    int64_t last_us = 0;
    put(p, x->timeline_len);
    for (size_t i = 0; i < x->timeline_len; i++) {
        put_signed(p, x->timeline[i].offset_us - last_us);
        put(p, (uint64_t)x->timeline[i].bytes);
        last_us = x->timeline[i].offset_us;
    }
}

/* Came later than the rest: what reads has to do without it in older files. */
static void put_routing(struct put *p, const struct exchange_copy *x)
{
    const struct frame_decision *d = &x->decision;
    const struct str texts[] = {x->asked_model, x->losses,   d->class, d->class_by,
                                d->agent,       d->agent_by, d->rule,  d->target};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        put_bytes(p, texts[i]);
}

static enum err put_facts(struct compact_writer *w, const struct exchange_copy *x, struct buf *out)
{
    buf_clear(&w->payload);
    struct put p = {&w->payload, ERR_OK};
    put_bytes(&p, str_make(x->id.bytes, sizeof x->id.bytes));
    put(&p, x->state);
    put(&p, (x->is_ours ? COMPACT_OURS : 0u) | (x->is_reused ? COMPACT_REUSED : 0u) |
                (x->is_untimed ? COMPACT_UNTIMED : 0u) |
                (x->is_translated ? COMPACT_TRANSLATED : 0u) | (x->is_demoted ? COMPACT_DEMOTED : 0u) |
                (x->decision.is_shadow ? COMPACT_SHADOW : 0u) |
                (x->decision.is_background ? COMPACT_BACKGROUND : 0u));
    const int64_t numbers[] = {x->started_us,    x->connect_us,     x->sent_us,     x->ttfb_us,
                               x->duration_us,   x->request_bytes, x->response_bytes,
                               x->client_bytes};
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        put_signed(&p, numbers[i]);
    const struct str texts[] = {x->client_addr,   x->provider,      x->request_head,
                                x->response_head, x->upstream_addr, x->error_type,
                                x->error_message};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        put_bytes(&p, texts[i]);
    put_body(&p, &x->request);
    put_body(&p, &x->response);
    put_timeline(&p, x);
    put_routing(&p, x);
    return p.err ? p.err : put_frame(w, COMPACT_EXCHANGE, buf_str(&w->payload), out);
}

/* --- bodies --- */

static enum err flush_same(struct compact_writer *w, struct buf *out)
{
    if (!w->same_count)
        return ERR_OK;
    buf_clear(&w->payload);
    struct put p = {&w->payload, ERR_OK};
    for (size_t i = 0; i < w->same_count; i++) {
        put(&p, w->position - w->same[i].start);
        put(&p, w->same[i].len);
    }
    w->same_count = 0;
    return p.err ? p.err : put_frame(w, COMPACT_SAME, buf_str(&w->payload), out);
}

static enum err put_same(struct compact_writer *w, struct range r, struct buf *out)
{
    struct range *last = w->same_count ? &w->same[w->same_count - 1] : NULL;
    if (last && last->start + last->len == r.start) {
        last->len += r.len;
        return ERR_OK;
    }
    enum err err = w->same_count == SAME_MAX ? flush_same(w, out) : ERR_OK;
    w->same[w->same_count++] = r;
    return err;
}

static enum err put_new(struct compact_writer *w, struct str bytes, struct buf *out)
{
    enum err err = bytes.len ? flush_same(w, out) : ERR_OK;
    while (bytes.len && !err) {
        struct str part = str_head(bytes, NEW_BYTES_MAX);
        err = put_frame(w, COMPACT_NEW, part, out);
        w->position += part.len;
        bytes = str_from(bytes, part.len);
    }
    return err;
}

static bool is_remembered(const struct compact_writer *w, const struct piece *p)
{
    return p->len && w->position - p->start <= COMPACT_WINDOW_BYTES;
}

/* The slot that holds the piece, or the one it may take: a free or the oldest one. */
static struct piece *find_slot(struct compact_writer *w, XXH128_hash_t hash, size_t len)
{
    struct piece *set = &w->pieces[hash.low64 % (PIECES / PIECE_WAYS) * PIECE_WAYS], *oldest = set;
    for (size_t i = 0; i < PIECE_WAYS; i++) {
        if (set[i].high == hash.high64 && set[i].low == hash.low64 && set[i].len == len)
            return &set[i];
        if (!set[i].len || (oldest->len && set[i].start < oldest->start))
            oldest = &set[i];
    }
    return oldest;
}

/* The part of a body that is not written yet, and is new. */
struct run {
    struct str body;
    size_t start, end;
    uint64_t before; /* the hash of the piece before `end` */
};

static XXH128_hash_t piece_hash(struct run *run, struct str bytes)
{
    XXH64_hash_t seed = bytes.len < PIECE_ALONE_MIN ? run->before : 0;
    XXH128_hash_t hash = XXH3_128bits_withSeed(bytes.ptr, bytes.len, seed);
    run->before = hash.low64;
    return hash;
}

static enum err put_piece(struct compact_writer *w, struct run *run, size_t len, struct buf *out)
{
    struct str bytes = str_make(run->body.ptr + run->end, len);
    enum err err = ERR_OK;
    if (len > COMPACT_WINDOW_BYTES / 4) {
        run->end += len;
        return ERR_OK;
    }
    XXH128_hash_t hash = piece_hash(run, bytes);
    struct piece *slot = find_slot(w, hash, len);
    bool is_known = slot->high == hash.high64 && slot->low == hash.low64 && slot->len == len;
    if (is_known && is_remembered(w, slot) &&
        slot->start + len <= w->position) { /* and not of this very run */
        struct range range = {slot->start, len};
        err = put_new(w, str_make(run->body.ptr + run->start, run->end - run->start), out);
        run->end += len;
        run->start = run->end;
        if (!err && w->position - range.start <= COMPACT_WINDOW_BYTES)
            return put_same(w, range, out);
        run->start -= len; /* the run has pushed it out of the window */
        return err;
    }
    *slot = (struct piece){hash.high64, hash.low64, w->position + (run->end - run->start), len};
    run->end += len;
    return err;
}

static enum err put_bytes_of(struct compact_writer *w, struct str body, struct buf *out)
{
    struct run run = {.body = body};
    struct request_facts facts;
    struct arena arena;
    arena_init(&arena);
    w->cuts.count = 0;
    json_cut(body, &arena, &w->cuts, &facts);
    enum err err = ERR_OK;
    for (size_t i = 0; i < w->cuts.count && !err; i++)
        err = put_piece(w, &run, w->cuts.list[i].len, out);
    arena_release(&arena);
    if (!err)
        err = put_new(w, str_from(body, run.start), out);
    return err ? err : flush_same(w, out);
}

enum err compact_begin(struct compact_writer *w, struct str program, struct buf *out)
{
    char head[COMPACT_HEAD_BYTES] = {0};
    memcpy(head, COMPACT_MAGIC.ptr, COMPACT_MAGIC.len);
    compact_put_u32(head + 8, COMPACT_VERSION);
    compact_put_u32(head + 12, crc32c(0, str_make(head, 12)));
    buf_clear(&w->payload);
    struct put p = {&w->payload, buf_append(out, str_make(head, sizeof head))};
    put_bytes(&p, program);
    return p.err ? p.err : put_frame(w, COMPACT_ABOUT, buf_str(&w->payload), out);
}

enum err compact_add(struct compact_writer *w, const struct exchange_copy *x, struct buf *out)
{
    enum err err = put_facts(w, x, out);
    if (!err)
        err = put_bytes_of(w, x->request.bytes, out);
    if (!err)
        err = put_bytes_of(w, x->response.bytes, out);
    w->exchanges++;
    return err;
}

enum err compact_end(struct compact_writer *w, struct buf *out)
{
    buf_clear(&w->payload);
    struct put p = {&w->payload, ERR_OK};
    put(&p, w->exchanges);
    if (!p.err)
        p.err = put_frame(w, COMPACT_END, buf_str(&w->payload), out);
    return p.err ? p.err : compress(w, STR_NONE, ZSTD_e_end, out);
}

/*
 * compact_read.c — the compact form's reader. Trusts nothing: every length has a ceiling, every
 * reference is checked, every body must have its hash.
 */
#include <stdlib.h>

#include <xxhash.h>
#include <zstd.h>

#include "base/crc32c.h"
#include "base/mem.h"
#include "base/wire.h"
#include "record/compact_format.h"
#include "record/detail.h"

struct compact_reader {
    compact_exchange_fn *fn;
    void *owner;
    ZSTD_DCtx *zstd;
    struct buf head;  /* of the file, until it is whole */
    struct buf frame; /* the one that is coming */
    struct buf zstd_out;
    char *window;     /* the newest NEW bytes, in a ring that grows to COMPACT_WINDOW_BYTES */
    size_t window_cap;
    uint64_t position;
    struct buf facts; /* the exchange's frame, that its strings stand in */
    struct arena arena;
    struct exchange_copy exchange;
    struct buf bodies[2]; /* request, answer */
    size_t wanted[2];
    bool has_exchange, is_begun, is_over, is_zstd_over;
    uint64_t exchanges, damaged;
};

struct compact_reader *compact_reader_new(compact_exchange_fn *fn, void *owner)
{
    struct compact_reader *r = MEM_NEW(struct compact_reader);
    r->fn = fn;
    r->owner = owner;
    r->zstd = ZSTD_createDCtx();
    assert(r->zstd);
    ZSTD_DCtx_setParameter(r->zstd, ZSTD_d_windowLogMax, COMPACT_ZSTD_WINDOW_LOG);
    buf_init(&r->head, COMPACT_HEAD_BYTES);
    buf_init(&r->frame, COMPACT_FRAME_HEAD_BYTES + COMPACT_FRAME_MAX);
    buf_init(&r->zstd_out, 1 << 20);
    buf_init(&r->facts, COMPACT_FRAME_MAX);
    for (int i = 0; i < 2; i++)
        buf_init(&r->bodies[i], COMPACT_BODY_MAX);
    arena_init(&r->arena);
    return r;
}

void compact_reader_free(struct compact_reader *r)
{
    if (!r)
        return;
    ZSTD_freeDCtx(r->zstd);
    struct buf *const bufs[] = {&r->head,  &r->frame,     &r->zstd_out,
                                &r->facts, &r->bodies[0], &r->bodies[1]};
    for (size_t i = 0; i < COUNT_OF(bufs); i++)
        buf_release(bufs[i]);
    arena_release(&r->arena);
    free(r->window);
    free(r);
}

bool compact_is(struct str head)
{
    return str_starts(head, COMPACT_MAGIC);
}

uint64_t compact_damaged(const struct compact_reader *r)
{
    return r->damaged;
}

static enum err damaged(const struct compact_reader *r, struct fail *f, const char *what)
{
    return fail(f, ERR_CORRUPT, "%s, after %llu exchanges", what,
                (unsigned long long)r->exchanges);
}

/* --- an exchange --- */

static void get_body(struct compact_reader *r, struct wire_reader *from, int side,
                     struct body_copy *b)
{
    uint64_t fate = wire_get_varint(from), len = wire_get_varint(from);
    struct str hash = wire_get_bytes(from);
    if (fate > BODY_TOO_LONG || len > COMPACT_BODY_MAX || hash.len != sizeof b->hash) {
        from->bad = true;
        return;
    }
    b->fate = (enum body_fate)fate;
    memcpy(b->hash, hash.ptr, sizeof b->hash);
    r->wanted[side] = len;
}

static void get_timeline(struct compact_reader *r, struct wire_reader *from)
{
    uint64_t count = wire_get_varint(from);
    if (from->bad || count > TIMELINE_MAX || count * 2 > from->rest.len) {
        from->bad = true;
        return;
    }
    struct chunk_mark *marks = arena_alloc(&r->arena, count * sizeof *marks + 1);
    int64_t last_us = 0;
    for (size_t i = 0; i < count; i++) {
        last_us += wire_unzigzag(wire_get_varint(from));
        uint64_t bytes = wire_get_varint(from);
        from->bad |= bytes > COMPACT_BODY_MAX;
        marks[i] = (struct chunk_mark){last_us, (int64_t)bytes};
    }
    r->exchange.timeline = marks;
    r->exchange.timeline_len = count;
}

static void get_routing(struct wire_reader *from, uint64_t flags, struct exchange_copy *x)
{
    struct frame_decision *d = &x->decision;
    struct str *const texts[] = {&x->asked_model, &x->losses,   &d->class, &d->class_by,
                                 &d->agent,       &d->agent_by, &d->rule,  &d->target};
    for (size_t i = 0; i < COUNT_OF(texts) && from->rest.len; i++)
        *texts[i] = wire_get_bytes(from);
    x->is_translated = flags & COMPACT_TRANSLATED;
    x->is_demoted = flags & COMPACT_DEMOTED;
    d->is_shadow = flags & COMPACT_SHADOW;
    d->is_background = flags & COMPACT_BACKGROUND;
}

static bool get_facts(struct compact_reader *r)
{
    struct exchange_copy *x = &r->exchange;
    struct wire_reader from = {buf_str(&r->facts), false};
    *x = (struct exchange_copy){.state = ENDING_RUNNING};
    arena_clear(&r->arena);
    struct str id = wire_get_bytes(&from);
    uint64_t state = wire_get_varint(&from), flags = wire_get_varint(&from);
    int64_t *const numbers[] = {&x->started_us,     &x->connect_us,    &x->sent_us,
                                &x->ttfb_us,        &x->duration_us,   &x->request_bytes,
                                &x->response_bytes, &x->client_bytes};
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        *numbers[i] = wire_unzigzag(wire_get_varint(&from));
    struct str *const texts[] = {&x->client_addr,   &x->provider,      &x->request_head,
                                 &x->response_head, &x->upstream_addr, &x->error_type,
                                 &x->error_message};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        *texts[i] = wire_get_bytes(&from);
    get_body(r, &from, 0, &x->request);
    get_body(r, &from, 1, &x->response);
    get_timeline(r, &from);
    get_routing(&from, flags, x);
    if (from.bad || id.len != sizeof x->id.bytes || !state || state > ENDING_PROXY_CRASH)
        return false;
    memcpy(x->id.bytes, id.ptr, id.len);
    x->state = (enum ending)state;
    x->is_ours = flags & COMPACT_OURS;
    x->is_reused = flags & COMPACT_REUSED;
    x->is_untimed = flags & COMPACT_UNTIMED;
    return true;
}

static bool has_its_hash(const struct body_copy *b)
{
    uint8_t hash[16];
    body_hash(b->bytes, hash);
    return b->fate != BODY_WHOLE || memcmp(hash, b->hash, sizeof hash) == 0;
}

static enum err hand_over(struct compact_reader *r)
{
    enum { KEPT_BYTES = 1 << 20 };
    struct exchange_copy *x = &r->exchange;
    x->request.bytes = buf_str(&r->bodies[0]);
    x->response.bytes = buf_str(&r->bodies[1]);
    r->has_exchange = false;
    r->exchanges++;
    enum err err = ERR_OK;
    if (has_its_hash(&x->request) && has_its_hash(&x->response))
        err = r->fn(x, r->owner);
    else
        r->damaged++;
    for (int i = 0; i < 2; i++)
        if (r->bodies[i].cap > KEPT_BYTES)
            buf_release(&r->bodies[i]);
        else
            buf_clear(&r->bodies[i]);
    return err;
}

/* The body that the next bytes belong to; NULL: none. */
static struct buf *growing(struct compact_reader *r, size_t *left)
{
    for (int i = 0; i < 2 && r->has_exchange; i++) {
        *left = r->wanted[i] - r->bodies[i].len;
        if (*left)
            return &r->bodies[i];
    }
    return NULL;
}

static enum err hand_over_if_whole(struct compact_reader *r)
{
    size_t left;
    return r->has_exchange && !growing(r, &left) ? hand_over(r) : ERR_OK;
}

/* --- frames --- */

static enum err on_about(struct compact_reader *r, struct str payload, struct fail *f)
{
    (void)payload;
    (void)f;
    r->is_begun = true;
    return ERR_OK;
}

static enum err on_exchange(struct compact_reader *r, struct str payload, struct fail *f)
{
    if (r->has_exchange)
        return damaged(r, f, "an exchange begins inside another");
    buf_clear(&r->facts);
    enum err err = buf_append(&r->facts, payload);
    if (!err && !get_facts(r))
        return damaged(r, f, "an exchange cannot be read");
    r->has_exchange = !err;
    return err ? err : hand_over_if_whole(r);
}

static void grow_window(struct compact_reader *r, size_t more)
{
    size_t want = (size_t)MIN_OF(r->position + more, (uint64_t)COMPACT_WINDOW_BYTES);
    size_t cap = MAX_OF(r->window_cap, (size_t)1 << 16);
    while (cap < want)
        cap *= 2;
    if (cap != r->window_cap)
        r->window = mem_resize(r->window, cap);
    r->window_cap = cap;
}

static void remember(struct compact_reader *r, struct str bytes)
{
    grow_window(r, bytes.len);
    while (bytes.len) {
        size_t at = r->position % COMPACT_WINDOW_BYTES;
        struct str part = str_head(bytes, COMPACT_WINDOW_BYTES - at);
        memcpy(r->window + at, part.ptr, part.len);
        r->position += part.len;
        bytes = str_from(bytes, part.len);
    }
}

static enum err on_new(struct compact_reader *r, struct str payload, struct fail *f)
{
    size_t left = 0;
    struct buf *body = growing(r, &left);
    if (!body || payload.len > left)
        return damaged(r, f, "bytes come that belong to no body");
    remember(r, payload);
    enum err err = buf_append(body, payload);
    return err ? err : hand_over_if_whole(r);
}

static enum err copy_range(struct compact_reader *r, struct buf *body, uint64_t start, uint64_t len)
{
    enum err err = ERR_OK;
    while (len && !err) {
        size_t at = start % COMPACT_WINDOW_BYTES;
        size_t part = (size_t)MIN_OF(len, (uint64_t)(COMPACT_WINDOW_BYTES - at));
        err = buf_append(body, str_make(r->window + at, part));
        start += part;
        len -= part;
    }
    return err;
}

static enum err on_same(struct compact_reader *r, struct str payload, struct fail *f)
{
    struct wire_reader from = {payload, false};
    size_t left = 0;
    struct buf *body = growing(r, &left);
    while (from.rest.len && !from.bad) {
        uint64_t back = wire_get_varint(&from), len = wire_get_varint(&from);
        bool is_there = back <= r->position && back <= COMPACT_WINDOW_BYTES && len <= back;
        if (from.bad || !body || !is_there || len > left)
            return damaged(r, f, "a reference points nowhere");
        enum err err = copy_range(r, body, r->position - back, len);
        if (err)
            return err;
        left -= len;
    }
    return from.bad ? damaged(r, f, "a reference cannot be read") : hand_over_if_whole(r);
}

static enum err on_end(struct compact_reader *r, struct str payload, struct fail *f)
{
    struct wire_reader from = {payload, false};
    if (r->has_exchange || wire_get_varint(&from) != r->exchanges || from.bad)
        return damaged(r, f, "the file does not end as it should");
    r->is_over = true;
    return ERR_OK;
}

typedef enum err on_frame(struct compact_reader *r, struct str payload, struct fail *f);

static on_frame *const handlers[] = {
    [COMPACT_ABOUT] = on_about, [COMPACT_EXCHANGE] = on_exchange, [COMPACT_NEW] = on_new,
    [COMPACT_SAME] = on_same,   [COMPACT_END] = on_end,
};

static enum err take_frame(struct compact_reader *r, struct str head, struct str payload,
                           struct fail *f)
{
    unsigned type = (uint8_t)head.ptr[0];
    uint32_t crc = crc32c(crc32c(0, str_head(head, 5)), payload);
    if (crc != compact_get_u32(head.ptr + 5))
        return damaged(r, f, "a checksum is wrong");
    if (r->is_over || (type != COMPACT_ABOUT) != r->is_begun)
        return damaged(r, f, "frames are out of order");
    if (type >= COUNT_OF(handlers) || !handlers[type])
        return fail(f, ERR_NOT_IMPLEMENTED, "it was made by a newer version of this program");
    return handlers[type](r, payload, f);
}

/* Moves bytes until `frame` holds `want`; false when they do not suffice. */
static bool gather(struct buf *frame, struct str *bytes, size_t want)
{
    struct str part = str_head(*bytes, want > frame->len ? want - frame->len : 0);
    enum err err = buf_append(frame, part);
    assert(!err); /* `want` is below the ceiling */
    *bytes = str_from(*bytes, part.len);
    return frame->len >= want;
}

static enum err take_frames(struct compact_reader *r, struct str bytes, struct fail *f)
{
    enum err err = ERR_OK;
    while (!err && gather(&r->frame, &bytes, COMPACT_FRAME_HEAD_BYTES)) {
        size_t len = compact_get_u32(r->frame.ptr + 1);
        if (len > COMPACT_FRAME_MAX)
            return damaged(r, f, "a frame is too long");
        if (!gather(&r->frame, &bytes, COMPACT_FRAME_HEAD_BYTES + len))
            return ERR_OK;
        struct str frame = buf_str(&r->frame);
        err = take_frame(r, str_head(frame, COMPACT_FRAME_HEAD_BYTES),
                         str_from(frame, COMPACT_FRAME_HEAD_BYTES), f);
        buf_clear(&r->frame);
    }
    return err;
}

static enum err decompress(struct compact_reader *r, struct str bytes, struct fail *f)
{
    ZSTD_inBuffer in = {bytes.ptr, bytes.len, 0};
    enum err err = buf_reserve(&r->zstd_out, ZSTD_DStreamOutSize());
    bool is_full = false; /* more may come out though nothing goes in */
    while (!err && (in.pos < in.size || is_full)) {
        if (r->is_zstd_over)
            return damaged(r, f, "more follows behind the end");
        ZSTD_outBuffer out = {r->zstd_out.ptr, r->zstd_out.cap, 0};
        size_t left = ZSTD_decompressStream(r->zstd, &out, &in);
        if (ZSTD_isError(left))
            return damaged(r, f, "it cannot be decompressed");
        r->is_zstd_over = !left;
        is_full = out.pos == out.size && left;
        err = take_frames(r, str_make(out.dst, out.pos), f);
    }
    return err;
}

static enum err check_head(const struct compact_reader *r, struct fail *f)
{
    const char *at = r->head.ptr;
    if (!compact_is(buf_str(&r->head)))
        return fail(f, ERR_PARSE, "it is no compact export");
    if (compact_get_u32(at + 12) != crc32c(0, str_make(at, 12)))
        return damaged(r, f, "its head is damaged");
    return compact_get_u32(at + 8) == COMPACT_VERSION
               ? ERR_OK
               : fail(f, ERR_NOT_IMPLEMENTED, "it was made by a newer version of this program");
}

enum err compact_read(struct compact_reader *r, struct str bytes, struct fail *f)
{
    if (r->head.len < COMPACT_HEAD_BYTES) {
        if (!gather(&r->head, &bytes, COMPACT_HEAD_BYTES))
            return ERR_OK;
        enum err err = check_head(r, f);
        if (err)
            return err;
    }
    return decompress(r, bytes, f);
}

enum err compact_read_end(struct compact_reader *r, struct fail *f)
{
    if (r->is_over && r->is_zstd_over)
        return ERR_OK;
    return damaged(r, f, "the file ends too early");
}

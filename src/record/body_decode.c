/*
 * body_decode.c — gzip, deflate, br and zstd undone, with whatever a damaged body still gives.
 *
 * Each decoder is a `step`: it takes bytes in and puts bytes out until it is done, starved or
 * broken. The loop around it owns the ceiling.
 */
#include "record/body_decode.h"

#include <stdlib.h>

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#include "base/mem.h"

enum {
    ENCODINGS_MAX = 4,       /* in one list */
    ROOM_BYTES = 64 * 1024,  /* asked of `out` at a time */
    TEXT_RATIO_MAX = 100,
    TEXT_ALWAYS_BYTES = 4 << 20,
    ZSTD_WINDOW_LOG_MAX = 23 /* 8 MiB: RFC 9659 §3 */
};

enum progress { MORE, DONE, BROKEN };

struct decoder {
    struct str in; /* not yet read */
    union {
        z_stream zlib;
        BrotliDecoderState *brotli;
        ZSTD_DStream *zstd;
    };
};

struct coding {
    struct str name;
    bool (*begin)(struct decoder *d);
    /* Reads from d->in, writes at most `*room` bytes to `to`; `*room` becomes what was written. */
    enum progress (*step)(struct decoder *d, char *to, size_t *room);
    void (*end)(struct decoder *d);
};

static bool gzip_begin(struct decoder *d)
{
    d->zlib = (z_stream){0};
    return inflateInit2(&d->zlib, 15 + 16) == Z_OK;
}

/* "deflate" is zlib's form (RFC 9110 §8.4.1.2), but some send the bare one. */
static bool deflate_begin(struct decoder *d)
{
    const uint8_t *p = (const uint8_t *)d->in.ptr;
    bool is_wrapped = d->in.len >= 2 && (p[0] & 0x0f) == 8 && (p[0] << 8 | p[1]) % 31 == 0;
    d->zlib = (z_stream){0};
    return inflateInit2(&d->zlib, is_wrapped ? 15 : -15) == Z_OK;
}

static int inflate_some(struct decoder *d, char *to, size_t *room)
{
    z_stream *z = &d->zlib;
    size_t offered = MIN_OF(d->in.len, (size_t)UINT32_MAX);
    z->next_in = (Bytef *)(uintptr_t)d->in.ptr;
    z->avail_in = (uInt)offered;
    z->next_out = (Bytef *)to;
    z->avail_out = (uInt)*room;
    int result = inflate(z, Z_NO_FLUSH);
    *room -= z->avail_out;
    d->in = str_from(d->in, offered - z->avail_in);
    return result;
}

static enum progress deflate_step(struct decoder *d, char *to, size_t *room)
{
    int result = inflate_some(d, to, room);
    return result == Z_STREAM_END ? DONE : result == Z_OK ? MORE : BROKEN;
}

/* A gzip body may have several members, one after another (RFC 1952 §2.2). */
static enum progress gzip_step(struct decoder *d, char *to, size_t *room)
{
    int result = inflate_some(d, to, room);
    if (result == Z_STREAM_END && str_starts(d->in, STR("\x1f\x8b")))
        return inflateReset(&d->zlib) == Z_OK ? MORE : BROKEN;
    return result == Z_STREAM_END ? DONE : result == Z_OK ? MORE : BROKEN;
}

static void zlib_end(struct decoder *d)
{
    inflateEnd(&d->zlib);
}

static bool brotli_begin(struct decoder *d)
{
    d->brotli = BrotliDecoderCreateInstance(NULL, NULL, NULL);
    return d->brotli != NULL;
}

static enum progress brotli_step(struct decoder *d, char *to, size_t *room)
{
    const uint8_t *in = (const uint8_t *)d->in.ptr;
    uint8_t *out = (uint8_t *)to;
    size_t in_left = d->in.len, out_left = *room;
    BrotliDecoderResult result =
        BrotliDecoderDecompressStream(d->brotli, &in_left, &in, &out_left, &out, NULL);
    d->in = str_from(d->in, d->in.len - in_left);
    *room -= out_left;
    if (result == BROTLI_DECODER_RESULT_SUCCESS)
        return DONE;
    return result == BROTLI_DECODER_RESULT_ERROR ? BROKEN : MORE;
}

static void brotli_end(struct decoder *d)
{
    BrotliDecoderDestroyInstance(d->brotli);
}

static bool zstd_begin(struct decoder *d)
{
    d->zstd = ZSTD_createDStream();
    return d->zstd &&
           !ZSTD_isError(ZSTD_DCtx_setParameter(d->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX));
}

static enum progress zstd_step(struct decoder *d, char *to, size_t *room)
{
    ZSTD_inBuffer in = {d->in.ptr, d->in.len, 0};
    ZSTD_outBuffer out = {to, *room, 0};
    size_t result = ZSTD_decompressStream(d->zstd, &out, &in);
    d->in = str_from(d->in, in.pos);
    *room = out.pos;
    if (ZSTD_isError(result))
        return BROKEN;
    return result == 0 && !d->in.len ? DONE : MORE; /* frames may follow one another */
}

static void zstd_end(struct decoder *d)
{
    ZSTD_freeDStream(d->zstd);
}

static const struct coding codings[] = {
#define CODING(name, kind, family)                                                                 \
    {                                                                                              \
        {name, sizeof(name) - 1}, kind##_begin, kind##_step, family##_end                          \
    }
    CODING("gzip", gzip, zlib),   CODING("x-gzip", gzip, zlib), CODING("deflate", deflate, zlib),
    CODING("br", brotli, brotli), CODING("zstd", zstd, zstd),
#undef CODING
};

static const struct coding *find_coding(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(codings); i++)
        if (str_equal_nocase(name, codings[i].name))
            return &codings[i];
    return NULL;
}

/* `out` is full: is there more? */
static enum decode_result look_beyond(const struct coding *c, struct decoder *d)
{
    for (;;) {
        char beyond;
        size_t room = 1, left = d->in.len;
        enum progress progress = c->step(d, &beyond, &room);
        if (room)
            return DECODE_LIMITED;
        if (progress != MORE)
            return progress == DONE ? DECODE_OK : DECODE_PARTIAL;
        if (d->in.len == left)
            return DECODE_PARTIAL;
    }
}

static enum decode_result run(const struct coding *c, struct decoder *d, struct buf *out)
{
    for (;;) {
        size_t room = MIN_OF((size_t)ROOM_BYTES, out->ceiling - out->len), left = d->in.len;
        if (!room)
            return look_beyond(c, d);
        if (buf_reserve(out, room))
            return DECODE_LIMITED;
        enum progress progress = c->step(d, out->ptr + out->len, &room);
        out->len += room;
        if (progress != MORE)
            return progress == DONE ? DECODE_OK : DECODE_PARTIAL;
        if (!room && d->in.len == left)
            return DECODE_PARTIAL; /* starved: the body was cut */
    }
}

static enum decode_result decode_one(const struct coding *c, struct str in, struct buf *out)
{
    struct decoder d = {.in = in};
    if (!in.len)
        return DECODE_PARTIAL;
    enum decode_result result = c->begin(&d) ? run(c, &d, out) : DECODE_PARTIAL;
    c->end(&d);
    return result;
}

static enum decode_result copy(struct str in, struct buf *out)
{
    struct str part = str_head(in, out->ceiling - out->len);
    if (buf_append(out, part) || part.len < in.len)
        return DECODE_LIMITED;
    return DECODE_OK;
}

/* The list's codings in the order applied; -1 when one is unknown or there are too many. */
static int read_list(struct str list, const struct coding **codes)
{
    struct str name;
    int count = 0;
    while (str_next(&list, ',', &name)) {
        name = str_trim(name);
        if (!name.len || str_equal_nocase(name, STR("identity")))
            continue;
        if (count == ENCODINGS_MAX || !(codes[count++] = find_coding(name)))
            return -1;
    }
    return count;
}

enum decode_result body_decode(struct str encoding, struct str bytes, struct buf *out)
{
    const struct coding *codes[ENCODINGS_MAX];
    int count = read_list(encoding, codes);
    if (count < 0)
        return DECODE_UNKNOWN;
    if (count == 0)
        return copy(bytes, out);
    struct buf between[2];
    enum decode_result worst = DECODE_OK;
    buf_init(&between[0], out->ceiling);
    buf_init(&between[1], out->ceiling);
    while (count-- > 0) {
        struct buf *to = count ? &between[count & 1] : out;
        size_t before = count ? 0 : out->len;
        if (count)
            buf_clear(to);
        enum decode_result result = decode_one(codes[count], bytes, to);
        worst = worst == DECODE_OK ? result : worst;
        bytes = str_from(buf_str(to), before);
    }
    buf_release(&between[0]);
    buf_release(&between[1]);
    return worst;
}

struct str body_text(struct str encoding, struct str bytes, struct buf *room)
{
    size_t ceiling = room->ceiling;
    if (!encoding.len || str_equal_nocase(encoding, STR("identity")))
        return bytes;
    buf_clear(room);
    room->ceiling = MIN_OF(ceiling, MAX_OF((size_t)TEXT_ALWAYS_BYTES, bytes.len * TEXT_RATIO_MAX));
    enum decode_result result = body_decode(encoding, bytes, room);
    room->ceiling = ceiling;
    return result == DECODE_OK ? buf_str(room) : bytes;
}

/* --- while it comes --- */

struct body_stream {
    const struct coding *coding;
    struct decoder decoder;
    bool is_begun, is_over;
};

struct body_stream *body_stream_new(struct str encoding)
{
    const struct coding *coding = find_coding(str_trim(encoding));
    if (!coding)
        return NULL;
    struct body_stream *s = MEM_NEW(struct body_stream);
    s->coding = coding;
    return s;
}

bool body_stream_feed(struct body_stream *s, struct str bytes,
                      void (*fn)(struct str decoded, void *owner), void *owner)
{
    char out[16 * 1024];
    struct decoder *d = &s->decoder;
    d->in = bytes;
    if (!s->is_begun && bytes.len)
        s->is_begun = s->coding->begin(d);
    while (s->is_begun && !s->is_over) {
        size_t room = sizeof out, left = d->in.len;
        enum progress progress = s->coding->step(d, out, &room);
        if (room)
            fn(str_make(out, room), owner);
        s->is_over = progress == DONE && !d->in.len;
        if (progress == BROKEN)
            return !left; /* nothing to read is no damage */
        if (!room && d->in.len == left)
            break; /* starved: the next feed goes on */
    }
    return s->is_begun || !bytes.len;
}

void body_stream_free(struct body_stream *s)
{
    if (!s)
        return;
    if (s->is_begun)
        s->coding->end(&s->decoder);
    free(s);
}

/*
 * chain.c — blocks compressed one after another, each with the ones before it as its window.
 */
#include "record/chain.h"

#include <zstd.h>

enum {
    LEVEL = 1,       /* 3 saves a tenth of the bytes for half as much time again */
    WINDOW_LOG = 19, /* 512 KB: some hundred turns of a conversation */
};

void chain_writer_init(struct chain_writer *w)
{
    *w = (struct chain_writer){0};
}

void chain_rest(struct chain_writer *w)
{
    ZSTD_freeCCtx(w->context);
    *w = (struct chain_writer){0};
}

void chain_writer_release(struct chain_writer *w)
{
    chain_rest(w);
}

static void begin(struct chain_writer *w, uint64_t number)
{
    if (!w->context) {
        w->context = ZSTD_createCCtx();
        assert(w->context);
        ZSTD_CCtx_setParameter(w->context, ZSTD_c_compressionLevel, LEVEL);
        ZSTD_CCtx_setParameter(w->context, ZSTD_c_windowLog, WINDOW_LOG);
        ZSTD_CCtx_setParameter(w->context, ZSTD_c_contentSizeFlag, 0);
    } else {
        ZSTD_CCtx_reset(w->context, ZSTD_reset_session_only);
    }
    w->first = w->next = number;
    w->raw_bytes = 0;
}

static bool goes_on(const struct chain_writer *w, uint64_t number)
{
    return w->context && number == w->next && number - w->first < CHAIN_BLOCKS_MAX &&
           w->raw_bytes < CHAIN_RAW_MAX;
}

enum err chain_write(struct chain_writer *w, uint64_t number, struct str raw, struct buf *out,
                     uint64_t *chain)
{
    enum err err = buf_reserve(out, ZSTD_compressBound(raw.len) + 64);
    if (err)
        return err;
    if (!goes_on(w, number))
        begin(w, number);
    ZSTD_inBuffer in = {raw.ptr, raw.len, 0};
    ZSTD_outBuffer to = {out->ptr + out->len, out->cap - out->len, 0};
    size_t left = ZSTD_compressStream2(w->context, &to, &in, ZSTD_e_flush);
    assert(left == 0 && in.pos == in.size); /* compressBound() gave room for all of it */
    out->len += to.pos;
    w->raw_bytes += raw.len;
    w->next = number + 1;
    *chain = w->first;
    return ERR_OK;
}

void chain_reader_init(struct chain_reader *r)
{
    r->context = NULL;
}

void chain_reader_release(struct chain_reader *r)
{
    ZSTD_freeDCtx(r->context);
    r->context = NULL;
}

void chain_reader_begin(struct chain_reader *r)
{
    if (!r->context) {
        r->context = ZSTD_createDCtx();
        assert(r->context);
        ZSTD_DCtx_setParameter(r->context, ZSTD_d_windowLogMax, 24);
    } else {
        ZSTD_DCtx_reset(r->context, ZSTD_reset_session_only);
    }
}

/* Is there output that the block's length left no room for? */
static bool holds_more(ZSTD_DCtx *context)
{
    char byte;
    ZSTD_inBuffer in = {NULL, 0, 0};
    ZSTD_outBuffer to = {&byte, 1, 0};
    return ZSTD_isError(ZSTD_decompressStream(context, &to, &in)) || to.pos > 0;
}

enum err chain_read(struct chain_reader *r, struct str data, size_t raw_len, struct buf *out)
{
    if (raw_len > BLOCK_RAW_MAX)
        return ERR_CORRUPT;
    enum err err = buf_reserve(out, raw_len);
    if (err)
        return err;
    ZSTD_inBuffer in = {data.ptr, data.len, 0};
    ZSTD_outBuffer to = {out->ptr + out->len, raw_len, 0};
    while (in.pos < in.size) {
        size_t in_before = in.pos, out_before = to.pos;
        if (ZSTD_isError(ZSTD_decompressStream(r->context, &to, &in)))
            return ERR_CORRUPT;
        if (in.pos == in_before && to.pos == out_before)
            return ERR_CORRUPT; /* more bytes than the block is said to have */
    }
    if (to.pos != raw_len || holds_more(r->context))
        return ERR_CORRUPT;
    out->len += raw_len;
    return ERR_OK;
}

/*
 * chain.c — blocks compressed one after another, each with the ones before it as its window.
 */
#include "record/chain.h"

#include <zstd.h>

enum {
    WINDOW_LOG = 19, /* 512 KB: some hundred turns of a conversation */
    /* Large blocks come when there is much to do, small ones when a turn is stored by itself. */
    LARGE_BYTES = 64 << 10,
    SMALL_BYTES = 32 << 10, /* between the two a chain goes on as it is */
    THOROUGH_LEVEL = 5,     /* 9 saves 3 % of the bytes more for twice the time */
    /* For much to do: against level 1 a fifth less time for a ninth more bytes. Literals are
     * coded nevertheless (level -3 would not): a tenth of the time for a quarter of the bytes. */
    HASTY_LEVEL = -3,
    HASTY_MIN_MATCH = 7,
    HASTY_HASH_LOG = 13, /* 32 KB: stays in the processor's first cache */
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

static void set(struct chain_writer *w, ZSTD_cParameter parameter, int value)
{
    size_t code = ZSTD_CCtx_setParameter(w->context, parameter, value);
    assert(!ZSTD_isError(code));
}

static void set_haste(struct chain_writer *w, bool is_hasty)
{
    w->is_hasty = is_hasty;
    ZSTD_CCtx_reset(w->context, ZSTD_reset_parameters);
    set(w, ZSTD_c_compressionLevel, is_hasty ? HASTY_LEVEL : THOROUGH_LEVEL);
    set(w, ZSTD_c_windowLog, WINDOW_LOG);
    set(w, ZSTD_c_contentSizeFlag, 0);
    if (!is_hasty)
        return;
    set(w, ZSTD_c_hashLog, HASTY_HASH_LOG);
    set(w, ZSTD_c_minMatch, HASTY_MIN_MATCH);
    /* "literal compression mode: always". zstd does not promise to keep this one: where it is
     * unknown, blocks are larger, no more. */
    ZSTD_CCtx_setParameter(w->context, ZSTD_c_experimentalParam5, 1);
}

static void begin(struct chain_writer *w, uint64_t number, bool is_hasty)
{
    bool is_new = !w->context;
    if (is_new)
        w->context = ZSTD_createCCtx();
    assert(w->context);
    ZSTD_CCtx_reset(w->context, ZSTD_reset_session_only);
    if (is_new || is_hasty != w->is_hasty)
        set_haste(w, is_hasty);
    w->first = w->next = number;
    w->is_bound = false;
    w->raw_bytes = 0;
    w->parts = 0;
}

static bool wants_haste(const struct chain_writer *w, size_t raw_len)
{
    return raw_len >= LARGE_BYTES || (w->is_hasty && raw_len >= SMALL_BYTES);
}

static bool goes_on(const struct chain_writer *w, uint64_t number, bool is_hasty)
{
    if (w->is_bound || (w->context && number + 1 == w->next))
        return true;
    return w->context && number == w->next && w->parts < CHAIN_BLOCKS_MAX &&
           w->raw_bytes < CHAIN_RAW_MAX && is_hasty == w->is_hasty;
}

void chain_begin_again(struct chain_writer *w, uint64_t first)
{
    begin(w, first, false);
    w->is_bound = true;
}

enum err chain_write(struct chain_writer *w, uint64_t number, struct str raw, struct buf *out,
                     uint64_t *chain)
{
    enum err err = buf_reserve(out, ZSTD_compressBound(raw.len) + 64);
    if (err)
        return err;
    bool is_hasty = wants_haste(w, raw.len);
    if (!goes_on(w, number, is_hasty))
        begin(w, number, is_hasty);
    ZSTD_inBuffer in = {raw.ptr, raw.len, 0};
    ZSTD_outBuffer to = {out->ptr + out->len, out->cap - out->len, 0};
    size_t left = ZSTD_compressStream2(w->context, &to, &in, ZSTD_e_flush);
    assert(left == 0 && in.pos == in.size); /* compressBound() gave room for all of it */
    out->len += to.pos;
    w->raw_bytes += raw.len;
    w->next = number + 1;
    w->parts++;
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

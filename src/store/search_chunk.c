/*
 * search_chunk.c — texts of the search index, compressed together.
 */
#include "store/search_chunk.h"

#include <zstd.h>

/* Levels of zstd: a chunk that is filled at once comes when there is much to do; the others are
 * compressed again with every commit, so there is time. */
enum { HASTY_LEVEL = 3, THOROUGH_LEVEL = 9 };

static enum err pack(struct search_file *g, struct str raw, int level, struct fail *f)
{
    buf_clear(&g->packed);
    enum err err = buf_reserve(&g->packed, ZSTD_compressBound(raw.len));
    if (err)
        return fail(f, err, "a text is too long to be compressed");
    size_t len = ZSTD_compress(g->packed.ptr, g->packed.cap, raw.ptr, raw.len, level);
    if (ZSTD_isError(len))
        return fail(f, ERR_INTERNAL, "zstd: %s", ZSTD_getErrorName(len));
    g->packed.len = len;
    return ERR_OK;
}

enum err search_file_pack(struct search_file *g, struct str raw, struct fail *f)
{
    return pack(g, raw, THOROUGH_LEVEL, f);
}

enum err search_file_load(struct search_file *g, int64_t chunk, struct buf *out, struct fail *f)
{
    struct statement *q;
    enum err err = search_file_prepare(g, FILE_CHUNK, &q, f);
    if (err)
        return err;
    bind_number(q, 1, chunk);
    bool is_found = statement_next(q, &err, f);
    if (is_found) {
        size_t len = (size_t)column_number(q, 0);
        struct str data = column_str(q, 1);
        err = buf_reserve(out, len);
        if (!err && ZSTD_decompress(out->ptr + out->len, len, data.ptr, data.len) == len)
            out->len += len;
        else if (!err)
            err = ERR_CORRUPT;
    } else if (!err) {
        err = ERR_CORRUPT;
    }
    statement_reset(q);
    return err ? fail(f, err, "chunk %lld of the search index cannot be read", (long long)chunk)
               : ERR_OK;
}

enum err search_chunk_reopen(struct search_file *g, size_t more, struct fail *f)
{
    struct statement *q;
    int64_t raw_len = 0, live = 0;
    enum err err = search_file_prepare(g, FILE_CHUNK_ROOM, &q, f);
    if (err)
        return err;
    bind_number(q, 1, g->next_chunk - 1);
    if (statement_next(q, &err, f)) {
        raw_len = column_number(q, 0);
        live = column_number(q, 1);
    }
    statement_reset(q);
    if (err || !raw_len || raw_len + (int64_t)more > CHUNK_RAW_BYTES)
        return err;
    g->next_chunk--;
    g->chunk_texts = live;
    g->is_reopened = true;
    return search_file_load(g, g->next_chunk, &g->chunk, f);
}

enum err search_chunk_write(struct search_file *g, bool is_hasty, struct fail *f)
{
    struct statement *q;
    if (!g->chunk.len)
        return ERR_OK;
    int level = is_hasty && !g->is_reopened ? HASTY_LEVEL : THOROUGH_LEVEL;
    enum err err = pack(g, buf_str(&g->chunk), level, f);
    g->is_reopened = false;
    if (!err)
        err = search_file_prepare(g, FILE_ADD_CHUNK, &q, f);
    if (err)
        return err;
    bind_number(q, 1, g->next_chunk++);
    bind_number(q, 2, g->chunk_texts);
    bind_number(q, 3, (int64_t)g->chunk.len);
    bind_blob(q, 4, buf_str(&g->packed));
    err = statement_run(q, f);
    buf_clear(&g->chunk);
    g->chunk_texts = 0;
    return err;
}

/*
 * compact.h — the compact export: exchanges with every byte, what they share written once
 * (docs/export.md).
 *
 * A head of COMPACT_HEAD_BYTES, then one zstd frame. In it, frames: type u8, length u32, CRC-32C
 * u32 over type, length and payload, payload (numbers little-endian; inside payloads varints).
 * A body is NEW frames (bytes) and SAME frames (ranges of the NEW bytes of late): both sides
 * remember, or know the place of, the newest COMPACT_WINDOW_BYTES of NEW bytes and nothing more.
 */
#ifndef RECORD_COMPACT_H
#define RECORD_COMPACT_H

#include "record/exchange_copy.h"

enum {
    COMPACT_VERSION = 1,
    COMPACT_HEAD_BYTES = 16,
    COMPACT_WINDOW_BYTES = 32 << 20,
    COMPACT_FRAME_MAX = 2 << 20,   /* bytes of a payload */
    COMPACT_BODY_MAX = 512 << 20,  /* bytes of a body */
    COMPACT_ZSTD_WINDOW_LOG = 23   /* bytes that decompression may look back, as a power of two */
};

struct compact_writer;

/* Memory: some 12 MB, whatever is written. */
struct compact_writer *compact_writer_new(void);
void compact_writer_free(struct compact_writer *w);
/* Each appends to `out`; ERR_TOO_LARGE: it is full. */
enum err compact_begin(struct compact_writer *w, struct str program, struct buf *out) MUST_CHECK;
enum err compact_add(struct compact_writer *w, const struct exchange_copy *x,
                     struct buf *out) MUST_CHECK;
enum err compact_end(struct compact_writer *w, struct buf *out) MUST_CHECK;

/* One exchange, whole; borrowed in the call. Anything but ERR_OK ends the reading. */
typedef enum err compact_exchange_fn(const struct exchange_copy *x, void *owner);

struct compact_reader;

/* Does a file begin like one of ours? */
bool compact_is(struct str head);
/* Memory: the window, 8 MB for zstd, and the exchange in hand. */
struct compact_reader *compact_reader_new(compact_exchange_fn *fn, void *owner);
void compact_reader_free(struct compact_reader *r);
/* The next bytes of the file, however they are cut. ERR_CORRUPT: damaged, `f` says where;
 * ERR_NOT_IMPLEMENTED: made by a newer program. */
enum err compact_read(struct compact_reader *r, struct str bytes, struct fail *f) MUST_CHECK;
/* The file has ended. ERR_CORRUPT: too early; what came whole has been handed over. */
enum err compact_read_end(struct compact_reader *r, struct fail *f) MUST_CHECK;
/* Exchanges whose bodies did not have the hash they should: they were not handed over. */
uint64_t compact_damaged(const struct compact_reader *r);

#endif

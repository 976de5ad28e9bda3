/*
 * body_decode.h — undoes Content-Encoding for looking at a recorded body. The record keeps the
 * bytes as they came; this makes a copy.
 */
#ifndef RECORD_BODY_DECODE_H
#define RECORD_BODY_DECODE_H

#include "base/buf.h"

enum decode_result {
    DECODE_OK,      /* whole */
    DECODE_PARTIAL, /* cut or damaged: `out` has what could be read */
    DECODE_LIMITED, /* stopped at out's ceiling */
    DECODE_UNKNOWN  /* an encoding we do not know: `out` is empty */
};

/* `encoding`: the header's value: "gzip", "br", "zstd", "deflate", "identity" or empty, or a list
 * ("gzip, br" was applied in that order). Appends to `out`. */
enum decode_result body_decode(struct str encoding, struct str bytes, struct buf *out);

/* A request's body for reading: what it decodes to, in `room`; `bytes` themselves where nothing is
 * encoded or it cannot be decoded whole. No more than room's ceiling, and no more than a hundred times
 * what came (4 MiB are fine in any case): beyond that it is made to fill memory. */
struct str body_text(struct str encoding, struct str bytes, struct buf *room);

/* body_decode() while the body comes, for one encoding. */
struct body_stream;
struct body_stream *body_stream_new(struct str encoding); /* NULL: one we do not know, or a list */
/* What it gives, piece by piece. False when it is damaged: no more comes then. */
bool body_stream_feed(struct body_stream *s, struct str bytes,
                      void (*fn)(struct str decoded, void *owner), void *owner) MUST_CHECK;
void body_stream_free(struct body_stream *s); /* NULL is fine */

#endif

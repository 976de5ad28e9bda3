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

#endif

/*
 * stream_fold.h — a streamed answer without what its events repeat.
 *
 * Events of a stream are mostly one JSON line each, that differ from the one before in one string.
 * Folded, what they have in common stands there once, the strings stand one behind another, as the
 * conversation's next request will say them, and where an event ends with the chunk it came in, its
 * length is not said at all: the timeline says it. Whatever the bytes are, the same come back.
 */
#ifndef RECORD_STREAM_FOLD_H
#define RECORD_STREAM_FOLD_H

#include "record/record.h"

/* Appends the folded form of `body`, whose chunks were as `marks` say, to `out`. False, and `out` as
 * before: it is not a quarter shorter, or there is no room. */
bool stream_fold(struct str body, const struct chunk_mark *marks, size_t mark_count,
                 struct buf *out) MUST_CHECK;
/* The way back, with the same marks. ERR_CORRUPT; ERR_TOO_LARGE: `out` is full. */
enum err stream_unfold(struct str folded, const struct chunk_mark *marks, size_t mark_count,
                       struct buf *out) MUST_CHECK;

#endif

/*
 * journal_marks.h — how far the journal is in the store, said in a few bytes that are committed with
 * every batch: up to where each segment has been taken in, and which exchanges that began before
 * that are not in the store yet. Of everything else before a mark the store has had the row: whoever
 * reads the journal once more passes it over, also where the row has been deleted since.
 *
 * A segment is known by the boot that wrote it and its file's number: no two have both in common,
 * and what stands before a mark never changes. So an old mark says too little, never too much.
 */
#ifndef INDEX_JOURNAL_MARKS_H
#define INDEX_JOURNAL_MARKS_H

#include "index/gathered.h"

enum { JOURNAL_MARKS_MAX = 1 << 20 /* bytes; of more, nothing is said: then all is taken in again */ };

/* Replaces what `out` holds: the marks as they are once all exchanges that have ended are in the
 * store. */
void journal_marks_write(struct buf *out, struct segments *s, const struct gathering *x);
/* Sets the marks of all segments that are here; none where there is none. What cannot be
 * understood says nothing. */
void journal_marks_read(struct str marks, struct segments *s);

#endif

/*
 * same_bytes.h — what two bodies have in common, byte for byte, whatever they are. The newer one
 * may lie in parts, as the journal has it.
 */
#ifndef INDEX_SAME_BYTES_H
#define INDEX_SAME_BYTES_H

#include "base/str.h"

enum {
    BODY_PARTS_MAX = 64,
    GAP_BYTES_MAX = 256,
    GAPS_MAX = 4
};

/* A body, one part behind another. */
struct body_parts {
    struct str list[BODY_PARTS_MAX];
    size_t count, bytes;
};

/* Copies bytes [at, at + len), as far as there are so many; returns how many. */
size_t parts_copy(const struct body_parts *p, size_t at, size_t len, char *out);

/* Bytes of a body that a newer one lacks: a client has taken out what it had said of a message
 * when that was new. */
struct body_gaps {
    struct body_gap {
        size_t at, len; /* of the older body */
    } list[GAPS_MAX];
    size_t count;
};

/* How many bytes at the start, or at the end (of these at most `max`), are the same. */
size_t same_at_start(struct str older, const struct body_parts *newer);
size_t same_at_end(struct str older, const struct body_parts *newer, size_t max);

/* The gaps of `older`, behind which it goes on like `newer`. `*same`: bytes at the start of `newer`
 * that `older` begins with; becomes those that it begins with when its gaps are left out. */
void gaps_find(struct body_gaps *g, struct str older, const struct body_parts *newer, size_t *same);
/* All their bytes. */
size_t gaps_bytes(const struct body_gaps *g);
/* Of `len` bytes leaves the gaps out. */
void gaps_close(const struct body_gaps *g, char *bytes, size_t len);

#endif

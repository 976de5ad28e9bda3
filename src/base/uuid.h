/*
 * uuid.h — UUID version 7 (RFC 9562 §5.7): ids of exchanges, in the order they began.
 */
#ifndef BASE_UUID_H
#define BASE_UUID_H

#include "base/str.h"

struct uuid {
    uint8_t bytes[16];
};

enum { UUID_TEXT = 37 }; /* 36 characters and a zero */

/* A new id. Ids made by one process sort in the order they were made. Thread-safe. */
struct uuid uuid_new(void);
/* The smallest id of a millisecond: for ranges of time. */
struct uuid uuid_floor(int64_t wall_us);
char *uuid_format(const struct uuid *id, char out[UUID_TEXT]); /* lower case; returns out */
bool uuid_parse(struct str text, struct uuid *id);             /* strict, 36 characters */
static inline bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

#endif

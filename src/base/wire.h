/*
 * wire.h — numbers and byte strings written one after another: the inside of journal frames and
 * of stored details. Little-endian; varints are LEB128.
 *
 * Writing goes to a buf; reading goes over a str and never past its end: the first bad read
 * sets `bad` and every later one gives zeros.
 */
#ifndef BASE_WIRE_H
#define BASE_WIRE_H

#include "base/buf.h"

enum err wire_put_varint(struct buf *b, uint64_t value) MUST_CHECK;
enum err wire_put_bytes(struct buf *b, struct str bytes) MUST_CHECK; /* varint length, bytes */
size_t wire_varint_size(uint64_t value);
/* Writes at `at`, where there is room for ten bytes; returns where it ends. */
static inline char *wire_write_varint(char *at, uint64_t value)
{
    for (; value > 0x7f; value >>= 7)
        *at++ = (char)((value & 0x7f) | 0x80);
    *at++ = (char)value;
    return at;
}

struct wire_reader {
    struct str rest;
    bool bad;
};

uint64_t wire_get_varint(struct wire_reader *r);
struct str wire_get_bytes(struct wire_reader *r);           /* borrowed from what is read */
struct str wire_get_exactly(struct wire_reader *r, size_t len);

static inline uint64_t wire_zigzag(int64_t v)
{
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static inline int64_t wire_unzigzag(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

#endif

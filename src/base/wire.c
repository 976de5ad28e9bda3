/*
 * wire.c — varints and byte strings.
 */
#include "base/wire.h"

enum { VARINT_BYTES_MAX = 10 };

enum err wire_put_varint(struct buf *b, uint64_t value)
{
    if (value < 0x80 && b->len < b->cap) { /* most take one byte */
        b->ptr[b->len++] = (char)value;
        return ERR_OK;
    }
    size_t n = wire_varint_size(value);
    enum err err = b->cap - b->len >= n ? ERR_OK : buf_reserve(b, n);
    if (err)
        return err;
    wire_write_varint(b->ptr + b->len, value);
    b->len += n;
    return ERR_OK;
}

enum err wire_put_bytes(struct buf *b, struct str bytes)
{
    enum err err = buf_reserve(b, bytes.len + 10);
    if (err)
        return err;
    err = wire_put_varint(b, bytes.len);
    return err ? err : buf_append(b, bytes);
}

size_t wire_varint_size(uint64_t value)
{
    size_t n = 1;
    while (value >>= 7)
        n++;
    return n;
}

uint64_t wire_get_varint(struct wire_reader *r)
{
    if (!r->bad && r->rest.len && !(r->rest.ptr[0] & 0x80)) { /* most take one byte */
        r->rest.len--;
        return (uint8_t)*r->rest.ptr++;
    }
    const char *in = r->rest.ptr;
    size_t max = r->bad ? 0 : MIN_OF(r->rest.len, (size_t)VARINT_BYTES_MAX);
    uint64_t value = 0;
    for (size_t i = 0; i < max; i++) {
        uint8_t byte = (uint8_t)in[i];
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte & 0x80)
            continue;
        if (i == VARINT_BYTES_MAX - 1 && byte > 1)
            break; /* more than 64 bits */
        r->rest = str_make(in + i + 1, r->rest.len - i - 1);
        return value;
    }
    r->bad = true;
    return 0;
}

struct str wire_get_exactly(struct wire_reader *r, size_t len)
{
    if (r->bad || len > r->rest.len) {
        r->bad = true;
        return STR_NONE;
    }
    struct str bytes = str_head(r->rest, len);
    r->rest = str_from(r->rest, len);
    return bytes;
}

struct str wire_get_bytes(struct wire_reader *r)
{
    uint64_t len = wire_get_varint(r);
    if (len > r->rest.len)
        r->bad = true;
    return wire_get_exactly(r, (size_t)len);
}

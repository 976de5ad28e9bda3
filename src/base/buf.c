/*
 * buf.c — growing bytes, with a ceiling given at birth.
 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

void buf_init(struct buf *b, size_t ceiling_bytes)
{
    *b = (struct buf){.ceiling = ceiling_bytes};
}

void buf_release(struct buf *b)
{
    free(b->ptr);
    *b = (struct buf){.ceiling = b->ceiling};
}

void buf_clear(struct buf *b)
{
    b->len = 0;
}

enum err buf_reserve(struct buf *b, size_t more)
{
    if (more > b->ceiling || b->len > b->ceiling - more)
        return ERR_TOO_LARGE;
    size_t need = b->len + more;
    if (need <= b->cap)
        return ERR_OK;
    size_t cap = b->cap ? b->cap : 256;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    cap = MAX_OF(need, MIN_OF(cap, b->ceiling));
    b->ptr = mem_resize(b->ptr, cap);
    b->cap = cap;
    return ERR_OK;
}

enum err buf_append_slowly(struct buf *b, struct str bytes)
{
    enum err err = buf_reserve(b, bytes.len);
    if (err)
        return err;
    memcpy(b->ptr + b->len, bytes.ptr, bytes.len);
    b->len += bytes.len;
    return ERR_OK;
}

enum err buf_append_byte(struct buf *b, char c)
{
    return buf_append(b, (struct str){&c, 1});
}

enum err buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(length >= 0);
    enum err err = buf_reserve(b, (size_t)length + 1);
    if (err)
        return err;
    va_start(args, format);
    vsnprintf(b->ptr + b->len, (size_t)length + 1, format, args);
    va_end(args);
    b->len += (size_t)length;
    return ERR_OK;
}

void buf_drop(struct buf *b, size_t bytes)
{
    assert(bytes <= b->len);
    b->len -= bytes;
    if (bytes && b->len)
        memmove(b->ptr, b->ptr + bytes, b->len);
}

char *buf_take(struct buf *b, size_t *len)
{
    char *ptr = b->ptr;
    *len = b->len;
    *b = (struct buf){.ceiling = b->ceiling};
    return ptr;
}

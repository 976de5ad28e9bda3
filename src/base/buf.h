/*
 * buf.h — growing bytes, with a ceiling given at birth.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/err.h"
#include "base/str.h"

struct buf {
    char *ptr;
    size_t len;
    size_t cap;
    size_t ceiling; /* bytes; never grows past this */
};

void buf_init(struct buf *b, size_t ceiling_bytes); /* allocates nothing yet */
void buf_release(struct buf *b);                    /* fine on a released or zeroed buf */
void buf_clear(struct buf *b);                      /* keeps the memory */

enum err buf_append_slowly(struct buf *b, struct str bytes) MUST_CHECK; /* when there is no room */

/* ERR_TOO_LARGE when the ceiling is reached; the buf is then unchanged. */
MUST_CHECK static inline enum err buf_append(struct buf *b, struct str bytes)
{
    if (bytes.len > b->cap - b->len)
        return buf_append_slowly(b, bytes);
    if (bytes.len)
        memcpy(b->ptr + b->len, bytes.ptr, bytes.len);
    b->len += bytes.len;
    return ERR_OK;
}

enum err buf_append_byte(struct buf *b, char c) MUST_CHECK;
enum err buf_printf(struct buf *b, const char *format, ...) PRINTF_LIKE(2, 3) MUST_CHECK;
/* Makes room for `more` bytes behind len; the caller writes them and adds to len. */
enum err buf_reserve(struct buf *b, size_t more) MUST_CHECK;
void buf_drop(struct buf *b, size_t bytes); /* takes bytes off the front */

static inline struct str buf_str(const struct buf *b)
{
    return (struct str){b->ptr, b->len};
}

/* Hands the memory to the caller, who frees it; `b` is empty afterwards. */
char *buf_take(struct buf *b, size_t *len);

#endif

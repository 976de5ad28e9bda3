/*
 * prose.h — for the benches that link the program: time, and text to make bodies of.
 */
#ifndef BENCH_PROSE_H
#define BENCH_PROSE_H

#include <stdlib.h>
#include <time.h>

#include "base/buf.h"

static inline double clock_us(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static inline void add(struct buf *b, const char *text)
{
    if (buf_append(b, str_of(text)))
        abort();
}

/* About `bytes` of prose and code with as many escapes as these have. */
static inline void add_text(struct buf *b, size_t bytes)
{
    static const char *const bits[] = {
        "static int read_all(struct file *f)\\n{\\n    return f->read(f, \\\"all\\\");\\n}\\n",
        "The parser keeps a cursor and never looks back further than one token. ",
        "error: expected ';' before '}' token at line 1024\\n", "const grüße = [1, 2, {a: 3}];\\n",
        "It was checked against the reference and differs in three places, all of them known. "};
    for (size_t start = b->len, i = 0; b->len - start < bytes; i++)
        add(b, bits[i * 7 % COUNT_OF(bits)]);
}

#endif

/*
 * due.h — who waits for which moment: a binary heap, earliest first.
 */
#ifndef BENCH_DUE_H
#define BENCH_DUE_H

#include <stddef.h>
#include <stdint.h>

struct due {
    uint64_t due_ns;
    size_t at; /* place in the heap, from 1; 0: not waiting */
};

/* `d` must not be waiting. */
void due_add(struct due *d, uint64_t due_ns);
/* Does nothing when it is not waiting. */
void due_remove(struct due *d);
struct due *due_first(void); /* NULL when nobody waits */

#endif

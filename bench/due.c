/*
 * due.c — see due.h. One heap for the process: the mock has one loop.
 */
#include "due.h"

#include <assert.h>
#include <stdlib.h>

static struct due **heap; /* from 1 */
static size_t heap_len, heap_cap;

static void put(size_t at, struct due *d)
{
    heap[at] = d;
    d->at = at;
}

static void rise(size_t at, struct due *d)
{
    for (; at > 1 && heap[at / 2]->due_ns > d->due_ns; at /= 2)
        put(at, heap[at / 2]);
    put(at, d);
}

static void sink(size_t at, struct due *d)
{
    for (size_t child; (child = at * 2) <= heap_len; at = child) {
        if (child < heap_len && heap[child + 1]->due_ns < heap[child]->due_ns)
            child++;
        if (heap[child]->due_ns >= d->due_ns)
            break;
        put(at, heap[child]);
    }
    put(at, d);
}

void due_add(struct due *d, uint64_t due_ns)
{
    assert(d->at == 0);
    d->due_ns = due_ns;
    if (heap_len + 2 > heap_cap) {
        heap_cap = heap_cap ? heap_cap * 2 : 1024;
        heap = realloc(heap, heap_cap * sizeof(*heap));
        assert(heap);
    }
    rise(++heap_len, d);
}

void due_remove(struct due *d)
{
    struct due *last;
    size_t at = d->at;

    if (at == 0)
        return;
    last = heap[heap_len--];
    d->at = 0;
    if (last == d)
        return;
    if (at > 1 && heap[at / 2]->due_ns > last->due_ns)
        rise(at, last);
    else
        sink(at, last);
}

struct due *due_first(void)
{
    return heap_len ? heap[1] : NULL;
}

/*
 * request_ids.c — a sorted list.
 */
#include "api/request_ids.h"

#include <stdlib.h>

#include "base/mem.h"

static int by_id(const void *a, const void *b)
{
    const struct record *const *x = a, *const *y = b;
    return str_compare((*x)->upstream_request_id, (*y)->upstream_request_id);
}

void request_ids_init(struct request_ids *ids, const struct thread_rows *rows)
{
    ids->list = mem_alloc((rows->count + 1) * sizeof *ids->list);
    ids->count = 0;
    for (size_t i = 0; i < rows->count; i++)
        if (rows->list[i].upstream_request_id.len)
            ids->list[ids->count++] = &rows->list[i];
    if (ids->count)
        qsort(ids->list, ids->count, sizeof *ids->list, by_id);
}

void request_ids_release(struct request_ids *ids)
{
    free(ids->list);
    *ids = (struct request_ids){NULL, 0};
}

const struct record *request_ids_find(const struct request_ids *ids, struct str id)
{
    const struct record wanted = {.upstream_request_id = id}, *key = &wanted;
    if (!id.len || !ids->count)
        return NULL;
    const struct record **found = bsearch(&key, ids->list, ids->count, sizeof *ids->list, by_id);
    return found ? *found : NULL;
}

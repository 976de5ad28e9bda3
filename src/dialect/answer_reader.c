/*
 * answer_reader.c — what readers keep between events.
 */
#include "dialect/answer_reader.h"

#include <stdlib.h>

void reader_release(struct reader *r)
{
    free(r->items);
    r->items = NULL;
    r->item_count = r->item_cap = 0;
}

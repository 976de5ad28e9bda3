/*
 * numbers.c — a list of numbers as one text to be bound.
 */
#include "store/numbers.h"

#include <inttypes.h>
#include <stdio.h>

struct str numbers_text(const struct engine *engine, const int64_t *list, size_t count,
                        struct arena *arena)
{
    enum { LONGEST = 21 }; /* with its comma */
    char *text = arena_alloc(arena, count * LONGEST + 3);
    size_t len = 0;
    text[len++] = engine->numbers_marks[0];
    for (size_t i = 0; i < count; i++)
        len += (size_t)sprintf(text + len, "%s%" PRId64, i ? "," : "", list[i]);
    text[len++] = engine->numbers_marks[1];
    return str_make(text, len);
}

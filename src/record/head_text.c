/*
 * head_text.c — looks headers up in a head as the journal keeps it.
 */
#include "record/head_text.h"

static struct str next_line(struct str *rest)
{
    size_t end = str_find(*rest, '\n');
    struct str line = str_head(*rest, end);
    *rest = str_from(*rest, MIN_OF(end + 1, rest->len));
    if (line.len && line.ptr[line.len - 1] == '\r')
        line.len--;
    return line;
}

struct str head_text_read(struct str head, struct head_want *wants, size_t count)
{
    struct str first = next_line(&head);
    while (head.len) {
        struct str line = next_line(&head);
        size_t colon = str_find(line, ':');
        if (colon == line.len)
            continue;
        for (size_t i = 0; i < count; i++) {
            struct head_want *w = &wants[i];
            if (w->name.len == colon && !w->value.len &&
                str_equal_nocase(str_head(line, colon), w->name))
                w->value = str_trim(str_from(line, colon + 1));
        }
    }
    return first;
}

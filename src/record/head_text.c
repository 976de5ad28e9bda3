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

/* A field's name ends at its first colon, and has none in it. */
static bool is_field(struct str line, struct str name)
{
    return line.len > name.len && line.ptr[name.len] == ':' && str_starts_nocase(line, name);
}

struct str head_text_read(struct str head, struct head_want *wants, size_t count)
{
    struct str first = next_line(&head);
    while (head.len) {
        struct str line = next_line(&head);
        for (size_t i = 0; i < count; i++) {
            struct head_want *w = &wants[i];
            if (!w->value.len && is_field(line, w->name))
                w->value = str_trim(str_from(line, w->name.len + 1));
        }
    }
    return first;
}

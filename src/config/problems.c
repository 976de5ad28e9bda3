/*
 * problems.c — what is wrong with a configuration, all of it rather than only the first thing.
 */
#include "config/problems.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

void problems_release(struct problems *p)
{
    for (size_t i = 0; i < p->count; i++)
        free(p->items[i].text);
    *p = (struct problems){.count = 0};
}

void problems_add(struct problems *p, enum problem_kind kind, const char *format, ...)
{
    p->counts[kind]++;
    if (p->count == PROBLEMS_MAX)
        return;
    char text[PROBLEM_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    p->items[p->count++] = (struct problem){kind, mem_strdup(text)};
}

char *text_quote(struct str s, char out[QUOTE_BYTES])
{
    size_t room = QUOTE_BYTES - sizeof "\"…\"";
    struct str shown = str_head(s, room);
    char *at = out;
    *at++ = '"';
    for (size_t i = 0; i < shown.len; i++)
        *at++ = shown.ptr[i] >= 0x20 && shown.ptr[i] < 0x7f ? shown.ptr[i] : '?';
    snprintf(at, (size_t)(out + QUOTE_BYTES - at), "%s\"", shown.len < s.len ? "…" : "");
    return out;
}

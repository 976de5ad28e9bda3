/*
 * tool_list.h — names of tools with counts, and the text that a row keeps of them:
 * "Bash 2,Read 1", in order of name, so that equal lists are equal texts.
 */
#ifndef RECORD_TOOL_LIST_H
#define RECORD_TOOL_LIST_H

#include "base/arena.h"

enum {
    TOOL_LIST_MAX = 32,      /* names; calls of further ones are counted as TOOL_OTHER */
    TOOL_NAME_MAX = 128,     /* bytes; the rest is cut off */
};
#define TOOL_OTHER "(other)"

struct tool_list {
    struct tool_count {
        struct str name;
        int64_t count;
    } list[TOOL_LIST_MAX];
    size_t len;
};

/* `name` is borrowed. */
void tool_list_add(struct tool_list *t, struct str name, int64_t count);
/* The text, in the arena; empty for an empty list. What could be taken for a sign of the text
 * (blank, comma, control bytes) becomes '_'. */
struct str tool_list_text(const struct tool_list *t, struct arena *arena);
/* Takes the next name and count off a text. False at its end. */
bool tool_list_next(struct str *text, struct tool_count *out);
bool tool_list_has(struct str text, struct str name);

#endif

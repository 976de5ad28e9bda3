/*
 * tool_errors.c — errors of tools, each told once.
 */
#include "index/tool_errors.h"

#include "record/tool_list.h"

struct str tool_errors_new(struct tool_errors *t, const struct request_facts *facts,
                           struct arena *arena)
{
    struct tool_list list = {0};
    for (size_t i = 0; i < facts->tool_error_count; i++) {
        uint64_t hash = facts->tool_errors[i].id_hash;
        uint64_t *slot = &t->known[hash & (TOOL_ERRORS_KNOWN - 1)];
        if (*slot == hash)
            continue; /* sent again */
        *slot = hash;
        tool_list_add(&list, facts->tool_errors[i].name, 1);
    }
    return tool_list_text(&list, arena);
}

/*
 * tool_errors.h — which errors of tools have been told before: a conversation sends its results
 * again with every turn. Remembers a bounded number, in memory only.
 */
#ifndef INDEX_TOOL_ERRORS_H
#define INDEX_TOOL_ERRORS_H

#include "record/json_cut.h"

enum { TOOL_ERRORS_KNOWN = 4096 /* slots, a power of two; the newest of a slot stays */ };

struct tool_errors {
    uint64_t known[TOOL_ERRORS_KNOWN]; /* hashes of ids; a zeroed one needs no beginning */
};

/* Errors of tools that were not told before, as the text of a tool_list; in the arena. */
struct str tool_errors_new(struct tool_errors *t, const struct request_facts *facts,
                           struct arena *arena);

#endif

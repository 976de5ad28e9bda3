/*
 * tool_names.h — tools have the names a provider takes on the way out, and the client's own on the
 * way back. One map for each exchange.
 */
#ifndef DIALECT_TOOL_NAMES_H
#define DIALECT_TOOL_NAMES_H

#include "dialect/neutral.h"

enum {
    TOOL_NAME_MAX = 64,     /* bytes; OpenAI and Gemini alike */
    TOOL_NAME_BUCKETS = 256 /* so that thousands of names are no quadratic work */
};

struct tool_name {
    struct str client, sent;
    struct tool_name *next, *next_client, *next_sent; /* of all; of the same bucket */
};

struct tool_names {
    struct tool_name *first, *last;
    struct tool_name *by_client[TOOL_NAME_BUCKETS], *by_sent[TOOL_NAME_BUCKETS];
    bool begins_with_letter; /* Gemini: no digit, no hyphen in front */
};

/* Gives every tool of the request its sent_name. Names that are fine as they are come first, so
 * that no invented one takes theirs. */
void tool_names_fill(struct tool_names *names, struct neutral *n);
/* The name to send for one of the client's, also one that is no longer among the tools. */
struct str tool_names_send(struct tool_names *names, struct neutral *n, struct str client);
/* The client's name for one that a provider said; spelled a little wrong too ("bash" for "Bash").
 * The provider's own where there is none. */
struct str tool_names_receive(const struct tool_names *names, struct str sent);

/* Is it one of these, however it is spelled? */
bool tool_names_know(const struct tool_names *names, struct str sent);

#endif

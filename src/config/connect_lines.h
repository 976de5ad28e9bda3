/*
 * connect_lines.h — what Claude Code must be told so that it comes to this proxy: environment variables.
 *
 * A base URL other than Anthropic's own turns some of the client's features off; the further
 * variables turn them on again (code.claude.com/docs, "LLM gateway" and "Settings").
 */
#ifndef CONFIG_CONNECT_LINES_H
#define CONFIG_CONNECT_LINES_H

#include "config/config.h"

struct connect_variable {
    const char *name, *value;
    const char *restores; /* in a few words */
};

enum { CONNECT_VARIABLES = 3 };
extern const struct connect_variable connect_variables[CONNECT_VARIABLES];

/* Where a client finds the proxy: server.public_url; else, for one on this machine, host and port. The text
 * lives in `arena`. */
struct str connect_base_url(const struct config *c, struct arena *arena);

#endif

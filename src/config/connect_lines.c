/*
 * connect_lines.c — the variables that bring Claude Code here.
 */
#include "config/connect_lines.h"

#include "config/url.h"

const struct connect_variable connect_variables[CONNECT_VARIABLES] = {
    {"ENABLE_TOOL_SEARCH", "true", "tool search for MCP servers"},
    {"CLAUDE_CODE_ENABLE_FINE_GRAINED_TOOL_STREAMING", "1", "tool inputs as they are written"},
    {"CLAUDE_CODE_PROPAGATE_TRACEPARENT", "1", "trace headers"},
};

struct str connect_base_url(const struct config *c, struct arena *arena)
{
    struct str host = str_of(c->server_host);
    bool v6 = str_find(host, ':') < host.len;
    if (*c->server_public_url)
        return str_of(c->server_public_url);
    if (host_is_any(host))
        return arena_printf(arena, "http://127.0.0.1:%d", c->server_port);
    return arena_printf(arena, "http://%s%s%s:%d", v6 ? "[" : "", c->server_host, v6 ? "]" : "",
                        c->server_port);
}

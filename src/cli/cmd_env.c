/*
 * cmd_env.c — `claude-code-proxy env`: the lines that connect Claude Code.
 *
 * A base URL other than Anthropic's own turns some of the client's features off; the further
 * variables turn them on again (docs: code.claude.com, LLM gateways).
 */
#include <stdio.h>

#include "cli/command.h"
#include "cli/configured.h"
#include "config/url.h"

static const char *const restored[] = {
    "ENABLE_TOOL_SEARCH=true",
    "CLAUDE_CODE_ENABLE_FINE_GRAINED_TOOL_STREAMING=1",
    "CLAUDE_CODE_PROPAGATE_TRACEPARENT=1",
};

/* Where a client on this machine finds us. */
static void print_base_url(const struct config *c)
{
    struct str host = str_of(c->server_host);
    bool v6 = str_find(host, ':') < host.len;
    if (*c->server_public_url)
        printf("export ANTHROPIC_BASE_URL='%s'\n", c->server_public_url);
    else if (host_is_any(host))
        printf("export ANTHROPIC_BASE_URL='http://127.0.0.1:%d'\n", c->server_port);
    else
        printf("export ANTHROPIC_BASE_URL='http://%s%s%s:%d'\n", v6 ? "[" : "", c->server_host,
               v6 ? "]" : "", c->server_port);
}

static int env(const struct options *options)
{
    int code;
    struct config *config = configured(options, &command_env, &code);
    if (!config)
        return code;
    print_base_url(config);
    for (size_t i = 0; i < COUNT_OF(restored); i++)
        printf("export %s\n", restored[i]);
    config_free(config);
    return EX_OK;
}

const struct command command_env = {
    .name = "env",
    .summary = "Prints the lines that connect Claude Code: eval \"$(claude-code-proxy env)\".",
    .takes_flags = true,
    .run = env,
};

/*
 * cmd_env.c — `claude-code-proxy env`: the lines that connect Claude Code.
 */
#include <stdio.h>

#include "cli/command.h"
#include "cli/configured.h"
#include "config/connect_lines.h"

static int env(const struct options *options)
{
    int code;
    struct config *config = configured(options, &command_env, &code);
    if (!config)
        return code;
    struct str url = connect_base_url(config, &config->arena);
    printf("export ANTHROPIC_BASE_URL='%.*s'\n", STR_ARGS(url));
    for (size_t i = 0; i < CONNECT_VARIABLES; i++)
        printf("export %s=%s\n", connect_variables[i].name, connect_variables[i].value);
    config_free(config);
    return EX_OK;
}

const struct command command_env = {
    .name = "env",
    .summary = "Prints the lines that connect Claude Code: eval \"$(claude-code-proxy env)\".",
    .takes_flags = true,
    .run = env,
};

/*
 * cmd_version.c — `claude-code-proxy version`.
 */
#include <stdio.h>

#include "cli/command.h"

static int version(const struct options *options)
{
    (void)options;
    puts("claude-code-proxy " VERSION);
    return EX_OK;
}

const struct command command_version = {
    .name = "version",
    .summary = "Prints the version. Also --version.",
    .run = version,
};

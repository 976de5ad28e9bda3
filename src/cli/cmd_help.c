/*
 * cmd_help.c — `claude-code-proxy help [COMMAND]`.
 */
#include "cli/command.h"
#include "cli/usage.h"

static int help(const struct options *options)
{
    const char *first = options->arguments[0], *second = options->arguments[1];
    if (!first) {
        usage_print_all(stdout);
        return EX_OK;
    }
    int words;
    const struct command *c = command_find(first, second, &words);
    if (!c || words != options->argument_count) {
        usage_refuse_command(first, second);
        return EX_USAGE;
    }
    usage_print_command(stdout, c);
    return EX_OK;
}

const struct command command_help = {
    .name = "help",
    .summary = "Says how to use the program, or one command. Also --help.",
    .argument = "[COMMAND]",
    .run = help,
};

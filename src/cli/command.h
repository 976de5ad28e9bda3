/*
 * command.h — one subcommand: its name, its help and what runs it.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <sysexits.h> /* the exit codes: 64 usage, 74 writing, 78 configuration */

#include "base/err.h"
#include "base/str.h"
#include "cli/options.h"

struct command {
    const char *name;     /* "config show": one or two words */
    const char *summary;  /* one line */
    const char *argument; /* "[COMMAND]"; NULL: takes none */
    int argument_max;     /* words that are no flags; 0: two */
    const struct command_flag *flags; /* of its own; ends with a NULL name; NULL: none */
    bool takes_flags;     /* those of the configuration */
    bool logs;            /* what it has to say are log lines, not messages to a person */
    int (*run)(const struct options *options); /* returns an exit code */
};

extern const struct command *const commands[]; /* ends with NULL */

/* The command that `first` and perhaps `second` name, and how many words those were; NULL: none. */
const struct command *command_find(const char *first, const char *second, int *words);

/* The exit code of a command that reads what is recorded, and has failed so. */
int command_exit_code(enum err err);

/* The whole program: an exit code comes back. */
int command_main(int argc, char **argv);

extern const struct command command_serve, command_config_check, command_config_show,
    command_config_example, command_config_docs, command_env, command_version, command_help,
    command_export, command_import, command_store_verify, command_store_stats,
    command_route_explain, command_agents_list, command_agents_hash;

#endif

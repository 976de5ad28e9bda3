/*
 * options.h — the flags behind a subcommand. Which there are follows from config_keys.def.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "config/config.h"

struct command;

enum { COMMAND_FLAGS_MAX = 16, COMMAND_ARGUMENTS_MAX = 1024 };

/* A flag that one command has beside those of the configuration. */
struct command_flag {
    char letter;       /* "-o" means the same; 0: none */
    const char *name;  /* without "--" */
    const char *value; /* "FILE"; NULL: it takes none, and its value is "yes" */
    const char *what;  /* one line for the help */
};

struct options {
    struct config_flags flags;
    const char *own[COMMAND_FLAGS_MAX]; /* values of the command's own flags, in their order */
    /* words that are no flags, as "config check" in `help config check`; NULL behind them */
    const char *arguments[COMMAND_ARGUMENTS_MAX + 1];
    int argument_count;
    bool help;
};

/* Borrows from argv. False when the words are wrong: usage has then gone to standard error. */
bool options_parse(struct options *o, const struct command *c, int argc, char **argv);

#endif

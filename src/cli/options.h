/*
 * options.h — the flags behind a subcommand. Which there are follows from config_keys.def.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "config/config.h"

struct command;

struct options {
    struct config_flags flags;
    const char
        *arguments[2]; /* words that are no flags, as "config check" in `help config check` */
    int argument_count;
    bool help;
};

/* Borrows from argv. False when the words are wrong: usage has then gone to standard error. */
bool options_parse(struct options *o, const struct command *c, int argc, char **argv);

#endif

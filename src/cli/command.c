/*
 * command.c — which subcommand was meant, and what every one of them shares.
 */
#include "cli/command.h"

#include <errno.h>
#include <stdio.h>

#include "cli/usage.h"

/* In the order that `help` shows them. */
const struct command *const commands[] = {
    &command_serve,          &command_config_check, &command_config_show,
    &command_config_example, &command_config_docs,  &command_env,
    &command_export,         &command_import,       &command_store_verify,
    &command_store_stats,    &command_route_explain, &command_agents_list,
    &command_agents_hash,    &command_version,      &command_help,
    NULL,
};

const struct command *command_find(const char *first, const char *second, int *words)
{
    for (size_t i = 0; commands[i]; i++) {
        struct str rest = str_of(commands[i]->name), word;
        str_next(&rest, ' ', &word);
        if (!str_equal(word, str_of(first)))
            continue;
        if (rest.ptr && (!second || !str_equal(rest, str_of(second))))
            continue;
        *words = rest.ptr ? 2 : 1;
        return commands[i];
    }
    return NULL;
}

/* What was printed must have arrived: `config example > file` on a full disk is no success. */
static int finish_output(int code)
{
    errno = 0;
    if (!fflush(stdout) && !ferror(stdout))
        return code;
    if (errno != EPIPE) /* a reader that has seen enough is nobody's mistake */
        fprintf(stderr, "claude-code-proxy: cannot write: %s\n", /* nobody noted an earlier cause */
                errno ? strerror(errno) : "not all of it arrived");
    return EX_IOERR;
}

static int run(const struct command *c, int argc, char **argv)
{
    struct options options;
    if (!options_parse(&options, c, argc, argv))
        return EX_USAGE;
    if (options.help)
        return usage_print_command(stdout, c), EX_OK;
    return c->run(&options);
}

/* --version and --help stand for commands; without a command word, serve is meant. */
static const struct command *choose(int argc, char **argv, int *words)
{
    *words = 1;
    if (argc > 1 && !strcmp(argv[1], "--version"))
        return &command_version;
    if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
        return &command_help;
    if (argc > 1 && argv[1][0] != '-')
        return command_find(argv[1], argc > 2 ? argv[2] : NULL, words);
    *words = 0;
    return &command_serve;
}

int command_exit_code(enum err err)
{
    switch (err) {
    case ERR_OK:
        return EX_OK;
    case ERR_NOT_FOUND:
    case ERR_GONE:
        return EX_NOINPUT;
    case ERR_CONFIG:
        return EX_CONFIG;
    case ERR_CORRUPT:
        return EX_DATAERR;
    default:
        return EX_TEMPFAIL;
    }
}

int command_main(int argc, char **argv)
{
    int words;
    const struct command *c = choose(argc, argv, &words);
    if (!c) {
        usage_refuse_command(argv[1], argc > 2 ? argv[2] : NULL);
        return EX_USAGE;
    }
    return finish_output(run(c, argc - 1 - words, argv + 1 + words));
}

/*
 * configured.c — the configuration, for a subcommand that cannot do without.
 */
#include "cli/configured.h"

#include <stdio.h>

#include "cli/command.h"
#include "cli/usage.h"

static void show(const struct problem *problem, bool as_log)
{
    if (as_log)
        log_line(LOG_WARN, "configuration", LOG_C("detail", problem->text));
    else
        fprintf(stderr, "%s%s\n", problem->kind == PROBLEM_WARNING ? "warning: " : "",
                problem->text);
}

static void show_all(const struct problems *p, bool as_log)
{
    size_t all = p->counts[PROBLEM_WARNING] + p->counts[PROBLEM_USAGE] + p->counts[PROBLEM_CONFIG];
    for (size_t i = 0; i < p->count; i++)
        show(&p->items[i], as_log);
    if (all > p->count)
        fprintf(stderr, "and %zu more\n", all - p->count);
}

struct config *configured(const struct options *o, const struct command *c, int *exit_code)
{
    struct problems p = {.count = 0};
    struct config *config = config_load(&o->flags, &p);
    if (config)
        log_setup(config->logging_level, config->logging_format);
    show_all(&p, config && c->logs);
    *exit_code = p.counts[PROBLEM_USAGE] ? EX_USAGE : config ? EX_OK : EX_CONFIG;
    if (p.counts[PROBLEM_USAGE]) {
        fputs("\n", stderr);
        usage_print_command(stderr, c);
    }
    problems_release(&p);
    return config;
}

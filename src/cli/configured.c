/*
 * configured.c — the configuration, for a subcommand that cannot do without.
 */
#include "cli/configured.h"

#include <stdio.h>

#include "cli/command.h"
#include "cli/usage.h"

struct config *configured(const struct options *o, const struct command *c, int *exit_code)
{
    struct problems p = {.count = 0};
    struct config *config = config_load(&o->flags, &p);
    for (size_t i = 0; i < p.count; i++)
        fprintf(stderr, "%s%s\n", p.items[i].kind == PROBLEM_WARNING ? "warning: " : "",
                p.items[i].text);
    size_t all = p.counts[PROBLEM_WARNING] + p.counts[PROBLEM_USAGE] + p.counts[PROBLEM_CONFIG];
    if (all > p.count)
        fprintf(stderr, "and %zu more\n", all - p.count);
    *exit_code = p.counts[PROBLEM_USAGE] ? EX_USAGE : config ? EX_OK : EX_CONFIG;
    if (p.counts[PROBLEM_USAGE]) {
        fputs("\n", stderr);
        usage_print_command(stderr, c);
    }
    problems_release(&p);
    return config;
}

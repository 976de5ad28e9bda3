/*
 * usage.c — how to use the program, for those who ask and for those who erred.
 */
#include "cli/usage.h"

#include <stdarg.h>

#include "cli/command.h"
#include "config/config_key.h"

static const char value_names[][8] = {
    [KIND_HOST] = "HOST",
    [KIND_PATH] = "PATH",
    [KIND_INT] = "NUMBER",
    [KIND_CHOICE] = "NAME",
};

static void print_own_flags(FILE *out, const struct command *c)
{
    for (size_t i = 0; c->flags && c->flags[i].name; i++) {
        char flag[32];
        const struct command_flag *own = &c->flags[i];
        snprintf(flag, sizeof flag, "%s %s%s%c", own->name, own->value ? own->value : "",
                 own->letter ? ", -" : "", own->letter ? own->letter : ' ');
        fprintf(out, "%s  --%-18s %s\n", i ? "" : "\nFlags of its own:\n", flag, own->what);
    }
}

static void print_flags(FILE *out)
{
    fprintf(out, "\nFlags:\n  --%-18s %s\n", "config FILE", "Configuration file.");
    for (size_t i = 0; i < CONFIG_KEYS; i++) {
        const struct config_key *k = &config_keys[i];
        char flag[32];
        if (!k->flag)
            continue;
        struct str sentence = str_head(str_of(k->what), str_find(str_of(k->what), '.') + 1);
        snprintf(flag, sizeof flag, "%s %s", k->flag, value_names[k->kind]);
        fprintf(out, "  --%-18s %.*s\n", flag, STR_ARGS(sentence));
    }
}

void usage_print_command(FILE *out, const struct command *c)
{
    fprintf(out, "Usage: claude-code-proxy %s%s%s%s\n\n%s\n", c->name,
            c->takes_flags ? " [FLAGS]" : "", c->argument ? " " : "",
            c->argument ? c->argument : "", c->summary);
    print_own_flags(out, c);
    if (c->takes_flags)
        print_flags(out);
}

void usage_print_all(FILE *out)
{
    fprintf(out, "Usage: claude-code-proxy [COMMAND] [FLAGS]\n\n"
                 "Stands between Claude Code and its provider: relays, records and shows.\n\n"
                 "Commands:\n");
    for (size_t i = 0; commands[i]; i++)
        fprintf(out, "  %-16s %s\n", commands[i]->name, commands[i]->summary);
    print_flags(out);
}

bool usage_refuse(const struct command *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("claude-code-proxy: ", stderr);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs("\n\n", stderr);
    usage_print_command(stderr, c);
    return false;
}

void usage_refuse_command(const char *first, const char *second)
{
    char quoted[QUOTE_BYTES], quoted_second[QUOTE_BYTES];
    text_quote(str_of(first), quoted);
    text_quote(str_of(second), quoted_second);
    const char *more = "";
    for (size_t i = 0; commands[i]; i++) {
        struct str name = str_of(commands[i]->name), group = str_head(name, str_find(name, ' '));
        if (!second && group.len < name.len && str_equal(group, str_of(first)))
            more = ", which needs a second word";
    }
    fprintf(stderr, "claude-code-proxy: unknown command %s%s%s%s\n\n", quoted, second ? " " : "",
            second ? quoted_second : "", more);
    usage_print_all(stderr);
}

struct str usage_suggest_flag(struct str name)
{
    struct str found = text_distance(name, STR("config")) <= 2 ? STR("config") : STR_NONE;
    size_t best = MIN_OF(3, name.len / 2 + 1);
    for (size_t i = 0; i < CONFIG_KEYS; i++) {
        struct str flag = str_of(config_keys[i].flag);
        size_t distance = text_distance(name, flag);
        if (flag.len && distance < best) {
            best = distance;
            found = flag;
        }
    }
    return found;
}

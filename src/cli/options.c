/*
 * options.c — the flags behind a subcommand: --name value or --name=value, each once.
 *
 * Checks only that the words make sense as flags; what their values mean is config_load()'s.
 * Nothing secret is taken here, since everybody on the machine can read a command line.
 */
#include "cli/options.h"

#include <stdio.h>

#include "cli/command.h"
#include "cli/usage.h"
#include "config/config_value.h"

struct words {
    int argc, at;
    char **argv;
    const struct command *command;
    struct options *options;
};

static const char **find_own(const struct words *w, struct str name, bool *is_switch)
{
    const struct command_flag *flags = w->command->flags;
    for (size_t i = 0; flags && flags[i].name; i++) {
        if (!str_equal(name, str_of(flags[i].name)))
            continue;
        *is_switch = !flags[i].value;
        return &w->options->own[i];
    }
    return NULL;
}

/* The place of a flag's value; NULL when there is no such flag. */
static const char **find_slot(struct config_flags *flags, struct str name)
{
    if (str_equal(name, STR("config")))
        return &flags->file;
    for (size_t i = 0; i < CONFIG_KEYS; i++)
        if (config_keys[i].flag && str_equal(name, str_of(config_keys[i].flag)))
            return &flags->values[i];
    return NULL;
}

static bool smells_secret(struct str name)
{
    static const char *const words[] = {"key", "token", "secret", "password", "auth"};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (str_contains_nocase(name, str_of(words[i])))
            return true;
    return false;
}

static bool refuse_flag(const struct words *w, struct str name)
{
    char quoted[QUOTE_BYTES];
    if (smells_secret(name))
        return usage_refuse(w->command, "secrets do not belong on a command line, where every "
                                        "user of this machine can read them");
    struct str near = usage_suggest_flag(name);
    return usage_refuse(w->command, "unknown flag %s%s%.*s%s", text_quote(name, quoted),
                        near.len ? ", did you mean --" : "", STR_ARGS(near), near.len ? "?" : "");
}

static bool take_value(struct words *w, const char **slot, struct str name, const char *value)
{
    if (*slot)
        return usage_refuse(w->command, "--%.*s is given twice", STR_ARGS(name));
    if (!value && w->at < w->argc)
        value = w->argv[w->at++];
    if (!value || !*value || !strncmp(value, "--", 2))
        return usage_refuse(w->command, "--%.*s needs a value", STR_ARGS(name));
    if (strlen(value) > CONFIG_TEXT_MAX)
        return usage_refuse(w->command, "--%.*s has too long a value", STR_ARGS(name));
    *slot = value;
    return true;
}

static bool take_flag(struct words *w, struct str text)
{
    size_t equals = str_find(text, '=');
    struct str name = str_head(text, equals);
    bool is_switch = false;
    const char **slot = find_own(w, name, &is_switch);
    if (!slot && w->command->takes_flags)
        slot = find_slot(&w->options->flags, name);
    const char *value = equals < text.len ? text.ptr + equals + 1 : NULL;
    if (is_switch && value)
        return usage_refuse(w->command, "--%.*s takes no value", STR_ARGS(name));
    if (is_switch)
        value = "yes";
    return slot ? take_value(w, slot, name, value) : refuse_flag(w, name);
}

/* "-o FILE" or "-oFILE" */
static bool take_letter(struct words *w, struct str text)
{
    const struct command_flag *flags = w->command->flags;
    for (size_t i = 0; flags && flags[i].name; i++)
        if (text.len > 1 && flags[i].letter == text.ptr[1])
            return take_value(w, &w->options->own[i], str_of(flags[i].name),
                              text.len > 2 ? text.ptr + 2 : NULL);
    return refuse_flag(w, text);
}

static bool take_word(struct words *w, const char *word)
{
    struct options *o = w->options;
    char quoted[QUOTE_BYTES];
    struct str text = str_of(word);
    if (!strcmp(word, "--help") || !strcmp(word, "-h"))
        return o->help = true;
    if (str_starts(text, STR("--")) && text.len > 2)
        return take_flag(w, str_from(text, 2));
    bool is_stream = str_equal(text, STR("-")); /* standard input or output */
    if (text.len && text.ptr[0] == '-' && !(is_stream && w->command->argument))
        return take_letter(w, text);
    int max = w->command->argument_max ? w->command->argument_max : 2;
    if (!w->command->argument || o->argument_count == max)
        return usage_refuse(w->command, "unexpected argument %s", text_quote(text, quoted));
    o->arguments[o->argument_count++] = word;
    return true;
}

bool options_parse(struct options *o, const struct command *c, int argc, char **argv)
{
    *o = (struct options){.help = false};
    struct words w = {.argc = argc, .argv = argv, .command = c, .options = o};
    while (w.at < argc) {
        const char *word = argv[w.at++];
        if (!take_word(&w, word))
            return false;
    }
    return true;
}

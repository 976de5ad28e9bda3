/*
 * openai_members.c — the members of a request that Chat Completions and Responses spell alike.
 */
#include "dialect/openai_members.h"

#include <stdio.h>

static enum tool_choice choice_of(const struct writing *x)
{
    enum tool_choice choice = x->n->choice;
    bool is_demanded = choice == CHOICE_ANY || choice == CHOICE_TOOL;
    if (!is_demanded || !has(x, QUIRK_TOOL_CHOICE_AUTO))
        return choice;
    loss_report_note(x->n->losses, LOSS_KIND_APPROXIMATED, STR("tool_choice"), STR_NONE,
                     "the provider lets the model choose");
    return CHOICE_AUTO;
}

void openai_put_tool_choice(const struct writing *x, const struct tool *named,
                            void (*put_named)(const struct writing *x, const struct tool *t))
{
    static const char *const words[] = {
        [CHOICE_ANY] = "required", [CHOICE_NONE] = "none", [CHOICE_AUTO] = "auto"};
    enum tool_choice choice = choice_of(x);
    if (choice == CHOICE_TOOL && named) {
        json_key(x->w, "tool_choice");
        put_named(x, named);
    } else if (choice < COUNT_OF(words) && words[choice]) {
        json_put_string(x->w, "tool_choice", str_of(words[choice]));
    }
    if (x->n->is_serial && !has(x, QUIRK_NO_PARALLEL_TOOL_CALLS))
        json_put_bool(x->w, "parallel_tool_calls", false);
}

void openai_put_number(const struct writing *x, const char *key, struct str number, bool is_refused)
{
    if (!number.len)
        return;
    if (is_refused)
        loss_drop(x->n, key, number, "the provider refuses it");
    else
        json_put_raw(x->w, key, number);
}

void openai_put_cache_key(const struct writing *x)
{
    char key[17];
    if (!has(x, QUIRK_PROMPT_CACHE_KEY))
        return;
    snprintf(key, sizeof key, "%016llx", (unsigned long long)neutral_beginning(x->n));
    json_put_string(x->w, "prompt_cache_key", str_of(key));
}

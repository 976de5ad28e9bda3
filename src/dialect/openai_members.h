/*
 * openai_members.h — the members of a request that Chat Completions and Responses spell alike.
 */
#ifndef DIALECT_OPENAI_MEMBERS_H
#define DIALECT_OPENAI_MEMBERS_H

#include "dialect/writing.h"

/* tool_choice and parallel_tool_calls. `named`: the one tool that is demanded, where the language
 * can say so; NULL where it cannot. `put_named` writes it as the value. */
void openai_put_tool_choice(const struct writing *x, const struct tool *named,
                            void (*put_named)(const struct writing *x, const struct tool *t));
/* A number as it was spelled, or the note that it was left out. Empty: neither. */
void openai_put_number(const struct writing *x, const char *key, struct str number,
                       bool is_refused);
/* prompt_cache_key, where the provider knows it. */
void openai_put_cache_key(const struct writing *x);

#endif

/*
 * definition.h — an agent's file: front matter in YAML between two lines of "---", and the prompt.
 *
 * Who it is is its `name`, not the file's. What is not such a file, or has no name, is no agent.
 */
#ifndef AGENTS_DEFINITION_H
#define AGENTS_DEFINITION_H

#include "base/arena.h"

enum {
    DEFINITION_BYTES_MAX = 1 << 20, /* of a file */
    FRONT_MATTER_MAX = 128 << 10,
    AGENT_NAME_MAX = 128
};

struct definition {
    struct str name, model, description; /* model: "sonnet", "inherit" …; empty where not said */
    bool is_background;
    struct str prompt; /* of the file's bytes */
};

/* NULL, or what keeps it from being an agent. Strings are in the arena, or borrowed. */
const char *definition_read(struct str file, struct arena *arena, struct definition *out);

#endif

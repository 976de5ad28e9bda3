/*
 * catalog.h — agents that are known by how their prompts begin: from their files, or from a file of
 * fingerprints. Filled once, then never changed and shared by any number of threads; whoever holds
 * one counts.
 */
#ifndef AGENTS_CATALOG_H
#define AGENTS_CATALOG_H

#include <stdatomic.h>

#include "agents/definition.h"
#include "agents/prompt_mark.h"

enum { CATALOG_AGENTS_MAX = 4096 };

/* Where an agent's file was found; where prompts are the same, the first counts. */
enum agent_scope { AGENT_PROJECT, AGENT_CONFIGURED, AGENT_USER, AGENT_PLUGIN, AGENT_FINGERPRINT };
const char *agent_scope_name(enum agent_scope scope); /* "project" */

struct agent {
    struct prompt_mark mark;
    struct str name, model, file; /* model: as its definition has it, or empty */
    struct str root; /* of a project's: the folder that its .claude/ is in */
    enum agent_scope scope;
    bool is_background;
};

struct agent_catalog {
    atomic_uint holders;
    struct agent *list;
    size_t count, cap;
    struct prompt_index index;
    bool has_ties; /* some have the same prompt */
    struct arena arena;
};

struct agent_catalog *catalog_new(void); /* held once, by the caller */
struct agent_catalog *catalog_hold(struct agent_catalog *c);
void catalog_drop(struct agent_catalog *c); /* NULL is fine */

/* Copies. False when there is no room, or nothing that could be known again. */
bool catalog_add(struct agent_catalog *c, const struct agent *agent, struct str prompt);
bool catalog_add_mark(struct agent_catalog *c, const struct agent *agent); /* its mark is set */
void catalog_seal(struct agent_catalog *c); /* nothing is added from here on */

/* The agent whose prompt a text begins with (a raw JSON string); NULL: none. Of several with the
 * same prompt, the one nearest to `project`, a path or empty. */
const struct agent *catalog_find(const struct agent_catalog *c, struct str raw, struct str project,
                                 struct arena *arena);

#endif

/*
 * catalog.c — a list of agents, and whose prompt comes first.
 */
#include "agents/catalog.h"

#include <stdlib.h>

#include "base/mem.h"

const char *agent_scope_name(enum agent_scope scope)
{
    static const char *const names[] = {
        [AGENT_PROJECT] = "project", [AGENT_CONFIGURED] = "configured", [AGENT_USER] = "user",
        [AGENT_PLUGIN] = "plugin",   [AGENT_FINGERPRINT] = "fingerprint",
    };
    return names[scope];
}

struct agent_catalog *catalog_new(void)
{
    struct agent_catalog *c = MEM_NEW(struct agent_catalog);
    atomic_init(&c->holders, 1);
    arena_init(&c->arena);
    return c;
}

struct agent_catalog *catalog_hold(struct agent_catalog *c)
{
    atomic_fetch_add_explicit(&c->holders, 1, memory_order_relaxed);
    return c;
}

void catalog_drop(struct agent_catalog *c)
{
    if (!c || atomic_fetch_sub_explicit(&c->holders, 1, memory_order_acq_rel) != 1)
        return;
    prompt_index_release(&c->index);
    arena_release(&c->arena);
    free(c->list);
    free(c);
}

bool catalog_add_mark(struct agent_catalog *c, const struct agent *agent)
{
    if (c->count == CATALOG_AGENTS_MAX)
        return false;
    if (c->count == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 16;
        c->list = mem_resize(c->list, c->cap * sizeof *c->list);
    }
    struct agent *a = &c->list[c->count++];
    *a = *agent;
    struct str *const strings[] = {&a->name, &a->model, &a->file, &a->root};
    for (size_t i = 0; i < COUNT_OF(strings); i++)
        *strings[i] = arena_str(&c->arena, *strings[i]);
    return true;
}

bool catalog_add(struct agent_catalog *c, const struct agent *agent, struct str prompt)
{
    struct agent marked = *agent;
    struct arena scratch;
    arena_init(&scratch);
    bool is_marked = prompt_mark_make(prompt, &scratch, &marked.mark);
    arena_release(&scratch);
    return is_marked && catalog_add_mark(c, &marked);
}

void catalog_seal(struct agent_catalog *c)
{
    prompt_index_build(&c->index, c->list ? &c->list->mark : NULL, sizeof *c->list, c->count);
    for (size_t i = 0; i < c->count; i++)
        for (uint32_t j = c->index.next[i]; j; j = c->index.next[j - 1])
            c->has_ties |= memcmp(c->list[i].mark.hash, c->list[j - 1].mark.hash,
                                  sizeof c->list->mark.hash) == 0;
}

/* The project is in this folder. */
static bool is_within(struct str path, struct str root)
{
    if (!root.len || !str_starts(path, root))
        return false;
    return path.len == root.len || root.ptr[root.len - 1] == '/' || path.ptr[root.len] == '/';
}

/* Is `a` nearer to the project than `b`? Other projects' come last. */
static bool is_nearer(const struct agent *a, const struct agent *b, struct str project)
{
    bool is_own[] = {is_within(project, a->root), is_within(project, b->root)};
    if (is_own[0] && is_own[1])
        return a->root.len > b->root.len;
    if (is_own[0] || is_own[1])
        return is_own[0];
    if ((a->scope == AGENT_PROJECT) != (b->scope == AGENT_PROJECT))
        return b->scope == AGENT_PROJECT;
    return a->scope < b->scope;
}

const struct agent *catalog_find(const struct agent_catalog *c, struct str raw, struct str project,
                                 struct arena *arena)
{
    size_t found[PROMPT_TIES_MAX];
    size_t count = prompt_index_find(&c->index, raw, arena, found);
    const struct agent *best = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct agent *agent = &c->list[found[i]];
        if (!best || is_nearer(agent, best, project))
            best = agent;
    }
    return best;
}

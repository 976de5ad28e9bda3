/*
 * agents.c — sub-agents by the prompt they were given.
 */
#include "index/agents.h"

#include <stdlib.h>

#include <xxhash.h>

#include "base/mem.h"
#include "record/json_walk.h"

enum { FIRST_MESSAGES = 2 };

void agents_release(struct agents *a)
{
    for (uint32_t i = 0; i < a->type_count; i++)
        free(a->types[i]);
    a->type_count = 0;
}

/* AGENT_TYPES_MAX when there is no room for one more. */
static uint32_t type_number(struct agents *a, struct str type)
{
    uint32_t i = 0;
    while (i < a->type_count && !str_equal(str_of(a->types[i]), type))
        i++;
    if (i == a->type_count && i < AGENT_TYPES_MAX) {
        char *copy = mem_alloc(type.len + 1);
        memcpy(copy, type.ptr, type.len);
        copy[type.len] = '\0';
        a->types[a->type_count++] = copy;
    }
    return i;
}

static uint64_t key_of(struct str session_id, uint64_t what)
{
    uint64_t key = XXH3_64bits_withSeed(session_id.ptr ? session_id.ptr : "", session_id.len, what);
    return key ? key : 1;
}

static uint64_t agent_key(struct str session_id, struct str agent_id)
{
    return key_of(session_id, XXH3_64bits(agent_id.ptr, agent_id.len));
}

static struct str type_at(const struct agents *a, const struct agent_slot *slots, size_t count,
                          uint64_t key)
{
    const struct agent_slot *slot = &slots[key & (count - 1)];
    return slot->key == key ? str_of(a->types[slot->type]) : STR_NONE;
}

struct str agents_type(const struct agents *a, struct str session_id, struct str agent_id)
{
    return type_at(a, a->agents, AGENTS_KNOWN, agent_key(session_id, agent_id));
}

void agents_spawn(struct agents *a, struct str session_id, const struct answer_facts *answer)
{
    for (size_t i = 0; i < answer->spawn_count; i++) {
        uint64_t key = key_of(session_id, answer->spawns[i].prompt_hash);
        uint32_t type = type_number(a, answer->spawns[i].agent_type);
        if (type < AGENT_TYPES_MAX)
            a->spawns[key & (SPAWNS_KNOWN - 1)] = (struct agent_slot){key, type};
    }
}

struct str agents_recognise(struct agents *a, struct str session_id, struct str agent_id,
                            const struct prompts *prompts)
{
    for (uint32_t i = 0; i < prompts->count; i++) {
        uint64_t spawn = key_of(session_id, prompts->hashes[i]);
        struct str type = type_at(a, a->spawns, SPAWNS_KNOWN, spawn);
        if (!type.len)
            continue;
        uint64_t key = agent_key(session_id, agent_id);
        a->agents[key & (AGENTS_KNOWN - 1)] =
            (struct agent_slot){key, a->spawns[spawn & (SPAWNS_KNOWN - 1)].type};
        return type;
    }
    return STR_NONE;
}

static void add_prompt(struct prompts *p, struct str raw, struct arena *arena)
{
    if (p->count < PROMPTS_MAX && raw.len)
        p->hashes[p->count++] = spawn_hash(json_read_text(raw, SPAWN_INPUT_MAX, arena));
}

static void read_content(struct prompts *p, struct str content, struct arena *arena)
{
    struct json_walk w;
    json_walk_init(&w, content);
    if (json_peek(&w) == '"') {
        add_prompt(p, content, arena);
        return;
    }
    if (!json_enter(&w, '['))
        return;
    while (json_next_element(&w))
        add_prompt(p, json_member(json_take(&w), STR("text")), arena);
}

void prompts_read(struct str body, struct arena *arena, struct prompts *out)
{
    struct json_walk w;
    *out = (struct prompts){0};
    json_walk_init(&w, json_member(body, STR("messages")));
    if (!json_enter(&w, '['))
        return;
    for (int i = 0; i < FIRST_MESSAGES && json_next_element(&w); i++)
        read_content(out, json_member(json_take(&w), STR("content")), arena);
}

struct str agents_tool_errors(struct agents *a, const struct request_facts *facts,
                              struct arena *arena)
{
    struct tool_list list = {0};
    for (size_t i = 0; i < facts->tool_error_count; i++) {
        uint64_t hash = facts->tool_errors[i].id_hash;
        uint64_t *slot = &a->tool_errors[hash & (TOOL_ERRORS_KNOWN - 1)];
        if (*slot == hash)
            continue; /* sent again */
        *slot = hash;
        tool_list_add(&list, facts->tool_errors[i].name, 1);
    }
    return tool_list_text(&list, arena);
}

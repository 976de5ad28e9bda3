/*
 * spawns.c — sub-agents by the prompt they were given.
 */
#include "agents/spawns.h"

#include <stdlib.h>

#include <xxhash.h>

#include "base/mem.h"

struct spawns *spawns_new(void)
{
    struct spawns *s = MEM_NEW(struct spawns);
    int failed = pthread_mutex_init(&s->mutex, NULL);
    assert(!failed);
    return s;
}

void spawns_free(struct spawns *s)
{
    if (!s)
        return;
    for (uint32_t i = 0; i < s->type_count; i++)
        free(s->types[i]);
    pthread_mutex_destroy(&s->mutex);
    free(s);
}

/* AGENT_TYPES_MAX when there is no room for one more. */
static uint32_t type_number(struct spawns *s, struct str type)
{
    uint32_t i = 0;
    while (i < s->type_count && !str_equal(str_of(s->types[i]), type))
        i++;
    if (i == s->type_count && i < AGENT_TYPES_MAX) {
        char *copy = mem_alloc(type.len + 1);
        memcpy(copy, type.ptr, type.len);
        copy[type.len] = '\0';
        s->types[s->type_count++] = copy;
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

static struct spawn_slot *slot_of(struct spawn_slot *slots, size_t count, uint64_t key)
{
    return &slots[key & (count - 1)];
}

static struct spawned told_by(const struct spawns *s, const struct spawn_slot *slot, uint64_t key)
{
    if (slot->key != key)
        return (struct spawned){0};
    return (struct spawned){str_of(s->types[slot->type]), slot->is_background};
}

/* Bits are never taken back: when all are set, they only save nothing any more. */
static uint64_t *spawning_word(struct spawns *s, struct str session_id, uint64_t *bit)
{
    uint64_t key = key_of(session_id, 0);
    *bit = UINT64_C(1) << (key & 63);
    return &s->spawning[(key >> 6) & (SPAWNING_BITS / 64 - 1)];
}

bool spawns_began_any(struct spawns *s, struct str session_id)
{
    uint64_t bit;
    pthread_mutex_lock(&s->mutex);
    bool began = *spawning_word(s, session_id, &bit) & bit;
    pthread_mutex_unlock(&s->mutex);
    return began;
}

void spawns_note(struct spawns *s, struct str session_id, const struct spawn *list, size_t count)
{
    if (!count)
        return;
    pthread_mutex_lock(&s->mutex);
    uint64_t bit, *word = spawning_word(s, session_id, &bit);
    *word |= bit;
    for (size_t i = 0; i < count; i++) {
        uint64_t key = key_of(session_id, list[i].prompt_hash);
        uint32_t type = type_number(s, list[i].agent_type);
        if (type < AGENT_TYPES_MAX)
            *slot_of(s->calls, SPAWNS_KNOWN, key) =
                (struct spawn_slot){key, type, list[i].is_background};
        key = key_of(session_id, list[i].first_hash);
        s->firsts[key & (SPAWNS_KNOWN - 1)] = key;
    }
    pthread_mutex_unlock(&s->mutex);
}

struct spawned spawns_agent(struct spawns *s, struct str session_id, struct str agent_id)
{
    if (!agent_id.len)
        return (struct spawned){0};
    uint64_t key = agent_key(session_id, agent_id);
    pthread_mutex_lock(&s->mutex);
    struct spawned found = told_by(s, slot_of(s->agents, AGENTS_KNOWN, key), key);
    pthread_mutex_unlock(&s->mutex);
    return found;
}

struct spawned spawns_recognise(struct spawns *s, struct str session_id, struct str agent_id,
                                const struct prompts *prompts)
{
    struct spawned found = {0};
    pthread_mutex_lock(&s->mutex);
    for (uint32_t i = 0; i < prompts->count && !found.type.len; i++) {
        uint64_t call = key_of(session_id, prompts->hashes[i]);
        struct spawn_slot slot = *slot_of(s->calls, SPAWNS_KNOWN, call);
        found = told_by(s, &slot, call);
        if (!found.type.len || !agent_id.len)
            continue;
        slot.key = agent_key(session_id, agent_id);
        *slot_of(s->agents, AGENTS_KNOWN, slot.key) = slot;
    }
    pthread_mutex_unlock(&s->mutex);
    return found;
}

static bool begins_call(struct spawns *s, struct str session_id, struct str raw, struct arena *arena)
{
    /* some more, for a character may be cut off */
    struct str text = json_read_text(raw, SPAWN_FIRST_BYTES + 4, arena);
    uint64_t key = key_of(session_id, spawn_first(text));
    pthread_mutex_lock(&s->mutex);
    bool begins = s->firsts[key & (SPAWNS_KNOWN - 1)] == key;
    pthread_mutex_unlock(&s->mutex);
    return begins;
}

/* `s` NULL: all of them. */
static void read_prompts(struct spawns *s, struct str session_id, const struct request_parts *parts,
                         struct arena *arena, struct prompts *out)
{
    struct text_blocks blocks;
    struct str raw;
    *out = (struct prompts){0};
    for (size_t i = 0; i < PARTS_FIRST; i++) {
        text_blocks_of_message(&blocks, parts->first[i]);
        while (out->count < PROMPTS_MAX && text_blocks_next(&blocks, &raw))
            if (!s || begins_call(s, session_id, raw, arena))
                out->hashes[out->count++] = spawn_hash(json_read_text(raw, SPAWN_INPUT_MAX, arena));
    }
}

void prompts_read(const struct request_parts *parts, struct arena *arena, struct prompts *out)
{
    read_prompts(NULL, STR_NONE, parts, arena, out);
}

void prompts_read_known(struct spawns *s, struct str session_id, const struct request_parts *parts,
                        struct arena *arena, struct prompts *out)
{
    read_prompts(s, session_id, parts, arena, out);
}

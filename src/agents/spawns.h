/*
 * spawns.h — what sub-agents are called: the call that begins one names its type and its prompt,
 * the sub-agent's own requests begin with that prompt and carry its id. Remembers a bounded number
 * of each, in memory only: what began before the program did has no known type. Any thread.
 */
#ifndef AGENTS_SPAWNS_H
#define AGENTS_SPAWNS_H

#include <pthread.h>

#include "agents/request_parts.h"
#include "record/answer.h"

enum {
    AGENT_TYPES_MAX = 256, /* different ones */
    AGENTS_KNOWN = 2048,   /* slots, a power of two; the newest of a slot stays */
    SPAWNS_KNOWN = 1024,   /* likewise */
    SPAWNING_BITS = 16384, /* a power of two */
    PROMPTS_MAX = 16       /* texts of a first message that may be the prompt: it comes last */
};

struct spawns {
    pthread_mutex_t mutex; /* guards all of it; never held long */
    char *types[AGENT_TYPES_MAX];
    uint32_t type_count;
    struct spawn_slot {
        uint64_t key; /* 0: empty */
        uint32_t type;
        bool is_background;
    } agents[AGENTS_KNOWN], calls[SPAWNS_KNOWN];
    uint64_t firsts[SPAWNS_KNOWN]; /* how prompts of calls begin */
    uint64_t spawning[SPAWNING_BITS / 64]; /* a bit for each session with a call, by its hash */
};

/* Hashes of the texts with which a request begins. */
struct prompts {
    uint64_t hashes[PROMPTS_MAX];
    uint32_t count;
};

/* What a call said of the agent that it began. */
struct spawned {
    struct str type; /* empty: not known. Lives as long as the spawns */
    bool is_background;
};

struct spawns *spawns_new(void);
void spawns_free(struct spawns *s); /* NULL is fine */

/* An answer begins sub-agents. */
void spawns_note(struct spawns *s, struct str session_id, const struct spawn *list, size_t count);
/* False: surely no call of this session is known. */
bool spawns_began_any(struct spawns *s, struct str session_id);
/* What is known of this agent. */
struct spawned spawns_agent(struct spawns *s, struct str session_id, struct str agent_id);
/* An agent that is not known yet, by how its request begins; known from then on where it has an
 * id. */
struct spawned spawns_recognise(struct spawns *s, struct str session_id, struct str agent_id,
                                const struct prompts *prompts);
void prompts_read(const struct request_parts *parts, struct arena *arena, struct prompts *out);
/* Only those that begin as the prompt of a known call does: long ones are not read for nothing. */
void prompts_read_known(struct spawns *s, struct str session_id, const struct request_parts *parts,
                        struct arena *arena, struct prompts *out);

#endif

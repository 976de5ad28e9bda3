/*
 * agents.h — what sub-agents are called: the call that begins one names its type and its prompt,
 * the sub-agent's own requests begin with that prompt and carry its id. And which errors of tools
 * have been told before. Remembers a bounded number of each, in memory only: what began before the
 * program did has no known type.
 */
#ifndef INDEX_AGENTS_H
#define INDEX_AGENTS_H

#include "record/answer.h"
#include "record/json_cut.h"

enum {
    AGENT_TYPES_MAX = 256,    /* different ones */
    AGENTS_KNOWN = 2048,      /* slots, a power of two; the newest of a slot stays */
    SPAWNS_KNOWN = 1024,      /* likewise */
    TOOL_ERRORS_KNOWN = 4096, /* likewise */
    PROMPTS_MAX = 6           /* texts of a first message that may be the prompt */
};

struct agents {
    char *types[AGENT_TYPES_MAX];
    uint32_t type_count;
    struct agent_slot {
        uint64_t key; /* 0: empty */
        uint32_t type;
    } agents[AGENTS_KNOWN], spawns[SPAWNS_KNOWN];
    uint64_t tool_errors[TOOL_ERRORS_KNOWN]; /* hashes of ids */
};

/* Hashes of the texts with which a request begins. */
struct prompts {
    uint64_t hashes[PROMPTS_MAX];
    uint32_t count;
};

void agents_release(struct agents *a); /* a zeroed one needs no beginning */

/* The type of this agent, if it is known; it lives as long as `a`. */
struct str agents_type(const struct agents *a, struct str session_id, struct str agent_id);
/* An answer begins sub-agents. */
void agents_spawn(struct agents *a, struct str session_id, const struct answer_facts *answer);
/* The type of an agent that is not known yet, by how its request begins; known from then on. */
struct str agents_recognise(struct agents *a, struct str session_id, struct str agent_id,
                            const struct prompts *prompts);
/* Reads them from a request's body. */
void prompts_read(struct str body, struct arena *arena, struct prompts *out);

/* Errors of tools that were not told before, as the text of a tool_list; in the arena. */
struct str agents_tool_errors(struct agents *a, const struct request_facts *facts,
                              struct arena *arena);

#endif

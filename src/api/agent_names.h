/*
 * agent_names.h — what the agents of a session are called: an agent's id says nothing, but the
 * call that began it does ("Agent", before 2.1.63 "Task": subagent_type, description, prompt).
 *
 * The call stands in the parent's later requests; its result names the id of the agent when it
 * has ended, and its prompt is the agent's first user message. Looked up when asked for, in a
 * bounded number of bodies.
 */
#ifndef API_AGENT_NAMES_H
#define API_AGENT_NAMES_H

#include "api/api_job.h"

enum {
    NAMING_PARENTS_MAX = 8,   /* agents whose calls are looked at */
    NAMING_AGENTS_MAX = 64,   /* agents whose first message is compared */
    NAMING_BODY_MAX = 8 << 20 /* a longer body is not looked at */
};

/* One agent; main: an empty id. */
struct named_agent {
    struct str id, parent_id;     /* borrowed */
    const struct record *first;   /* its first request */
    const struct record *longest; /* of its requests the one with most messages */
    const struct record *caller;  /* newest whose answer calls tools; may be NULL */
    struct str type, description; /* filled, in the job's arena, where empty */
};

void agent_names_find(struct api_job *job, struct named_agent *agents, size_t count);

#endif

/*
 * identity.h — who asks: what kind of request this is, and which agent's.
 *
 * Told from what the client says of itself (headers, the billing line), from the calls that begin
 * agents, from agents' files and fingerprints, and from words that the client is known to use
 * (identity.def). Every answer says how it was found. Never fails: what cannot be told is `other`,
 * or has no name.
 */
#ifndef AGENTS_IDENTITY_H
#define AGENTS_IDENTITY_H

#include "agents/request_parts.h"

struct spawns;
struct agent_catalog;
struct known_agents;

enum request_class {
#define REQUEST_CLASS(NAME, name) CLASS_##NAME,
#include "agents/identity.def"
#undef REQUEST_CLASS
    CLASS_COUNT
};

enum identity_source {
#define IDENTITY_SOURCE(NAME, name) IDENTITY_BY_##NAME,
#include "agents/identity.def"
#undef IDENTITY_SOURCE
    IDENTITY_SOURCES
};

const char *class_name(enum request_class class); /* "main" */
bool class_parse(struct str name, enum request_class *out);
const char *identity_source_name(enum identity_source source); /* "spawn"; "" for none */
bool identity_source_parse(struct str name, enum identity_source *out);

/* Where names of agents are known from; each may be NULL. */
struct identity_sources {
    struct spawns *spawns; /* also remembers what is recognised */
    const struct agent_catalog *catalog;
    const struct agent_catalog *fingerprints; /* fingerprint.h */
    struct known_agents *known; /* is told the projects that requests come from */
};

/* What is known of a request. Strings are borrowed; what is not known is empty. */
struct identity_request {
    struct str method, path; /* without query */
    struct str client;       /* User-Agent */
    struct str beta;         /* anthropic-beta */
    struct str session_id;   /* x-claude-code-session-id, or as identity_session() has it */
    struct str agent_id, parent_agent_id; /* x-claude-code-agent-id, …-parent-agent-id */
    const struct request_parts *parts;    /* NULL: the body was not read */
    const struct str *project;            /* as identity_project() has it; NULL: look for it */
};

struct identity {
    enum request_class class;
    enum identity_source class_by;
    struct str agent; /* its name; empty: not an agent's, or not known. Lives as the sources do, or
                         in the arena */
    enum identity_source agent_by;
    struct str agent_model; /* that its definition or fingerprint names; in the arena */
    bool is_early;      /* its project's agents are being read: soon, its name may be known */
    bool is_nested;     /* its parent is an agent too */
    bool is_background; /* its parent does not wait for it, as far as is known */
};

void identity_read(const struct identity_sources *from, const struct identity_request *q,
                   struct arena *arena, struct identity *out);

/* The session that the metadata names, for clients that send no header; in the arena. */
struct str identity_session(const struct request_parts *parts, struct arena *arena);
/* The working directory that the prompt names; empty where it names none. In the arena. */
struct str identity_project(const struct request_parts *parts, struct arena *arena);

#endif

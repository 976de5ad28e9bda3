/*
 * known_agents.h — all that is known of agents at the moment, for whoever asks on any thread: the
 * catalogs in force, the calls that a proxy has seen, and the projects that requests came from,
 * for whoever reads their agents' files.
 */
#ifndef AGENTS_KNOWN_AGENTS_H
#define AGENTS_KNOWN_AGENTS_H

#include <pthread.h>

#include "agents/catalog.h"
#include "agents/identity.h"
#include "agents/spawns.h"
#include "record/project.h"

enum { PROJECTS_MAX = 64 /* the one that was not asked from for longest is forgotten */ };

struct known_agents {
    pthread_mutex_t mutex; /* guards what follows, but for `spawns`; never held long */
    struct agent_catalog *catalog, *fingerprints;
    struct spawns *spawns; /* of the proxy: of answers that passed */
    struct known_project {
        char path[PROJECT_BYTES_MAX + 1];
        uint64_t used; /* 0: empty */
        bool is_read;
    } projects[PROJECTS_MAX];
    uint64_t clock;
    void (*wanted)(void *owner); /* a project was named that is not read yet; may be NULL */
    void *owner;
};

void known_agents_init(struct known_agents *k);
void known_agents_release(struct known_agents *k);

/* For one request; held until given back. `is_local`: the client is on this machine, so that the
 * folder it names is one here. */
struct identity_sources known_agents_take(struct known_agents *k, bool is_local);
void known_agents_give_back(struct identity_sources *s);
/* Remembers the project. False when its agents are not known yet. */
bool known_agents_want(struct known_agents *k, struct str project);

/* --- for the reader of files --- */

/* The projects, into the arena; how many. */
size_t known_agents_projects(struct known_agents *k, struct str list[PROJECTS_MAX],
                             struct arena *arena);
/* What was read, from now on in force; the projects that it was read for. NULL: as before. */
void known_agents_put_give(struct known_agents *k, struct agent_catalog *catalog,
                           struct agent_catalog *fingerprints, const struct str *projects,
                           size_t project_count);

#endif

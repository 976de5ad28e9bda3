/*
 * known_agents.c — what threads share, behind one mutex.
 */
#include "agents/known_agents.h"

static struct agent_catalog *empty_catalog(void)
{
    struct agent_catalog *c = catalog_new();
    catalog_seal(c);
    return c;
}

void known_agents_init(struct known_agents *k)
{
    *k = (struct known_agents){.catalog = empty_catalog(), .fingerprints = empty_catalog(),
                               .spawns = spawns_new()};
    int failed = pthread_mutex_init(&k->mutex, NULL);
    assert(!failed);
}

void known_agents_release(struct known_agents *k)
{
    catalog_drop(k->catalog);
    catalog_drop(k->fingerprints);
    spawns_free(k->spawns);
    pthread_mutex_destroy(&k->mutex);
}

struct identity_sources known_agents_take(struct known_agents *k, bool is_local)
{
    pthread_mutex_lock(&k->mutex);
    struct identity_sources s = {.spawns = k->spawns, .catalog = catalog_hold(k->catalog),
                                 .fingerprints = catalog_hold(k->fingerprints),
                                 .known = is_local ? k : NULL};
    pthread_mutex_unlock(&k->mutex);
    return s;
}

void known_agents_give_back(struct identity_sources *s)
{
    catalog_drop((struct agent_catalog *)s->catalog);
    catalog_drop((struct agent_catalog *)s->fingerprints);
    *s = (struct identity_sources){0};
}

/* Its place, or the one that is free for it. */
static struct known_project *place_of(struct known_agents *k, struct str project)
{
    struct known_project *oldest = k->projects;
    for (size_t i = 0; i < PROJECTS_MAX; i++) {
        struct known_project *p = &k->projects[i];
        if (p->used && str_equal(str_of(p->path), project))
            return p;
        if (p->used < oldest->used)
            oldest = p;
    }
    oldest->used = 0;
    return oldest;
}

bool known_agents_want(struct known_agents *k, struct str project)
{
    if (!project.len || project.ptr[0] != '/' || project.len > PROJECT_BYTES_MAX)
        return true; /* there is nothing to read */
    pthread_mutex_lock(&k->mutex);
    struct known_project *p = place_of(k, project);
    bool is_new = !p->used;
    if (is_new) {
        memcpy(p->path, project.ptr, project.len);
        p->path[project.len] = '\0';
        p->is_read = false;
    }
    p->used = ++k->clock;
    bool is_read = p->is_read;
    pthread_mutex_unlock(&k->mutex);
    if (is_new && k->wanted)
        k->wanted(k->owner);
    return is_read;
}

size_t known_agents_projects(struct known_agents *k, struct str list[PROJECTS_MAX],
                             struct arena *arena)
{
    size_t count = 0;
    pthread_mutex_lock(&k->mutex);
    for (size_t i = 0; i < PROJECTS_MAX; i++)
        if (k->projects[i].used)
            list[count++] = arena_str(arena, str_of(k->projects[i].path));
    pthread_mutex_unlock(&k->mutex);
    return count;
}

static void replace(struct agent_catalog **old, struct agent_catalog *now)
{
    if (!now)
        return;
    catalog_drop(*old);
    *old = now;
}

void known_agents_put_give(struct known_agents *k, struct agent_catalog *catalog,
                           struct agent_catalog *fingerprints, const struct str *projects,
                           size_t project_count)
{
    pthread_mutex_lock(&k->mutex);
    replace(&k->catalog, catalog);
    replace(&k->fingerprints, fingerprints);
    for (size_t i = 0; i < project_count; i++) {
        struct known_project *p = place_of(k, projects[i]);
        p->is_read |= p->used > 0;
    }
    pthread_mutex_unlock(&k->mutex);
}

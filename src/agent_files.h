/*
 * agent_files.h — agents' definitions as they stand on the disk: the user's, those of plugins, of
 * configured folders, and of the projects that requests come from. Read when they change; looked
 * after by a chore, never by a loop.
 */
#ifndef AGENT_FILES_H
#define AGENT_FILES_H

#include "agents/known_agents.h"
#include "config/config.h"

enum {
    AGENT_FILES_EVERY_MS = 2000, /* how often is looked whether anything changed */
    AGENT_FILES_MAX = CATALOG_AGENTS_MAX,
    AGENT_FOLDERS_DEEP = 8,      /* folders below an agents/ */
    AGENT_ROOTS_UP = 32          /* folders above a project's that may have a .claude/agents */
};

struct agent_files;

struct agent_files *agent_files_new(const struct config *cfg, struct known_agents *known);
void agent_files_free(struct agent_files *a); /* NULL is fine */
void agent_files_configure(struct agent_files *a, const struct config *cfg); /* any thread */
/* A chore: looks, and reads what has changed. */
uint64_t agent_files_step(void *a);

/* For a command: all that would be known, project `cwd` (may be empty) with it. Each file that is
 * no agent is told to `on_skipped`. The caller drops it. */
struct agent_catalog *agent_files_read(const struct config *cfg, struct str cwd,
                                       void (*on_skipped)(const char *file, const char *why));
/* All definitions below a folder, likewise. */
struct agent_catalog *agent_files_read_folder(const char *folder,
                                              void (*on_skipped)(const char *file, const char *why));

#endif

/*
 * project.h — which project a request is about: the working directory that the client names in the
 * part of its prompt that describes its surroundings.
 */
#ifndef RECORD_PROJECT_H
#define RECORD_PROJECT_H

#include "base/arena.h"

enum { PROJECT_BYTES_MAX = 512 };

/* `system`: raw JSON of the system prompt, or of one of its blocks. A path, with no slash at its
 * end; empty when none is named. In the arena, or borrowed. */
struct str project_find(struct str system, struct arena *arena);
/* Likewise, in the raw JSON of a conversation's first messages: only behind a line "# Environment", as
 * Claude Code 2.1.330 sends it. */
struct str project_find_in_messages(struct str messages, struct arena *arena);

#endif

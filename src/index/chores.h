/*
 * chores.h — one thread for work that can wait: full-text indexing, ageing out, reading
 * transcripts. Each chore does a little at a time and says when it wants to go on.
 */
#ifndef INDEX_CHORES_H
#define INDEX_CHORES_H

#include <stdint.h>

#include "base/err.h"

enum {
    CHORES_MAX = 16,
    CHORES_BEGIN_MS = 250, /* after the start, which is not to share its processor with what can wait */
    CHORE_STEP_MS = 20 /* a step that writes holds up recording: it should take no longer */
};

/* Runs on the chores' thread. Returns nanoseconds until the next step; 0: as soon as the other
 * chores had their turn; CHORE_SLEEPS: when rung. */
typedef uint64_t chore_step(void *owner);
#define CHORE_SLEEPS UINT64_MAX

struct chores;

struct chores *chores_new(void);
void chores_add(struct chores *c, const char *name, chore_step *step, void *owner); /* before start */
enum err chores_start(struct chores *c, struct fail *f) MUST_CHECK;
/* Any thread: all chores have a turn soon, whatever they said. */
void chores_ring(struct chores *c);
void chores_stop(struct chores *c); /* waits for the step under way */
void chores_free(struct chores *c);

#endif

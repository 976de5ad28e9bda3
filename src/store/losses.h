/*
 * losses.h — what base/loss.h counts, beyond the end of this process.
 */
#ifndef STORE_LOSSES_H
#define STORE_LOSSES_H

#include "store/store.h"

/* Tells base/loss.h what earlier processes counted. */
enum err store_restore_losses(struct store *s, struct fail *f) MUST_CHECK;
/* Adds what has been counted since the last call; `kept` has a number for each reason, 0 at first. */
enum err store_keep_losses(struct store *s, uint64_t kept[], struct fail *f) MUST_CHECK;

#endif

/*
 * intake.h — exchanges into the store from outside, whether a proxy runs or not.
 *
 * They are written to a journal of our own, whose segments, once complete, are laid where the
 * indexer looks: the running proxy's, or one of this process when no proxy runs. So they go the way
 * of live traffic, and a crash anywhere leaves nothing half done.
 */
#ifndef INTAKE_H
#define INTAKE_H

#include "config/config.h"
#include "record/exchange_copy.h"
#include "record/redact.h"

struct intake;

enum { INTAKE_SEGMENTS_MAX = 8 /* brought and not taken in yet: 4 MB each, a long exchange more */ };

/* ERR_BUSY: another import runs; the detail names its process. */
enum err intake_open(struct intake **out, const struct config *cfg, struct fail *f) MUST_CHECK;
/* What has not been handed over is dropped; see intake_finish(). */
void intake_close(struct intake *k);

const uint8_t *intake_redact_key(const struct intake *k);

/* Is it stored, or on its way? */
bool intake_has(struct intake *k, const struct uuid *id);
/* Waits while too much is on its way. */
enum err intake_put(struct intake *k, const struct exchange_copy *x, struct fail *f) MUST_CHECK;
/* Returns when all is in the store. */
enum err intake_finish(struct intake *k, struct fail *f) MUST_CHECK;
/* Called now and then while one of the two above waits; `waited_ms`: without anything happening. */
void intake_on_wait(struct intake *k, void (*fn)(uint64_t waited_ms, void *owner), void *owner);

#endif

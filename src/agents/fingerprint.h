/*
 * fingerprint.h — agent_hashes.json: marks of agents' prompts, to know them by where their files
 * are not at hand.
 */
#ifndef AGENTS_FINGERPRINT_H
#define AGENTS_FINGERPRINT_H

#include "agents/catalog.h"
#include "base/buf.h"
#include "base/err.h"

enum { FINGERPRINTS_BYTES_MAX = 4 << 20 /* of the file */ };

/* All agents of a catalog, in order of name. */
enum err fingerprints_write(struct buf *out, const struct agent_catalog *c) MUST_CHECK;
/* Adds them. ERR_PARSE says what is wrong; then some may have been added. */
enum err fingerprints_read(struct agent_catalog *c, struct str file, struct fail *f) MUST_CHECK;

#endif

/*
 * attempt_sweep.h — what the pool and its attempts share, inside this folder only.
 */
#ifndef UPSTREAM_ATTEMPT_SWEEP_H
#define UPSTREAM_ATTEMPT_SWEEP_H

#include "upstream/pool.h"

void attempt_sweep_all(struct pool *p, uint64_t now_ns); /* timeouts, once a second */
void uplink_on_closed(struct conn *conn);                /* frees the uplink */

#endif

/*
 * api_setup.h — GET /api/setup: how to connect, and the configuration in force. Needs no store.
 */
#ifndef API_API_SETUP_H
#define API_API_SETUP_H

#include "api/api.h"

/* Answers the call at once, on its loop. Secrets are masked. */
void setup_answer(struct call *c, const struct api_options *to);

#endif

/*
 * app.h — the running proxy: everything built in order, and torn down in reverse.
 */
#ifndef APP_H
#define APP_H

#include "config/config.h"

/* Runs until told to stop. Returns an exit code; `f` says why when that is not 0. */
int app_run(const struct config *cfg, struct fail *f);

#endif

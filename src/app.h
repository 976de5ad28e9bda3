/*
 * app.h — the running proxy: everything built in order, and torn down in reverse.
 */
#ifndef APP_H
#define APP_H

#include "config/config.h"

/* Runs until told to stop. `flags`: what the configuration was made with, for it is read again.
 * Returns an exit code; `f` says why when that is not 0. */
int app_run(struct config *cfg, const struct config_flags *flags, struct fail *f);

#endif

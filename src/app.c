/*
 * app.c — the running proxy: everything built in order, and torn down in reverse.
 */
#include "app.h"

int app_run(const struct config *cfg, struct fail *f)
{
    (void)f;
    log_line(LOG_WARN, "nothing to serve", LOG_C("host", cfg->server_host),
             LOG_N("port", cfg->server_port));
    return 0;
}

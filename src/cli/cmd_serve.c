/*
 * cmd_serve.c — `claude-code-proxy serve`: the proxy itself.
 */
#include <stdio.h>

#include "app.h"
#include "cli/command.h"
#include "cli/configured.h"

static int serve(const struct options *options)
{
    int code;
    struct config *config = configured(options, &command_serve, &code);
    if (!config)
        return code;
    struct fail why = {0};
    code = app_run(config, &options->flags, &why);
    if (why.code)
        log_line(LOG_ERROR, "ended", LOG_C("error", err_name(why.code)),
                 LOG_C("detail", why.detail));
    config_free(config);
    return code;
}

const struct command command_serve = {
    .name = "serve",
    .summary = "Relays, records and shows, until it is told to stop. Runs without a command word.",
    .takes_flags = true,
    .logs = true,
    .run = serve,
};

/*
 * configured.h — the configuration, for a subcommand that cannot do without.
 */
#ifndef CLI_CONFIGURED_H
#define CLI_CONFIGURED_H

#include "cli/options.h"

/* NULL when it is wrong: the reasons have gone to standard error, and `exit_code` says which end
 * that is (64 flags, 78 configuration). Warnings go there too. Logging is
 * set up as configured. The caller frees. */
struct config *configured(const struct options *o, const struct command *c, int *exit_code);

#endif

/*
 * config_check.h — what values mean together, and defaults that depend on others.
 */
#ifndef CONFIG_CONFIG_CHECK_H
#define CONFIG_CONFIG_CHECK_H

#include "config/config.h"

/* `strange_file`: see config_file.h. */
void config_check(struct config *c, bool strange_file, struct problems *p);

#endif

/*
 * config_yaml.h — a YAML file into the configuration, strictly.
 */
#ifndef CONFIG_CONFIG_YAML_H
#define CONFIG_CONFIG_YAML_H

#include "config/config.h"
#include "config/config_env.h"

/* Sets what `text` sets and notes its place as the source. What is wrong goes to `p` as
 * "name:line:column: …"; reading goes on behind it where that makes sense. `name` is the file's
 * path; relative paths inside are taken from its folder. */
void yaml_read(struct config *c, struct str text, const char *name, struct environment *env,
               struct problems *p);

#endif

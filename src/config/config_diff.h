/*
 * config_diff.h — in what two configurations differ, and which of it can change in a running proxy.
 */
#ifndef CONFIG_CONFIG_DIFF_H
#define CONFIG_CONFIG_DIFF_H

#include "config/config_key.h"

/* Takes effect when the configuration is read again; anything else when the proxy starts. */
bool key_is_live(const struct config_key *k);

/* Appends the names of keys whose values differ, a space between two: of those that are live, or of
 * the others. Secrets are compared, and never shown. ERR_TOO_LARGE as buf.h. */
enum err config_diff(const struct config *old, const struct config *new, bool is_live,
                     struct buf *names) MUST_CHECK;

#endif

/*
 * config_value.h — one value: from text to its typed field, and back.
 */
#ifndef CONFIG_CONFIG_VALUE_H
#define CONFIG_CONFIG_VALUE_H

#include "config/config_key.h"

enum { CONFIG_TEXT_MAX = 4096 }; /* bytes of one value */

/* Writes the field of `k` in `c`; texts go into c's arena. ERR_CONFIG, with the reason in `why`,
 * worded to follow the key's name; a secret is not quoted. */
enum err value_parse(const struct config_key *k, struct str text, struct config *c,
                     struct fail *why) MUST_CHECK;

/* The items of a list, already taken apart. */
enum err value_parse_list(const struct config_key *k, const struct str *items, size_t count,
                          struct config *c, struct fail *why) MUST_CHECK;

/* As one would write it in the file; passwords as ***. */
enum err value_print(const struct config_key *k, const struct config *c,
                     struct buf *out) MUST_CHECK;

/* "a whole number from 0 to 65535" */
void value_describe(const struct config_key *k, char *out, size_t bytes);

#endif

/*
 * config_value.h — one value: from text to its typed field, and back.
 */
#ifndef CONFIG_CONFIG_VALUE_H
#define CONFIG_CONFIG_VALUE_H

#include "config/config_key.h"

enum { CONFIG_TEXT_MAX = 4096 }; /* bytes of one value */

/* Writes the field of `k` in the owner's struct; texts go into its arena. ERR_CONFIG, with the reason in `why`,
 * worded to follow the key's name; a secret is not quoted. */
enum err value_parse(const struct config_key *k, struct str text, const struct key_owner *owner,
                     struct fail *why) MUST_CHECK;

/* The items of a list, already taken apart. */
enum err value_parse_list(const struct config_key *k, const struct str *items, size_t count,
                          const struct key_owner *owner, struct fail *why) MUST_CHECK;

/* One more entry of a map (KIND_MAP), behind those that are there; its source is the owner's. */
enum err value_add_entry(const struct config_key *k, struct str name, struct str text,
                         const struct key_owner *owner, struct fail *why) MUST_CHECK;
void value_clear_map(const struct config_key *k, const struct key_owner *owner);

/* As one would write it in the file; passwords as ***. `values`: struct config or
 * struct config_provider, whichever the key is of. */
enum err value_print(const struct config_key *k, const void *values,
                     struct buf *out) MUST_CHECK;

/* "a whole number from 0 to 65535" */
void value_describe(const struct config_key *k, char *out, size_t bytes);

#endif

/*
 * utf8.h — telling UTF-8 from what is none, and mending it.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/str.h"

/* Length of the longest prefix of `s` that is valid UTF-8 (RFC 3629). */
size_t utf8_valid(struct str s);
/* A malloc'ed copy in which each byte that is not UTF-8 became U+FFFD. */
char *utf8_repair(struct str s, size_t *len);

#endif

/*
 * utf8.h — telling UTF-8 from what is none, and mending it.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/str.h"

enum { UTF8_REPLACEMENT = 0xFFFD, UTF8_CHAR_MAX = 4 };

/* Bytes of the character at the head of `s`: 1 to 4; 0 when it is none (or half a surrogate). The
 * Unicode Standard, table 3-7. */
size_t utf8_char_len(struct str s);
/* Writes a character's bytes (at most UTF8_CHAR_MAX) and returns how many. Half a surrogate becomes
 * three bytes that are no UTF-8. */
size_t utf8_put(char *out, uint32_t c);
/* Length of the longest prefix of `s` that is valid UTF-8 (RFC 3629). */
size_t utf8_valid(struct str s);
/* A malloc'ed copy in which each byte that is not UTF-8 became U+FFFD. */
char *utf8_repair(struct str s, size_t *len);

#endif

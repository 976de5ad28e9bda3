/*
 * hex.h — bytes as hexadecimal digits and back, and what stands behind a percent sign.
 */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include "base/str.h"

int hex_value(char c); /* 0 to 15, of either case; -1: it is no digit */
void hex_write(char *out, const void *bytes, size_t count); /* 2 × count small digits, no zero */
/* Exactly `count` bytes; false when `text` is anything else. */
bool hex_read(struct str text, void *bytes, size_t count);
/* The byte that %XX at `at` stands for (RFC 3986 §2.1); -1 when that is not what is there. */
int hex_escape(struct str s, size_t at);

#endif

/*
 * base64.h — bytes as text and back (RFC 4648 §4).
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"

/* Appends; ERR_TOO_LARGE: it does not fit. */
enum err base64_encode(struct str bytes, struct buf *out) MUST_CHECK;
/* Appends. Line ends are passed over, padding may be missing. ERR_PARSE on anything else. */
enum err base64_decode(struct str text, struct buf *out) MUST_CHECK;

/* What a letter stands for, 0 to 63; -1: it is none of the alphabet. */
int base64_value(char c);

#endif

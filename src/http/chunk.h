/*
 * chunk.h — writing the chunked transfer coding (RFC 9112 §7.1).
 */
#ifndef HTTP_CHUNK_H
#define HTTP_CHUNK_H

#include "base/str.h"

enum { CHUNK_HEAD_MAX = 18 }; /* 16 digits and CR LF */

/* "1f4\r\n" into `out`; returns its length. */
size_t chunk_head(size_t len, char out[CHUNK_HEAD_MAX]);

#define CHUNK_TAIL STR("\r\n")
#define CHUNK_LAST STR("0\r\n\r\n")

#endif

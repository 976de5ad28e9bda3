/*
 * chunk.c — writing the chunked transfer coding.
 */
#include "http/chunk.h"

size_t chunk_head(size_t len, char out[CHUNK_HEAD_MAX])
{
    static const char digits[] = "0123456789abcdef";
    char reversed[16];
    size_t n = 0, at = 0;
    do {
        reversed[n++] = digits[len & 15];
        len >>= 4;
    } while (len);
    while (n)
        out[at++] = reversed[--n];
    out[at++] = '\r';
    out[at++] = '\n';
    return at;
}

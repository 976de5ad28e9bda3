/*
 * crc32c.h — CRC-32C (Castagnoli, RFC 3720 §12.1), by the processor where it can.
 */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include "base/str.h"

/* `crc` is 0 to begin, or the result over the bytes before these. */
uint32_t crc32c(uint32_t crc, struct str bytes);
uint32_t crc32c_portable(uint32_t crc, struct str bytes); /* the twin, for tests */

#endif

/*
 * crc32c.c — CRC-32C, by the processor where it can (SSE4.2, ARMv8 CRC), else by table.
 */
#include "base/crc32c.h"

static uint32_t table[256];

__attribute__((constructor)) static void fill_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78u : 0);
        table[i] = crc;
    }
}

uint32_t crc32c_portable(uint32_t crc, struct str bytes)
{
    crc = ~crc;
    for (size_t i = 0; i < bytes.len; i++)
        crc = (crc >> 8) ^ table[(crc ^ (uint8_t)bytes.ptr[i]) & 0xff];
    return ~crc;
}

#if defined(__x86_64__)

#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, struct str bytes)
{
    const char *p = bytes.ptr;
    size_t left = bytes.len;
    uint64_t c = ~crc;
    for (; left >= 8; left -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        c = _mm_crc32_u64(c, word);
    }
    uint32_t c32 = (uint32_t)c;
    for (; left; left--, p++)
        c32 = _mm_crc32_u8(c32, (uint8_t)*p);
    return ~c32;
}

uint32_t crc32c(uint32_t crc, struct str bytes)
{
    return __builtin_cpu_supports("sse4.2") ? crc32c_sse42(crc, bytes)
                                            : crc32c_portable(crc, bytes);
}

#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)

#include <arm_acle.h>

uint32_t crc32c(uint32_t crc, struct str bytes)
{
    const char *p = bytes.ptr;
    size_t left = bytes.len;
    crc = ~crc;
    for (; left >= 8; left -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        crc = __crc32cd(crc, word);
    }
    for (; left; left--, p++)
        crc = __crc32cb(crc, (uint8_t)*p);
    return ~crc;
}

#else

uint32_t crc32c(uint32_t crc, struct str bytes)
{
    return crc32c_portable(crc, bytes);
}

#endif

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

/*
 * The instruction takes three cycles but can begin every cycle: so long inputs are read in three
 * lanes at once. A lane's CRC is carried over the lanes behind it by `carry`: what a register
 * becomes over LANE zero bytes, by each of its four bytes (CRCs are linear).
 */
enum { LANE = 1024 };
static uint32_t carry[4][256];

__attribute__((target("sse4.2"))) static uint64_t run(uint64_t c, const char *p, size_t words)
{
    for (; words; words--, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        c = _mm_crc32_u64(c, word);
    }
    return c;
}

__attribute__((constructor)) static void fill_carry(void)
{
    static const char zeros[LANE];

    if (!__builtin_cpu_supports("sse4.2"))
        return;
    for (unsigned bit = 0; bit < 32; bit++) {
        uint32_t over = (uint32_t)run(UINT64_C(1) << bit, zeros, LANE / 8);
        for (unsigned i = 0; i < 256; i++)
            carry[bit / 8][i] ^= i >> (bit % 8) & 1 ? over : 0;
    }
}

static uint64_t carried(uint64_t c)
{
    return carry[0][c & 0xff] ^ carry[1][c >> 8 & 0xff] ^ carry[2][c >> 16 & 0xff] ^
           carry[3][c >> 24 & 0xff];
}

__attribute__((target("sse4.2"))) static uint64_t run_lanes(uint64_t c, const char *p)
{
    uint64_t c2 = 0, c3 = 0;

    for (const char *end = p + LANE; p < end; p += 8) {
        uint64_t word1, word2, word3;
        memcpy(&word1, p, 8);
        memcpy(&word2, p + LANE, 8);
        memcpy(&word3, p + LANE * 2, 8);
        c = _mm_crc32_u64(c, word1);
        c2 = _mm_crc32_u64(c2, word2);
        c3 = _mm_crc32_u64(c3, word3);
    }
    return carried(carried(c) ^ c2) ^ c3;
}

__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, struct str bytes)
{
    const char *p = bytes.ptr;
    size_t left = bytes.len;
    uint64_t c = ~crc;

    for (; left >= LANE * 3; left -= LANE * 3, p += LANE * 3)
        c = run_lanes(c, p);
    c = run(c, p, left / 8);
    p += left / 8 * 8;
    uint32_t c32 = (uint32_t)c;
    for (left %= 8; left; left--, p++)
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

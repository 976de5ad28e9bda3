/*
 * json_scan.c — classifying 64 bytes with SSE2, AVX2, NEON or none of them, and choosing among
 * these; the skips themselves are in json_scan_body.h.
 */
#include "record/json_scan.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"
#include "record/json_cut.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

enum { BLOCK = 64 };

/* One bit for each of 64 bytes, the first byte lowest. */
struct masks {
    uint64_t quote, backslash, open, close, control;
};

/* Where we are among brackets. `kinds[d]` is the bracket that opened depth d. */
struct nest {
    unsigned base, depth, mark_depth;
    uint32_t flags;
    struct json_marks *marks;
    char kinds[JSON_DEPTH_MAX + 1];
};

void json_marks_release(struct json_marks *m)
{
    free(m->list);
    *m = (struct json_marks){.depth = m->depth};
}

static void mark(struct json_marks *m, size_t at)
{
    if (m->count == JSON_MARKS_MAX)
        m->count = 0; /* the newest matter */
    if (m->count == m->cap) {
        m->cap = m->cap ? m->cap * 2 : 64;
        m->list = mem_resize(m->list, m->cap * sizeof *m->list);
    }
    m->list[m->count++] = (uint32_t)at;
}

/* `kinds` is not zeroed: what is read was written before. */
static inline void nest_begin(struct nest *n, unsigned depth, struct json_marks *marks)
{
    n->base = n->depth = depth;
    n->mark_depth = marks ? marks->depth : UINT_MAX;
    n->flags = 0;
    n->marks = marks;
}

static inline void nest_open(struct nest *n, char c, size_t at)
{
    if (++n->depth <= JSON_DEPTH_MAX)
        n->kinds[n->depth] = c;
    else
        n->flags |= JSON_SCAN_TOO_DEEP;
    if (n->depth == n->mark_depth)
        mark(n->marks, at);
}

/* True when this closes the container we began with. In ASCII a closing bracket is its opening
 * one plus two. */
static inline bool nest_close(struct nest *n, char c)
{
    if (n->depth <= JSON_DEPTH_MAX && n->kinds[n->depth] + 2 != c)
        n->flags |= JSON_SCAN_INVALID;
    return --n->depth == n->base;
}

/* The bytes that a backslash escapes; `carry`: does the next block's first belong to them? */
static inline uint64_t escaped_bits(uint64_t backslash, uint64_t *carry)
{
    uint64_t escaped = *carry;
    backslash &= ~escaped;
    if (!(backslash & backslash << 1)) { /* the usual case: no two side by side */
        *carry = backslash >> 63;
        return escaped | backslash << 1;
    }
    for (*carry = 0; backslash;) {
        uint64_t one = backslash & -backslash, next = one << 1;
        escaped |= next;
        *carry = one >> 63;
        backslash &= ~(one | next);
    }
    return escaped;
}

/* Bit i: are there an odd number of bits up to i? */
static inline uint64_t xor_by_shifts(uint64_t x)
{
    for (unsigned step = 1; step < 64; step *= 2)
        x ^= x << step;
    return x;
}

static struct masks classify_scalar(const uint8_t *p)
{
    struct masks m = {0};
    for (unsigned i = 0; i < BLOCK; i++) {
        uint64_t bit = 1ull << i;
        uint8_t folded = p[i] | 0x20;
        m.quote |= p[i] == '"' ? bit : 0;
        m.backslash |= p[i] == '\\' ? bit : 0;
        m.open |= folded == '{' ? bit : 0;
        m.close |= folded == '}' ? bit : 0;
        m.control |= p[i] < 0x20 ? bit : 0;
    }
    return m;
}

static bool is_usable_scalar(void)
{
    return true;
}

#define SCAN_ID   scalar
#define SCAN_NAME "scalar"
#define SCAN_TARGET
#define SCAN_XOR xor_by_shifts
#include "record/json_scan_body.h"

#if defined(__x86_64__)

static inline uint64_t bits_sse2(const __m128i *hit)
{
    uint64_t a = (unsigned)_mm_movemask_epi8(hit[0]), b = (unsigned)_mm_movemask_epi8(hit[1]);
    uint64_t c = (unsigned)_mm_movemask_epi8(hit[2]), d = (unsigned)_mm_movemask_epi8(hit[3]);
    return a | b << 16 | c << 32 | d << 48;
}

static inline struct masks classify_sse2(const uint8_t *p)
{
    __m128i quote[4], backslash[4], open[4], close[4], control[4];
    for (int i = 0; i < 4; i++) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i));
        __m128i folded = _mm_or_si128(v, _mm_set1_epi8(0x20));
        quote[i] = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
        backslash[i] = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
        open[i] = _mm_cmpeq_epi8(folded, _mm_set1_epi8('{'));
        close[i] = _mm_cmpeq_epi8(folded, _mm_set1_epi8('}'));
        control[i] = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
    }
    return (struct masks){bits_sse2(quote), bits_sse2(backslash), bits_sse2(open), bits_sse2(close),
                          bits_sse2(control)};
}

static bool is_usable_sse2(void)
{
    return true; /* part of x86-64 */
}

#define SCAN_ID   sse2
#define SCAN_NAME "sse2"
#define SCAN_TARGET
#define SCAN_XOR xor_by_shifts
#include "record/json_scan_body.h"

#define AVX2 __attribute__((target("avx2,pclmul,bmi")))

AVX2 static inline uint64_t bits_avx2(__m256i low, __m256i high)
{
    return (uint64_t)(uint32_t)_mm256_movemask_epi8(low) |
           (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
}

AVX2 static inline struct masks classify_avx2(const uint8_t *p)
{
    const __m256i fold = _mm256_set1_epi8(0x20), last = _mm256_set1_epi8(0x1f);
    const __m256i quote = _mm256_set1_epi8('"'), backslash = _mm256_set1_epi8('\\');
    const __m256i open = _mm256_set1_epi8('{'), close = _mm256_set1_epi8('}');
    __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)p);
    __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));
    __m256i c = _mm256_or_si256(a, fold), d = _mm256_or_si256(b, fold);
    return (struct masks){
        .quote = bits_avx2(_mm256_cmpeq_epi8(a, quote), _mm256_cmpeq_epi8(b, quote)),
        .backslash = bits_avx2(_mm256_cmpeq_epi8(a, backslash), _mm256_cmpeq_epi8(b, backslash)),
        .open = bits_avx2(_mm256_cmpeq_epi8(c, open), _mm256_cmpeq_epi8(d, open)),
        .close = bits_avx2(_mm256_cmpeq_epi8(c, close), _mm256_cmpeq_epi8(d, close)),
        .control = bits_avx2(_mm256_cmpeq_epi8(_mm256_min_epu8(a, last), a),
                             _mm256_cmpeq_epi8(_mm256_min_epu8(b, last), b)),
    };
}

/* A carry-less product with all ones is the running xor. */
AVX2 static inline uint64_t xor_by_product(uint64_t x)
{
    __m128i product =
        _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)x), _mm_set1_epi8((char)0xff), 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
}

static bool is_usable_avx2(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("pclmul") &&
           __builtin_cpu_supports("bmi");
}

#define SCAN_ID     avx2
#define SCAN_NAME   "avx2"
#define SCAN_TARGET AVX2
#define SCAN_XOR    xor_by_product
#include "record/json_scan_body.h"

#elif defined(__aarch64__)

/* Each byte of a hit keeps one bit of its own; adding neighbours thrice packs 64 of them. */
static inline uint64_t bits_neon(const uint8x16_t *hit)
{
    static const uint8_t weights[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t weight = vld1q_u8(weights);
    uint8x16_t low = vpaddq_u8(vandq_u8(hit[0], weight), vandq_u8(hit[1], weight));
    uint8x16_t high = vpaddq_u8(vandq_u8(hit[2], weight), vandq_u8(hit[3], weight));
    uint8x16_t sum = vpaddq_u8(low, high);
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(sum, sum)), 0);
}

static inline struct masks classify_neon(const uint8_t *p)
{
    uint8x16_t quote[4], backslash[4], open[4], close[4], control[4];
    for (int i = 0; i < 4; i++) {
        uint8x16_t v = vld1q_u8(p + 16 * i), folded = vorrq_u8(v, vdupq_n_u8(0x20));
        quote[i] = vceqq_u8(v, vdupq_n_u8('"'));
        backslash[i] = vceqq_u8(v, vdupq_n_u8('\\'));
        open[i] = vceqq_u8(folded, vdupq_n_u8('{'));
        close[i] = vceqq_u8(folded, vdupq_n_u8('}'));
        control[i] = vcltq_u8(v, vdupq_n_u8(0x20));
    }
    return (struct masks){bits_neon(quote), bits_neon(backslash), bits_neon(open), bits_neon(close),
                          bits_neon(control)};
}

static bool is_usable_neon(void)
{
    return true; /* part of arm64 */
}

#define SCAN_ID   neon
#define SCAN_NAME "neon"
#define SCAN_TARGET
#define SCAN_XOR xor_by_shifts
#include "record/json_scan_body.h"

#endif

static const struct json_scan *const variants[] = {
    &scan_scalar,
#if defined(__x86_64__)
    &scan_sse2,
    &scan_avx2,
#elif defined(__aarch64__)
    &scan_neon,
#endif
};

static const struct json_scan *choose(void)
{
    size_t i = COUNT_OF(variants) - 1;
    while (!variants[i]->is_usable())
        i--;
    return variants[i];
}

const struct json_scan *json_scan_best(void)
{
    static _Atomic(const struct json_scan *) best; /* every thread would choose the same */
    const struct json_scan *chosen = atomic_load_explicit(&best, memory_order_relaxed);
    if (!chosen) {
        chosen = choose();
        atomic_store_explicit(&best, chosen, memory_order_relaxed);
    }
    return chosen;
}

const struct json_scan *const *json_scan_all(size_t *count)
{
    *count = COUNT_OF(variants);
    return variants;
}

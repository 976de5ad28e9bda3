/*
 * json_scan_body.h — the two skips, compiled once for each way to classify 64 bytes.
 *
 * Included by json_scan.c alone, with SCAN_ID, SCAN_TARGET and SCAN_XOR defined and a function
 * classify_SCAN_ID() in sight.
 */
#define SCAN_JOIN_(a, b) a##_##b
#define SCAN_JOIN(a, b)  SCAN_JOIN_(a, b)
#define SCAN(name)       SCAN_JOIN(name, SCAN_ID)

SCAN_TARGET static inline struct masks SCAN(load)(struct str text, size_t at)
{
    if (text.len - at >= BLOCK)
        return SCAN(classify)((const uint8_t *)text.ptr + at);
    uint8_t padded[BLOCK];
    memset(padded, ' ', sizeof padded);
    memcpy(padded, text.ptr + at, text.len - at);
    return SCAN(classify)(padded);
}

SCAN_TARGET static size_t SCAN(string)(struct str text, size_t at, uint32_t *flags)
{
    uint64_t carry = 0;
    for (; at < text.len; at += BLOCK) {
        struct masks m = SCAN(load)(text, at);
        uint64_t ends = m.quote & ~escaped_bits(m.backslash, &carry);
        uint64_t before = ends ? (ends & -ends) - 1 : UINT64_MAX;
        if (m.control & before)
            *flags |= JSON_SCAN_INVALID;
        if (ends)
            return at + (size_t)__builtin_ctzll(ends) + 1;
    }
    *flags |= JSON_SCAN_INVALID;
    return text.len;
}

SCAN_TARGET static size_t SCAN(container)(struct str text, size_t at, unsigned depth,
                                          struct json_marks *marks, uint32_t *flags)
{
    struct nest nest;
    nest_begin(&nest, depth, marks);
    uint64_t carry = 0, in_string = 0, bad = 0;
    for (; at < text.len; at += BLOCK) {
        struct masks m = SCAN(load)(text, at);
        uint64_t quotes = m.quote & ~escaped_bits(m.backslash, &carry);
        uint64_t inside = SCAN_XOR(quotes) ^ in_string;
        uint64_t wrong = (m.control & inside) | (m.backslash & ~inside);
        uint64_t brackets = (m.open | m.close) & ~inside;
        in_string = (uint64_t)((int64_t)inside >> 63);
        for (; brackets; brackets &= brackets - 1) {
            unsigned bit = (unsigned)__builtin_ctzll(brackets);
            char c = text.ptr[at + bit];
            if (m.open >> bit & 1) {
                nest_open(&nest, c, at + bit);
            } else if (nest_close(&nest, c)) {
                bad |= wrong & ((1ull << bit) - 1);
                *flags |= nest.flags | (bad ? JSON_SCAN_INVALID : 0u);
                return at + bit + 1;
            }
        }
        bad |= wrong;
    }
    *flags |= nest.flags | JSON_SCAN_INVALID;
    return text.len;
}

static const struct json_scan SCAN(scan) = {
    .name = SCAN_NAME,
    .is_usable = SCAN(is_usable),
    .string = SCAN(string),
    .container = SCAN(container),
};

#undef SCAN
#undef SCAN_JOIN
#undef SCAN_JOIN_
#undef SCAN_ID
#undef SCAN_NAME
#undef SCAN_TARGET
#undef SCAN_XOR

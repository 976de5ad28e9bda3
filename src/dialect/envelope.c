/*
 * envelope.c — sealing and opening; base64url without padding (RFC 4648 §5).
 */
#include "dialect/envelope.h"

#include <xxhash.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

enum { HEAD_BYTES = 5 };

/* By host, so that a change of path keeps what was sealed. */
uint32_t envelope_origin(struct str base_url)
{
    for (size_t i = 0; i + 3 <= base_url.len; i++)
        if (memcmp(base_url.ptr + i, "://", 3) == 0) {
            base_url = str_from(base_url, i + 3);
            break;
        }
    base_url = str_head(base_url, str_find(base_url, '/'));
    return (uint32_t)XXH3_64bits(base_url.ptr, base_url.len);
}

struct str envelope_seal(struct arena *a, const struct envelope *e)
{
    struct str payload = str_head(e->payload, ENVELOPE_MAX);
    size_t len = HEAD_BYTES + payload.len, mark = ENVELOPE_MARK.len, n = 0;
    unsigned char *in = arena_alloc(a, len + 3);
    char *out = arena_alloc(a, mark + (len + 2) / 3 * 4 + 1);
    in[0] = (unsigned char)e->kind;
    for (int i = 0; i < 4; i++)
        in[1 + i] = (unsigned char)(e->origin >> (8 * i));
    if (payload.len)
        memcpy(in + HEAD_BYTES, payload.ptr, payload.len);
    memset(in + len, 0, 3);
    memcpy(out, ENVELOPE_MARK.ptr, mark);
    for (size_t i = 0; i < len; i += 3) {
        uint32_t three = (uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 | in[i + 2];
        for (size_t j = 0; j < 4 && j < len - i + 1; j++)
            out[mark + n++] = digits[three >> (18 - 6 * j) & 63];
    }
    return str_make(out, mark + n);
}

bool envelope_is_ours(struct str signature)
{
    return str_starts(signature, ENVELOPE_MARK);
}

bool envelope_open(struct arena *a, struct str signature, struct envelope *e)
{
    if (!envelope_is_ours(signature))
        return false;
    struct str text = str_from(signature, ENVELOPE_MARK.len);
    unsigned char *out = arena_alloc(a, text.len / 4 * 3 + 4);
    size_t n = 0;
    uint32_t bits = 0, held = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char *digit = text.ptr[i] ? strchr(digits, text.ptr[i]) : NULL;
        if (!digit)
            return false;
        bits = bits << 6 | (uint32_t)(digit - digits);
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[n++] = (unsigned char)(bits >> held);
        }
    }
    if (n < HEAD_BYTES || n > HEAD_BYTES + (size_t)ENVELOPE_MAX)
        return false;
    *e = (struct envelope){.kind = (enum envelope_kind)out[0],
                           .payload = str_make(out + HEAD_BYTES, n - HEAD_BYTES)};
    for (int i = 0; i < 4; i++)
        e->origin |= (uint32_t)out[1 + i] << (8 * i);
    return true;
}

struct str envelope_thought(struct arena *a, struct str signature, uint32_t origin)
{
    struct envelope e;
    bool is_one = envelope_open(a, signature, &e) && e.kind == ENVELOPE_THOUGHT;
    return is_one && e.origin == origin ? e.payload : STR_NONE;
}

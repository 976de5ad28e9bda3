/*
 * token_estimate.c — letters weigh a quarter of a token, digits and signs a half, CJK one.
 */
#include "dialect/token_estimate.h"

#include "base/base64.h"

enum { PER_TOKEN = 12, PER_MESSAGE = 3, JSON_BYTES_PER_TOKEN = 3, PIXELS_PER_TOKEN = 750 };

/* In twelfths of a token. */
static unsigned weight(unsigned char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return 3;
    if (c == ' ' || c == '\n' || c == '\t' || c == '\r')
        return 1;
    if (c < 0x80)
        return 6;
    if (c < 0xC0)
        return 0; /* went with its first byte */
    return c < 0xE0 ? 6 : c < 0xF0 ? 12 : 24;
}

int64_t token_estimate_text(struct str text)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < text.len; i++)
        sum += weight((unsigned char)text.ptr[i]);
    return (int64_t)((sum + PER_TOKEN - 1) / PER_TOKEN);
}

/* The first bytes of base64. */
static size_t decode(struct str base64, unsigned char *out, size_t max)
{
    uint32_t bits = 0, held = 0;
    size_t n = 0;
    for (size_t i = 0; i < base64.len && n < max; i++) {
        int digit = base64_value(base64.ptr[i]);
        if (digit < 0)
            break;
        bits = bits << 6 | (uint32_t)digit;
        if ((held += 6) >= 8) {
            held -= 8;
            out[n++] = (unsigned char)(bits >> held);
        }
    }
    return n;
}

/* PNG and GIF say their size in their first bytes; of others the most is taken. */
static int64_t image_tokens(const struct block *b)
{
    unsigned char head[24];
    int64_t width = 0, height = 0;
    size_t n = decode(b->data, head, sizeof head);
    if (n == sizeof head && memcmp(head + 1, "PNG", 3) == 0) {
        width = (int64_t)head[16] << 24 | head[17] << 16 | head[18] << 8 | head[19];
        height = (int64_t)head[20] << 24 | head[21] << 16 | head[22] << 8 | head[23];
    } else if (n >= 10 && memcmp(head, "GIF8", 4) == 0) {
        width = head[6] | head[7] << 8;
        height = head[8] | head[9] << 8;
    }
    if (width <= 0 || height <= 0 || width > 100000 || height > 100000)
        return TOKENS_PER_IMAGE;
    return MIN_OF(width * height / PIXELS_PER_TOKEN + 1, TOKENS_PER_IMAGE);
}

static int64_t block_tokens(const struct block *b)
{
    if (b->kind == BLOCK_IMAGE)
        return image_tokens(b);
    if (b->kind == BLOCK_TOOL_USE)
        return (int64_t)b->json.len / JSON_BYTES_PER_TOKEN + token_estimate_text(b->name) + 4;
    if (b->kind == BLOCK_DOCUMENT)
        return (int64_t)b->data.len / 16 + TOKENS_PER_IMAGE;
    return token_estimate_text(b->text);
}

static int64_t tool_tokens(const struct neutral *n, const struct tool *t)
{
    struct str schema = t->schema_text;
    if (t->schema)
        schema = json_tree_member_span(n->tree, t->source, "input_schema");
    return token_estimate_text(t->description) + token_estimate_text(t->name) + 8 +
           (int64_t)schema.len / JSON_BYTES_PER_TOKEN;
}

int64_t token_estimate(const struct neutral *n)
{
    int64_t sum = 0;
    for (const struct block *b = n->system; b; b = b->next)
        sum += block_tokens(b);
    for (const struct tool *t = n->tools; t; t = t->next)
        sum += tool_tokens(n, t);
    for (const struct message *m = n->first; m; m = m->next) {
        sum += PER_MESSAGE;
        for (const struct block *b = m->first; b; b = b->next)
            sum += block_tokens(b);
    }
    return MAX_OF(sum, 1);
}

/*
 * prompt_mark.c — texts without their blanks' differences, and their hashes.
 */
#include "agents/prompt_mark.h"

#include <stdlib.h>

#include <xxhash.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "record/json_walk.h"

/* A text that is read without its blanks' differences, some bytes at a time. */
struct plain {
    struct str text;
    size_t at;    /* behind what was given out last */
    bool is_json; /* escapes are undone */
    bool is_begun;
};

static bool is_blank(uint32_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static uint32_t next_char(const struct plain *p, size_t *at)
{
    unsigned char c = (unsigned char)p->text.ptr[*at];
    if (p->is_json && c == '\\')
        return json_char(p->text, at);
    ++*at;
    return c; /* of more than one byte: each as it stands */
}

/* Writes up to `room` bytes; fewer only at the end. */
static size_t plain_read(struct plain *p, char *out, size_t room)
{
    size_t len = 0, at = p->at;
    bool has_gap = false;
    while (len < room && at < p->text.len) {
        unsigned char first = (unsigned char)p->text.ptr[at];
        bool is_escaped = p->is_json && first == '\\';
        uint32_t c = is_escaped ? json_char(p->text, &at) : first;
        at += !is_escaped;
        if (is_blank(c)) {
            has_gap = p->is_begun;
            continue;
        }
        if (has_gap)
            out[len++] = ' ';
        has_gap = false;
        if (!is_escaped || c < 0x80) {
            if (len == room)
                break;
            out[len++] = (char)c;
        } else {
            char bytes[4];
            size_t size = utf8_put(bytes, c), fits = MIN_OF(size, room - len);
            memcpy(out + len, bytes, fits);
            len += fits;
            if (fits < size)
                break; /* cut in two: a beginning all the same */
        }
        p->is_begun = true;
        p->at = at;
    }
    return len;
}

static uint64_t head_hash(const char *text, size_t len)
{
    return XXH3_64bits_withSeed(text, len, len);
}

static void whole_hash(const char *text, size_t len, uint8_t out[16])
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(text, len));
    memcpy(out, canonical.digest, 16);
}

uint32_t prompt_head_len(uint32_t len)
{
    uint32_t head_len = 1;
    while (head_len * 2 <= len && head_len < PROMPT_HEAD_MAX)
        head_len *= 2;
    return head_len;
}

static uint32_t first_len(const struct prompt_mark *mark)
{
    return MIN_OF(mark->head_len, (uint32_t)PROMPT_FIRST_MAX);
}

bool prompt_mark_make(struct str prompt, struct arena *arena, struct prompt_mark *out)
{
    static const char variable[] = "${CLAUDE_";
    *out = (struct prompt_mark){0};
    const char *cut = prompt.len ? memmem(prompt.ptr, prompt.len, variable, sizeof variable - 1) : NULL;
    out->is_open = cut || prompt.len > PROMPT_BYTES_MAX;
    prompt = str_head(prompt, cut ? (size_t)(cut - prompt.ptr) : (size_t)PROMPT_BYTES_MAX);
    struct plain plain = {.text = prompt};
    char *text = arena_alloc(arena, prompt.len + 1);
    size_t len = plain_read(&plain, text, prompt.len);
    if (!len)
        return false;
    out->len = (uint32_t)len;
    out->head_len = prompt_head_len(out->len);
    out->first = head_hash(text, first_len(out));
    out->head = head_hash(text, out->head_len);
    whole_hash(text, len, out->hash);
    return true;
}

/* --- many of them --- */

void prompt_index_build(struct prompt_index *x, const struct prompt_mark *at, size_t stride,
                        size_t count)
{
    *x = (struct prompt_index){.count = (uint32_t)count};
    if (!count)
        return;
    x->bucket_count = 16;
    while (x->bucket_count < count * 2)
        x->bucket_count *= 2;
    x->marks = mem_alloc(count * sizeof *x->marks);
    x->next = mem_zeroed(count * sizeof *x->next);
    x->buckets = mem_zeroed(x->bucket_count * sizeof *x->buckets);
    for (uint32_t i = 0; i < count; i++) {
        const struct prompt_mark *mark = (const void *)((const char *)at + i * stride);
        uint32_t *bucket = &x->buckets[mark->first & (x->bucket_count - 1)];
        x->marks[i] = mark;
        x->next[i] = *bucket;
        *bucket = i + 1;
        x->first_lens |= first_len(mark);
    }
}

void prompt_index_release(struct prompt_index *x)
{
    free(x->marks);
    free(x->next);
    free(x->buckets);
    *x = (struct prompt_index){0};
}

/* A prompt that is looked for: its text is read as far as marks need it. */
struct looking {
    const struct prompt_index *index;
    struct str inside;
    struct arena *arena;
    struct str head;  /* its first bytes; read when a mark begins like it */
    uint64_t hashes[13]; /* of the head's first 1, 2, 4 … bytes; 0: not known yet */
    size_t *found, found_count;
    uint32_t best; /* bytes of those found */
};

static struct str read_some(struct looking *l, size_t len, struct plain *plain)
{
    *plain = (struct plain){.text = l->inside, .is_json = true};
    len = MIN_OF(len, l->inside.len);
    char *text = arena_alloc(l->arena, len + 1);
    return str_make(text, plain_read(plain, text, len));
}

static bool has_head(struct looking *l, const struct prompt_mark *mark)
{
    struct plain plain;
    if (!l->head.ptr)
        l->head = read_some(l, PROMPT_HEAD_MAX, &plain);
    if (mark->head_len > l->head.len)
        return false;
    uint64_t *hash = &l->hashes[__builtin_ctz(mark->head_len)];
    if (!*hash)
        *hash = head_hash(l->head.ptr, mark->head_len);
    return *hash == mark->head;
}

/* Nothing, or a new line, comes behind it. */
static bool ends_here(const struct plain *p)
{
    for (size_t at = p->at; at < p->text.len;) {
        uint32_t c = next_char(p, &at);
        if (c == '\n')
            return true;
        if (!is_blank(c))
            return false;
    }
    return true;
}

static bool begins_with(struct looking *l, const struct prompt_mark *mark)
{
    struct plain plain;
    uint8_t hash[16];
    struct str text = read_some(l, mark->len, &plain);
    if (text.len < mark->len)
        return false;
    whole_hash(text.ptr, mark->len, hash);
    return memcmp(hash, mark->hash, sizeof hash) == 0 && (mark->is_open || ends_here(&plain));
}

static void look_in_bucket(struct looking *l, uint32_t len, uint64_t first)
{
    const struct prompt_index *x = l->index;
    for (uint32_t i = x->buckets[first & (x->bucket_count - 1)]; i; i = x->next[i - 1]) {
        const struct prompt_mark *mark = x->marks[i - 1];
        if (mark->first != first || first_len(mark) != len || mark->len < l->best ||
            !has_head(l, mark) || !begins_with(l, mark))
            continue;
        if (mark->len > l->best)
            l->found_count = 0;
        l->best = mark->len;
        if (l->found_count < PROMPT_TIES_MAX)
            l->found[l->found_count++] = i - 1;
    }
}

size_t prompt_index_find(const struct prompt_index *x, struct str raw, struct arena *arena,
                         size_t found[PROMPT_TIES_MAX])
{
    char first[PROMPT_FIRST_MAX];
    if (!x->count || raw.len < 2)
        return 0;
    struct looking l = {.index = x, .inside = str_make(raw.ptr + 1, raw.len - 2), .arena = arena,
                        .found = found};
    struct plain plain = {.text = l.inside, .is_json = true};
    size_t len = plain_read(&plain, first, sizeof first);
    for (uint32_t n = PROMPT_FIRST_MAX; n; n /= 2)
        if (x->first_lens & n && n <= len)
            look_in_bucket(&l, n, head_hash(first, n));
    return l.found_count;
}

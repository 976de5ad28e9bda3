/*
 * prompt_mark.h — how a prompt is known again by its beginning, and many such at once.
 *
 * Blanks are no matter: what is compared has one space for each run of them and none at its ends,
 * whether lines end in LF or CR LF. A mark is the length and the hash of such a text, and hashes
 * of its first bytes: of few, by which it is looked up, and of more, so that hundreds of prompts may
 * begin alike. What a client writes behind the prompt does not count, as
 * long as it begins on a new line.
 */
#ifndef AGENTS_PROMPT_MARK_H
#define AGENTS_PROMPT_MARK_H

#include "base/arena.h"

enum {
    PROMPT_FIRST_MAX = 32,        /* bytes; a power of two, like the next */
    PROMPT_HEAD_MAX = 1024,
    PROMPT_BYTES_MAX = 512 << 10, /* of a prompt; what is longer is known by so much of it */
    PROMPT_TIES_MAX = 8
};

struct prompt_mark {
    uint32_t len;      /* bytes that count */
    uint32_t head_len; /* of them, the first: prompt_head_len() */
    uint64_t first;    /* XXH3-64 of the head's first, at most PROMPT_FIRST_MAX */
    uint64_t head;     /* XXH3-64 */
    uint8_t hash[16];  /* XXH3-128, canonical */
    bool is_open;      /* any text may follow, not only a new line */
};

/* Of a prompt as a file has it: up to the first thing that the client writes another text for
 * ("${CLAUDE_…"). False when nothing is left. */
bool prompt_mark_make(struct str prompt, struct arena *arena, struct prompt_mark *out);

/* How much of a prompt so long is its head: a power of two, up to PROMPT_HEAD_MAX. */
uint32_t prompt_head_len(uint32_t len);

struct prompt_index {
    const struct prompt_mark **marks; /* borrowed */
    uint32_t *next, *buckets;         /* chains by `first`; numbers of marks, from 1 */
    uint32_t count, bucket_count;     /* the latter a power of two, or 0 */
    uint32_t first_lens;              /* those in use, as bits */
};

/* `at`, `stride`: the marks, inside an array of something. They stay where they are. */
void prompt_index_build(struct prompt_index *x, const struct prompt_mark *at, size_t stride,
                        size_t count);
void prompt_index_release(struct prompt_index *x);
/* The longest marks that a raw JSON string begins with: how many, their numbers in `found`. */
size_t prompt_index_find(const struct prompt_index *x, struct str raw, struct arena *arena,
                         size_t found[PROMPT_TIES_MAX]);

#endif

/*
 * phrase.h — seeded prose and source code that compress about as well as real ones do, so that
 * what a recording proxy pays for compression is honest.
 *
 * Prose walks from word to word over a table of likely successors; code repeats the few
 * identifiers of its own file. Text comes out escaped for a JSON string, pure ASCII, and never
 * contains '@' (which marks stamps) nor ends within an escape.
 */
#ifndef BENCH_PHRASE_H
#define BENCH_PHRASE_H

#include "dice.h"

#include <stddef.h>

enum { PHRASE_NAMES = 10, PHRASE_NAME_BYTES = 32 };

struct phrase {
    struct dice dice;
    unsigned word;  /* the last one said */
    unsigned depth; /* of indentation */
    unsigned name_count;
    char names[PHRASE_NAMES][PHRASE_NAME_BYTES]; /* identifiers of the current file */
    unsigned char name_lens[PHRASE_NAMES];
};

enum phrase_kind { PHRASE_PROSE, PHRASE_CODE, PHRASE_MIXED };

void phrase_init(struct phrase *p, uint64_t seed);
/* Writes exactly `bytes` bytes; each call is a text of its own, with its own identifiers. */
void phrase_fill(struct phrase *p, enum phrase_kind kind, char *out, size_t bytes);

/* A large text to take pieces from where making them anew would cost too much. */
struct pool {
    char *text;
    size_t bytes;
};

void pool_init(struct pool *p, uint64_t seed, size_t bytes);
struct piece {
    const char *ptr;
    size_t len;
};

/* A piece of a little less than `bytes` (over 1 KB) that starts and ends between words. */
struct piece pool_piece(const struct pool *p, struct dice *d, size_t bytes);

#endif

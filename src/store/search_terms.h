/*
 * search_terms.h — what somebody asks for, as terms; any text is a valid question.
 *
 *     word        both must be there: a b
 *     "a b"       in this order, side by side
 *     foo_bar.baz likewise: the words of a name or a path, in order
 *     pre*        words that begin so
 *     a OR b      one of the two (binds closer than side by side)
 *     -word       must not be there
 *
 * Words are those of record/words.h. What holds no word is passed over; a quote that is not closed
 * ends with the text.
 */
#ifndef STORE_SEARCH_TERMS_H
#define STORE_SEARCH_TERMS_H

#include "base/arena.h"
#include "base/buf.h"

enum {
    TERMS_MAX = 32,      /* those past it are passed over */
    TERM_WORDS_MAX = 24, /* likewise */
};

struct term {
    struct str words[TERM_WORDS_MAX]; /* folded; side by side */
    int word_count;
    struct str whole; /* a camelCase name as one word: it will do too; empty: none */
    bool is_prefix;   /* the last word may go on */
    bool is_excluded;
    bool is_alternative; /* to the term before it */
};

struct terms {
    struct term list[TERMS_MAX];
    int count;
};

/* Words live in `arena`. False: nothing to look for (no word, or only excluded ones). */
bool terms_parse(struct str question, struct arena *arena, struct terms *out) MUST_CHECK;

/* An FTS5 expression that finds all texts that match, and some more where terms_need_text(): in which
 * order words stand only the text knows. Every word is quoted. ERR_TOO_LARGE. */
enum err terms_to_fts5(const struct terms *terms, struct buf *out) MUST_CHECK;
bool terms_need_text(const struct terms *terms);

#endif

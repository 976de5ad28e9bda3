/*
 * words.h — a text as the words it can be found by: the same for what is indexed, for what is
 * asked, and for what is highlighted, whatever engine keeps the index.
 *
 * A word is a run of letters and digits, folded: lower case, without accents (Latin), so "Für" is
 * "fur". What stands between is not indexed: foo_bar.baz is three words in a row, /a/b/c.ts four;
 * asked for whole they are a phrase. A camelCase word is its parts in a row and, at the place of
 * the first, the whole: getUserName is found as "user", as "get user name" and as "getusername".
 * Each Chinese, Japanese or Korean character is a word.
 */
#ifndef RECORD_WORDS_H
#define RECORD_WORDS_H

#include "base/str.h"

enum {
    WORD_BYTES_MAX = 64, /* of a folded word; what follows is left out */
    WORD_PARTS_MAX = 8   /* a camelCase word of more is no name: it is taken whole only */
};

struct word {
    struct str text;   /* folded; valid in the call */
    size_t start, end; /* bytes of the text */
    uint32_t place;    /* counts from 0; the whole of a camelCase word shares its first part's */
    bool is_whole;     /* … and comes right behind that first part */
    uint32_t parts;    /* of a whole: how many follow each other from here; else 1 */
};

typedef bool word_fn(const struct word *w, void *owner); /* false: no more are wanted */

/* Any bytes may come in; time is linear. */
void words_each(struct str text, word_fn *fn, void *owner);

#endif

/*
 * search_match.h — terms in a text: whether it matches, and where.
 */
#ifndef STORE_SEARCH_MATCH_H
#define STORE_SEARCH_MATCH_H

#include "store/search_terms.h"

bool terms_match(const struct terms *terms, struct str text);

/* Walks a text's words as the index did, and tells each place of a term, in the order of their ends. */
struct term_walk {
    const struct terms *terms;
    void (*on_term)(struct term_walk *k, int term, size_t start, size_t end); /* bytes of the text */
    size_t until; /* words that begin from here on are not looked at; may come nearer meanwhile */
};
void terms_each(struct term_walk *k, struct str text);

#endif

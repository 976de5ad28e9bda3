/*
 * search_snippet.h — the part of a text in which what was asked for is found, and where in it.
 */
#ifndef STORE_SEARCH_SNIPPET_H
#define STORE_SEARCH_SNIPPET_H

#include "store/search_terms.h"

enum {
    SNIPPET_BEFORE_BYTES = 80, /* shown before the first match */
    SNIPPET_BYTES = 320,       /* shown in all, some more where a match is long */
    SNIPPET_MARKS_MAX = 16
};

/* A range of the snippet, in UTF-16 code units: what JavaScript's strings count in. */
struct snippet_mark {
    uint32_t start, len;
};

struct snippet {
    struct str text; /* in the arena; "…" where something was left out */
    struct snippet_mark marks[SNIPPET_MARKS_MAX];
    int mark_count; /* in order; they do not overlap */
};

/* `text` is valid UTF-8. Without a match: its beginning. */
void snippet_make(struct str text, const struct terms *terms, struct arena *arena,
                  struct snippet *out);

#endif

/*
 * glob.h — patterns of names: `*` stands for any bytes, `?` for one, all else for itself.
 */
#ifndef PROXY_GLOB_H
#define PROXY_GLOB_H

#include "base/str.h"

/* A pattern, with what makes most of them quick to try. */
struct glob {
    struct str text; /* borrowed; empty: no pattern */
    enum glob_form { GLOB_ANY, GLOB_PLAIN, GLOB_PREFIX, GLOB_PART, GLOB_GENERAL } form;
};

struct glob glob_make(struct str text);
/* The whole of `text` has to fit. */
bool glob_fits(const struct glob *g, struct str text);
/* The same for a pattern that is tried once. */
bool glob_matches(struct str pattern, struct str text);

#endif

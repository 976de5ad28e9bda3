/*
 * found.h — which names hold a text: looked up bit by bit, and remembered, so that who asks again, for the
 * next page or what is new, has only new names looked at.
 */
#ifndef STORE_FOUND_H
#define STORE_FOUND_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct store_reader;

enum {
    FOUND_TEXTS = 16,      /* remembered: so many can look for a text of their own at a time */
    FOUND_TEXT_MAX = 256,  /* bytes; what looks for a longer one begins anew each time */
    FOUND_NAMES_MAX = 4096 /* with more of them each query asks itself */
};

/* Names that hold a text, ignoring case. All zero: of none. */
struct found {
    size_t len;
    char text[FOUND_TEXT_MAX];
    int64_t next;       /* the part of the names that has not been looked at begins here */
    bool is_complete;   /* all that there were */
    bool is_fresh;      /* no question has begun since */
    bool are_many;      /* they are not known */
    uint64_t begun_ns, used_ns;
    int64_t *ids; /* malloc'ed */
    size_t count, cap;
};

/* Looks at names until all have been looked at or, when `until_ns` is not 0, until that time of the
 * monotonic clock: then `(*out)->is_complete` is false, and the next call goes on. Valid until the
 * next call. */
enum err found_look(struct store_reader *r, struct str text, uint64_t until_ns,
                    struct found **out, struct fail *f) MUST_CHECK;
void found_begin(struct store_reader *r); /* another question */
void found_release(struct store_reader *r);

#endif

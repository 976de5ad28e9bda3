/*
 * problems.h — what is wrong with a configuration, all of it rather than only the first thing.
 */
#ifndef CONFIG_PROBLEMS_H
#define CONFIG_PROBLEMS_H

#include "base/str.h"

enum problem_kind {
    PROBLEM_WARNING, /* works, but somebody should know */
    PROBLEM_USAGE,   /* the command line is wrong */
    PROBLEM_CONFIG   /* a file, the environment or a value is wrong */
};

enum { PROBLEMS_MAX = 32, PROBLEM_BYTES = 1024 };

struct problems {
    struct problem {
        enum problem_kind kind;
        char *text;
    } items[PROBLEMS_MAX];
    size_t count;
    size_t counts[3]; /* by kind, those beyond PROBLEMS_MAX included */
};

void problems_release(struct problems *p); /* fine on a zeroed one */
void problems_add(struct problems *p, enum problem_kind kind, const char *format, ...)
    PRINTF_LIKE(3, 4);

static inline bool problems_fatal(const struct problems *p)
{
    return p->counts[PROBLEM_USAGE] || p->counts[PROBLEM_CONFIG];
}

enum { QUOTE_BYTES = 80 };
/* `s` in quotes, fit for a message: cut when long, unprintable bytes as '?'. Returns out. */
char *text_quote(struct str s, char out[QUOTE_BYTES]);

#endif

/*
 * progress.h — one line on a terminal that tells how far a long command has come; nothing where
 * standard error is no terminal.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "base/base.h"

struct progress {
    uint64_t shown_ms;
    bool is_shown; /* a line stands there, without its end */
};

/* At most five times a second. */
void progress_line(struct progress *p, const char *format, ...) PRINTF_LIKE(2, 3);
void progress_end(struct progress *p); /* the line goes */
/* "3.4 MB"; returns out. */
const char *progress_bytes(uint64_t bytes, char out[32]);

#endif

/*
 * window.h — the stretch of a file that is written through memory.
 *
 * A small write() costs most of a microsecond, storing the same bytes in a mapped page almost
 * nothing; both outlive the process. Only where a store cannot fail: the file system has promised
 * the blocks (Linux: ext4, XFS, tmpfs) and the pages are there. Elsewhere there is no window, and
 * the file is written as usual.
 */
#ifndef JOURNAL_WINDOW_H
#define JOURNAL_WINDOW_H

#include <stdbool.h>
#include <stddef.h>

enum { WINDOW_MAP_BYTES = 256 * 1024 };

struct window {
    char *bytes; /* NULL: none */
    size_t start; /* offset in the file */
    bool is_off; /* there can be none */
};

/* Where bytes [at, at + len) of the file stand in memory, ready to be stored to; the window moves
 * there if need be, and the file grows. NULL: write() them. */
char *window_reach(struct window *w, int fd, size_t at, size_t len);
void window_close(struct window *w);

#endif

/*
 * splitter.h — a stream of bytes as lines, or as the elements of one array in a JSON document,
 * with no more in memory than one of them.
 */
#ifndef IMPORT_SPLITTER_H
#define IMPORT_SPLITTER_H

#include "base/buf.h"

/* One line without its end, or one element. Numbers count from 1. `is_too_long`: it went past the
 * ceiling and `text` is empty. Anything but ERR_OK ends the reading. */
typedef enum err split_fn(struct str text, uint64_t number, bool is_too_long, void *owner);

struct splitter {
    split_fn *fn;
    void *owner;
    struct buf text; /* of the one that is coming */
    uint64_t number;
    bool is_too_long;
    /* of elements only */
    const char *member; /* the array's name; NULL: lines */
    unsigned depth;     /* brackets open */
    unsigned array_depth; /* of the array; 0: it has not come, or is over */
    bool in_string, is_escaped, is_element, is_broken;
    bool is_named;   /* the string read last is `member` */
    size_t key_at;   /* how much of `member` has matched; SIZE_MAX: it does not */
};

void splitter_init_lines(struct splitter *s, size_t ceiling_bytes, split_fn *fn, void *owner);
/* The elements (objects) of the first array that is called `member`, at whatever depth. */
void splitter_init_elements(struct splitter *s, const char *member, size_t ceiling_bytes,
                            split_fn *fn, void *owner);
void splitter_release(struct splitter *s);
enum err splitter_feed(struct splitter *s, struct str bytes) MUST_CHECK;
/* ERR_CORRUPT: the document ends too early. A last line needs no end. */
enum err splitter_end(struct splitter *s) MUST_CHECK;

#endif

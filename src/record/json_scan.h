/*
 * json_scan.h — skips JSON strings and containers 64 bytes at a time.
 *
 * Sees quotes, escapes, brackets and control bytes only: it finds where a value ends, and
 * notices brackets that do not match, strings that do not end and raw control bytes in strings;
 * it does not check what stands between brackets. Any bytes may come in; time is linear.
 */
#ifndef RECORD_JSON_SCAN_H
#define RECORD_JSON_SCAN_H

#include "base/str.h"

enum {
    JSON_SCAN_INVALID = 1 << 0,
    JSON_SCAN_TOO_DEEP = 1 << 1 /* past JSON_DEPTH_MAX brackets are counted, no longer matched */
};

enum { JSON_MARKS_MAX = 1 << 16 };

/* Where containers of a wanted depth begin, noted on the way; the newest JSON_MARKS_MAX or fewer,
 * in order. `list` is malloc'ed. */
struct json_marks {
    unsigned depth; /* counted as in container() below */
    uint32_t *list;
    size_t count, cap;
};
void json_marks_release(struct json_marks *m);

struct json_scan {
    const char *name;
    bool (*is_usable)(void); /* on this machine */
    /* `at`: behind an opening quote. Returns the index behind the closing one, else text.len. */
    size_t (*string)(struct str text, size_t at, uint32_t *flags);
    /* `at`: an opening bracket, `depth` brackets deep already. Returns the index behind the
     * closing one, else text.len. `marks` may be NULL. */
    size_t (*container)(struct str text, size_t at, unsigned depth, struct json_marks *marks,
                        uint32_t *flags);
};

const struct json_scan *json_scan_best(void);
const struct json_scan *const *json_scan_all(size_t *count); /* the scalar one is first */

#endif

/*
 * export.h — exchanges out of a store, in one of six forms, a step at a time: whoever takes the
 * bytes sets the pace, and a store's reader is borrowed for a step only.
 *
 * Oldest first; what has ended when the export begins, and matches the filter.
 */
#ifndef API_EXPORT_H
#define API_EXPORT_H

#include "api/export_item.h"
#include "store/store.h"

struct export;

enum {
    EXPORT_STEP_BYTES = 256 << 10, /* a step ends when it has given as much, after an exchange */
    EXPORT_STEP_ROWS = 500,        /* looked at in a step, by forms of rows only */
    EXPORT_STEP_EXCHANGES = 32,    /* by the others */
    EXPORT_OUT_MAX = 768 << 20     /* bytes of one step: one exchange of two long bodies */
};

/* NULL when there is no form of this name. The form's table is `*kind`. */
const struct export_kind *export_kind_find(struct str name);
/* By the ending of a file's name, without the dot; NULL when none has it. */
const struct export_kind *export_kind_of_file(struct str ending);
const char *export_kind_names(void); /* "jsonl, json, …" */

/* Copies the filter. */
struct export *export_new(const struct export_kind *kind, const struct request_filter *filter,
                          const struct export_about *about);
void export_free(struct export *x);

/* Appends the next part. *is_over: that was the last. Any thread, one at a time, with any reader of
 * the same store. After an error nothing more comes. */
enum err export_step(struct export *x, struct store_reader *reader, struct buf *out, bool *is_over,
                     struct fail *f) MUST_CHECK;

struct export_counts {
    uint64_t exchanges;
    uint64_t bodies_left_out; /* damaged, aged out, or too long for the form */
};
struct export_counts export_count(const struct export *x);

#endif

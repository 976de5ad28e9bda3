/*
 * loss_report.h — what a translation could not carry over: the report kept with each translated exchange.
 */
#ifndef DIALECT_LOSS_REPORT_H
#define DIALECT_LOSS_REPORT_H

#include "base/arena.h"
#include "base/buf.h"

enum loss_kind { LOSS_KIND_DROPPED, LOSS_KIND_RENAMED, LOSS_KIND_APPROXIMATED };

enum { LOSS_REPORT_MAX = 128 }; /* different ones; those past it are only counted */

struct loss_entry {
    enum loss_kind kind;
    struct str path;   /* "messages[].content[].image", "tools[].name" */
    struct str detail; /* which one, where that says something; at most 120 bytes */
    const char *why;
    uint32_t count; /* the same again is counted */
};

struct loss_report {
    struct loss_entry entries[LOSS_REPORT_MAX];
    size_t count;
    uint64_t unlisted;
    struct arena *arena; /* of the translation */
};

void loss_report_note(struct loss_report *r, enum loss_kind kind, struct str path,
                      struct str detail, const char *why);
const char *loss_kind_name(enum loss_kind kind); /* "dropped" */
/* [{"what","path","detail","why","count"}]; "detail" only where there is one. A last entry "unlisted"
 * counts those past LOSS_REPORT_MAX. */
enum err loss_report_write(const struct loss_report *r, struct buf *out) MUST_CHECK;

#endif

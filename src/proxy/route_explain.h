/*
 * route_explain.h — why a request goes where it goes: who asks, every rule that was tried and what
 * it asked for in vain, and the decision; as text for people and as JSON. Also the table itself.
 */
#ifndef PROXY_ROUTE_EXPLAIN_H
#define PROXY_ROUTE_EXPLAIN_H

#include "proxy/router.h"
#include "record/record.h"

enum { ROUTE_EXPLAIN_MAX = 4 << 20 /* bytes, a ceiling for what is written */ };

/* Recorded heads, and heads that were made up: "POST /v1/messages HTTP/1.1\r\nName: value\r\n"….
 * Strings are borrowed, `out` is in the arena. False when it is no request's. */
bool route_head_read(struct str text, struct arena *arena, struct head *out);

/* All that is to be explained. */
struct route_case {
    const struct router *router;
    struct route_question question; /* its `who` counts, if there is one */
    /* What was done when it was recorded; empty: nothing, or it was not recorded. */
    struct str recorded_rule, recorded_target;
    bool recorded_shadow;
};

/* Takes over what the record says: who asked, where no `who` is given, and what was done. `c` then
 * borrows from both. */
void route_case_of_record(struct route_case *c, const struct record *row, struct identity *who);

/* ERR_TOO_LARGE as buf.h. */
enum err route_explain_text(const struct route_case *c, struct arena *arena,
                            struct buf *out) MUST_CHECK;
enum err route_explain_json(const struct route_case *c, struct arena *arena,
                            struct buf *out) MUST_CHECK;

/* "on", "shadow", "passthrough" */
const char *route_mode_name(const struct router *r);
/* The rules in their order, as an array. */
struct json_writer;
void route_rules_json(const struct router *r, struct arena *arena, struct json_writer *w);

#endif

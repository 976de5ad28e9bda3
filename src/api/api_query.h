/*
 * api_query.h — the query string of an API request: strict, by one table.
 */
#ifndef API_API_QUERY_H
#define API_API_QUERY_H

#include "base/arena.h"
#include "store/search.h"
#include "store/store.h"

/* Which parameters an address takes. */
enum query_field {
    QUERY_LIMIT = 1 << 0,
    QUERY_CURSOR = 1 << 1,
    QUERY_FILTER = 1 << 2, /* model, provider, status, state, session, agent, agent_type, project,
                              tool, q */
    QUERY_RANGE = 1 << 3,  /* start, end */
    QUERY_BEFORE = 1 << 4,
    QUERY_DECODED = 1 << 5,
    QUERY_WORDS = 1 << 16,      /* model, q */
    QUERY_OF_SESSION = 1 << 17, /* session, agent */
    QUERY_PROJECT = 1 << 18,
    QUERY_PAGE = 1 << 19,       /* from, leaf */
    QUERY_TEXT = 1 << 20,       /* q */
    QUERY_POSITION = 1 << 21,   /* from */
    QUERY_FORMAT = 1 << 12,
    QUERY_SEARCH = 1 << 13, /* tool, role, a cursor of its own; q is needed then */
    QUERY_TZ = 1 << 7
};

enum {
    QUERY_LIMIT_DEFAULT = 50,
    QUERY_VALUE_MAX = 512 /* bytes of a decoded value */
};

struct query {
    struct request_filter filter;
    bool has_parameters; /* any */
    int limit;
    bool has_cursor;
    struct uuid cursor;  /* rows with smaller ids */
    int64_t before_us;   /* 0: none */
    bool is_decoded;
    struct str project;  /* of QUERY_PROJECT */
    int64_t from;        /* index of the first message wanted, or position of the first line;
                            UNKNOWN: not given */
    bool has_leaf;
    struct uuid leaf;    /* a request in the branch that is wanted */
    struct str tool;     /* of a search */
    bool has_role;
    enum text_kind role;
    struct search_place place;
    struct str format;   /* of an export */
    int tz_minutes;      /* east of UTC */
};

struct query_fault {
    const char *field;   /* in the arena; may be empty */
    const char *message;
};

/* Strings live in `arena`. False and *fault filled when something is unknown, bad or given twice. */
bool query_parse(struct str raw, unsigned takes, struct arena *arena, struct query *q,
                 struct query_fault *fault) MUST_CHECK;

/* Undoes %XX, and '+' where it is a space. False on a broken escape, a zero byte, or what is not
 * UTF-8. A zero byte follows the text. */
bool percent_decode(struct str raw, bool plus_is_space, struct arena *arena,
                    struct str *out) MUST_CHECK;

/* For other places than addresses: one filter (QUERY_FILTER, QUERY_RANGE) of a query that began as
 * zeros, by its name here. The value is borrowed, and ends with a zero byte. */
bool query_set_filter(struct query *q, struct str name, struct str value,
                      struct query_fault *fault) MUST_CHECK;
const char *query_filter_name(size_t number); /* NULL behind the last */

/* Would the store find this row under `f`? For rows that are not in the store yet. */
bool filter_matches(const struct request_filter *f, const struct record *r);

#endif

/*
 * query.h — a filter as SQL: one builder for lists and counts.
 */
#ifndef STORE_QUERY_H
#define STORE_QUERY_H

#include "store/reader.h"
#include "store/store_threads.h"

enum { QUERY_SQL_MAX = 8192, QUERY_VALUES_MAX = 24 };

enum { QUERY_ID_SLACK_US = 60 * 1000000 }; /* an id's time against started_us */

struct query {
    char sql[QUERY_SQL_MAX];
    size_t len;
    struct query_value {
        enum { VALUE_NUMBER, VALUE_TEXT, VALUE_BLOB } kind;
        int64_t number;
        struct str bytes;
    } values[QUERY_VALUES_MAX];
    int value_count;
    bool is_empty; /* nothing can match: a name that no row has */
    struct arena arena;
    struct store_reader *reader;
    struct found *found; /* names that hold the text; NULL: too many to be told */
    struct statement *rows; /* the columns of the row that query_next() came to */
};

/* Empty, to be added to. `text` not empty: names that hold it, ignoring case, are in "found". */
void query_begin(struct query *q, struct store_reader *r, struct str text);
/* A condition on a name, where it is not empty; `sql` has one mark. */
void query_name(struct query *q, struct store_reader *r, const char *sql, struct str text);
/* A status, or with one figure all that begin with it; 0: any. */
void query_status(struct query *q, int status);
/* Begins with `select` ("SELECT … FROM requests") and adds the filter's conditions. Strings of
 * the filter stay borrowed. */
void query_init(struct query *q, const char *select, struct store_reader *r,
                const struct request_filter *filter);
/* What conversations, sessions and files of transcripts have in common: the conditions of all of the
 * filter but `project` and `q`. What is not empty must be a column. */
void query_threads(struct query *q, const struct thread_filter *filter);
void query_release(struct query *q);
/* Only rows of sessions that have this agent, where there are any: found by an index. */
void query_sessions_of(struct query *q, struct store_reader *r, struct str agent);
void query_add(struct query *q, const char *sql); /* more text */
void query_number(struct query *q, const char *sql, int64_t number);
void query_id(struct query *q, const char *sql, const struct uuid *id);
/* The column holds the text, ignoring case. */
void query_like(struct query *q, const char *column, struct str text);
/* Sends it, and query_next() gets the answer: see statement_ask(). */
enum err query_ask(struct query *q, struct fail *f) MUST_CHECK;
/* True for a row, the first time for the first one; at the end or on failure false, and *err tells
 * which. */
bool query_next(struct query *q, enum err *err, struct fail *f);

#endif

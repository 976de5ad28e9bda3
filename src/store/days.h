/*
 * days.h — on which days there is anything that a filter lets through, as the sums of the
 * statistics tell: so that a list does not look at the rows of all the others.
 */
#ifndef STORE_DAYS_H
#define STORE_DAYS_H

#include "store/query.h"

enum { DAY_RUNS_MAX = 32 };

/* Days that follow on one another, as hours since 1970: [start, end). Newest first. */
struct day_runs {
    struct day_run {
        int64_t start, end;
    } list[DAY_RUNS_MAX];
    size_t count;
    int64_t from; /* what is older has not been looked at; 0: all has */
};

/* Do the sums know what the filter asks for, and does it ask for anything? */
bool days_are_known(const struct request_filter *filter);
/* The newest days before the hour `before`, until those before `sure` seem to have `wanted` requests.
 * Where there would be too many runs, the last one holds all that is older. */
enum err days_find(struct store_reader *r, const struct request_filter *filter, int64_t before,
                   int64_t sure, int64_t wanted, struct day_runs *out, struct fail *f) MUST_CHECK;

#endif

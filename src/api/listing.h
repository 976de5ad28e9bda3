/*
 * listing.h — the answer of a list that is read by time: newest first, and where the next page
 * begins.
 */
#ifndef API_LISTING_H
#define API_LISTING_H

#include "api/api_job.h"
#include "store/store_threads.h"

struct listing {
    struct api_job *job;
    yyjson_mut_doc *doc;
    yyjson_mut_val *root, *rows;
    int count;
    int64_t last_us; /* of the newest row that was added */
};

/* What was asked for; what the address does not take is empty. */
struct thread_filter listing_filter(const struct api_job *job);

/* `key`: what its rows are called. */
void listing_begin(struct listing *l, struct api_job *job, const char *key);
/* A row, to be filled; its strings are borrowed until listing_end(). */
yyjson_mut_val *listing_add(struct listing *l, int64_t last_us);
/* Answers; or, when reading has failed, passes `err` on. */
enum err listing_end(struct listing *l, enum err err);

#endif

/*
 * request_ids.h — recorded requests, found by the id that the provider gave them.
 */
#ifndef API_REQUEST_IDS_H
#define API_REQUEST_IDS_H

#include "api/thread_rows.h"

struct request_ids {
    const struct record **list; /* by upstream_request_id */
    size_t count;
};

/* The rows stay borrowed. */
void request_ids_init(struct request_ids *ids, const struct thread_rows *rows);
void request_ids_release(struct request_ids *ids);
/* NULL when there is none, or `id` is empty. */
const struct record *request_ids_find(const struct request_ids *ids, struct str id);

#endif

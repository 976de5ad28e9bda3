/*
 * incoming.h — hears of segments that other processes lay beside the journal, such as an import's,
 * and tells the indexer.
 */
#ifndef INCOMING_H
#define INCOMING_H

#include <uv.h>

#include "index/indexer.h"
#include "io/loop.h"

struct incoming {
    uv_fs_event_t watch;
    struct indexer *indexer;
    bool is_watching;
};

/* Makes the folder where it is missing. Where the system cannot watch it, that is logged: what is
 * brought then waits for the next start. */
void incoming_watch(struct incoming *n, struct loop *loop, const char *journal_path,
                    struct indexer *indexer);
void incoming_stop(struct incoming *n); /* before the loop is freed */

#endif

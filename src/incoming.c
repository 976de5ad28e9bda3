/*
 * incoming.c — hears of segments that other processes lay beside the journal.
 */
#include "incoming.h"

#include <stdio.h>

#include "base/log.h"
#include "data_dir.h"
#include "journal/journal.h"

enum { PATH_BYTES = 4096 };

static void on_change(uv_fs_event_t *watch, const char *name, int events, int status)
{
    struct incoming *n = watch->data;
    (void)name, (void)events, (void)status;
    indexer_fetch(n->indexer);
}

void incoming_watch(struct incoming *n, struct loop *loop, const char *journal_path,
                    struct indexer *indexer)
{
    char path[PATH_BYTES];
    struct fail f = {0};
    snprintf(path, sizeof path, "%s/" JOURNAL_INCOMING, journal_path);
    n->indexer = indexer;
    int failed = data_dir_make(path, &f) ? UV_EIO : uv_fs_event_init(loop_uv(loop), &n->watch);
    if (!failed) {
        n->watch.data = n;
        n->is_watching = true;
        failed = uv_fs_event_start(&n->watch, on_change, path, 0);
    }
    if (failed)
        log_line(LOG_WARN, "imports will wait for the next start", LOG_C("path", path),
                 LOG_C("error", uv_strerror(failed)));
    else
        indexer_fetch(indexer); /* for what came before the watch */
}

void incoming_stop(struct incoming *n)
{
    if (n->is_watching)
        uv_close((uv_handle_t *)&n->watch, NULL);
    n->is_watching = false;
}

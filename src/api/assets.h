/*
 * assets.h — the dashboard's files, out of the binary. What they are: tools/embed writes the table
 * from web/build when the program is built.
 */
#ifndef API_ASSETS_H
#define API_ASSETS_H

#include "server/call.h"

/* One file. All of it lives forever. */
struct asset {
    const char *path;         /* "/index.html" */
    const char *content_type;
    const char *etag;         /* without quotes; of the plain bytes */
    bool is_immutable;        /* its name changes with its content */
    struct str plain, gzip, brotli; /* the latter two may be empty */
};

struct asset_table {
    const struct asset *list; /* by path, ascending as bytes */
    size_t count;
    bool is_dashboard;        /* false: only a page that says how to build it */
};

extern const struct asset_table assets_embedded;

/* call_handler for every address that is nobody else's. `table` is a struct asset_table, or NULL
 * for the embedded one. Addresses that are no files get "/index.html": the dashboard finds its own
 * way from there. */
void assets_handle(struct call *c, void *table);

#endif

/*
 * importer_private.h — what the readers of the kinds share.
 */
#ifndef IMPORT_IMPORTER_PRIVATE_H
#define IMPORT_IMPORTER_PRIVATE_H

#include <yyjson.h>

#include "import/importer.h"

/* An exchange while it is put together. */
struct draft {
    struct exchange_copy exchange;
    struct arena arena;
    struct buf heads[2], bodies[2]; /* request, answer */
    struct str host;                /* of the URL: for who has no Host header */
};

struct importer {
    struct import_sink sink;
    struct redactor *redactor;
    struct import_counts counts;
    struct draft draft;
    struct buf masked[2];
    uint64_t number; /* of the entry in hand */
    const char *unit;
};

/* Counts the entry in hand as bad and says why. */
void importer_refuse(struct importer *m, const char *why);
/* Masks the heads and hands the exchange on, unless it is there already. */
enum err importer_put(struct importer *m, struct exchange_copy *x, struct fail *f) MUST_CHECK;

/* import_json.c: a line or an array's element, of any kind. ERR_OK too when it was refused. */
enum err import_json(struct importer *m, struct str text, struct fail *f) MUST_CHECK;
/* import_sqlite.c: a whole database. */
enum err import_sqlite(struct importer *m, const char *path, struct fail *f) MUST_CHECK;

/* --- draft.c: an exchange out of parts --- */

void draft_clear(struct draft *d); /* everything unknown or empty; state `complete` */
/* "POST /v1/messages HTTP/1.1"; of a URL the host becomes a Host header if there is none. `url` is
 * borrowed until draft_finish(). */
enum err draft_request_line(struct draft *d, struct str method, struct str url) MUST_CHECK;
enum err draft_status_line(struct draft *d, int64_t status, struct str reason) MUST_CHECK;
enum body_of { OF_REQUEST, OF_ANSWER };
/* A header; line ends in it become spaces, what is no header's name is passed over. */
enum err draft_header(struct draft *d, enum body_of side, struct str name,
                      struct str value) MUST_CHECK;
bool draft_has_header(const struct draft *d, enum body_of side, struct str name);
/* Our export's first lines: as they stand. ERR_PARSE: they are more than a line. */
enum err draft_first_line(struct draft *d, enum body_of side, struct str line) MUST_CHECK;
/* Appends an event of a stream; `data` is JSON. */
enum err draft_event(struct draft *d, struct str type, struct str data) MUST_CHECK;
/* An id of the exchange's time and of what makes it this one: the same at every import. */
void draft_derive_id(struct draft *d, struct str kind, struct str key);
/* Lets the exchange point to the heads and bodies. */
enum err draft_finish(struct draft *d) MUST_CHECK;

#endif

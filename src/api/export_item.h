/*
 * export_item.h — one exchange as the writers of the export's forms get it, and what a form is.
 * The forms know nothing of stores, files or connections; docs/export.md describes them.
 */
#ifndef API_EXPORT_ITEM_H
#define API_EXPORT_ITEM_H

#include "record/body_decode.h"
#include "record/exchange_copy.h"

struct export_body {
    enum body_fate fate;  /* other than BODY_WHOLE: there are no bytes */
    struct str raw;       /* as relayed */
    struct str text;      /* its content coding undone; `raw` where that cannot be done */
    bool is_decoded;      /* `text` is not `raw` */
    enum decode_result result;
};

struct export_item {
    bool is_first;
    const struct record *row;
    const struct record_detail *detail; /* NULL for forms that do not want it */
    struct export_body request, response;
};

struct export_about {
    const char *version; /* of this program */
    int64_t now_us;      /* wall clock */
};

/* A form. Each function appends to `out`; ERR_TOO_LARGE: it is full. `state` is the form's own,
 * zeroed before begin(). */
struct export_kind {
    const char *name, *content_type, *extension;
    bool wants_details;  /* heads, timeline, bodies; else rows only */
    bool wants_text;     /* bodies with their coding undone */
    size_t body_max;     /* bytes of a body; longer ones are left out, and said to be */
    size_t state_bytes;
    /* NULL for begin() and end(): nothing stands there */
    enum err (*begin)(void *state, const struct export_about *about, struct buf *out);
    enum err (*add)(void *state, const struct export_item *item, struct buf *out);
    enum err (*end)(void *state, struct buf *out);
    void (*release)(void *state); /* NULL: nothing to do. begin() may not have been called */
};

enum { EXPORT_TEXT_BODY_MAX = 32 << 20 };

extern const struct export_kind export_jsonl, export_json, export_har, export_csv, export_markdown,
    export_compact;

/* "damaged", "gone", "too_long"; NULL for BODY_WHOLE. */
const char *body_fate_name(enum body_fate fate);

#endif

/*
 * loss_report.c — the report is short: equal losses are one entry with a count.
 */
#include "dialect/loss_report.h"

#include "dialect/json_writer.h"

enum { DETAIL_MAX = 120 /* bytes */ };

const char *loss_kind_name(enum loss_kind kind)
{
    static const char *const names[] = {"dropped", "renamed", "approximated"};
    assert(kind < COUNT_OF(names));
    return names[kind];
}

/* At most `max` bytes, never cut within a character. */
static struct str shortened(struct str text, size_t max)
{
    if (text.len <= max)
        return text;
    while (max && (text.ptr[max] & 0xC0) == 0x80)
        max--;
    return str_head(text, max);
}

void loss_report_note(struct loss_report *r, enum loss_kind kind, struct str path,
                      struct str detail, const char *why)
{
    detail = shortened(detail, DETAIL_MAX);
    for (size_t i = 0; i < r->count; i++) {
        struct loss_entry *l = &r->entries[i];
        if (l->kind == kind && l->why == why && str_equal(l->path, path) &&
            str_equal(l->detail, detail)) {
            l->count++;
            return;
        }
    }
    if (r->count == LOSS_REPORT_MAX) {
        r->unlisted++;
        return;
    }
    r->entries[r->count++] = (struct loss_entry){.kind = kind,
                                                 .path = arena_str(r->arena, path),
                                                 .detail = arena_str(r->arena, detail),
                                                 .why = why,
                                                 .count = 1};
}

enum err loss_report_write(const struct loss_report *r, struct buf *out)
{
    struct json_writer w = {.out = out};
    json_open(&w, '[');
    for (size_t i = 0; i < r->count; i++) {
        const struct loss_entry *l = &r->entries[i];
        json_open(&w, '{');
        json_put_string(&w, "what", str_of(loss_kind_name(l->kind)));
        json_put_string(&w, "path", l->path);
        if (l->detail.len)
            json_put_string(&w, "detail", l->detail);
        json_put_string(&w, "why", str_of(l->why));
        json_put_int(&w, "count", l->count);
        json_close(&w, '}');
    }
    if (r->unlisted) {
        json_open(&w, '{');
        json_put_string(&w, "what", STR("unlisted"));
        json_put_string(&w, "path", STR_NONE);
        json_put_string(&w, "why", STR("there were too many kinds to list; these are the rest"));
        json_put_int(&w, "count", (int64_t)r->unlisted);
        json_close(&w, '}');
    }
    json_close(&w, ']');
    return w.err;
}

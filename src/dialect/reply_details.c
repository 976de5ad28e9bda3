/*
 * reply_details.c — OpenRouter's reasoning_details: fragments of a stream put together again by
 * type and index, because the provider wants them back as one (openrouter.ai/docs, reasoning tokens).
 */
#include "dialect/reply.h"

#include <stdlib.h>

#include "base/mem.h"
#include "dialect/json_writer.h"

/* Which member of which type grows. */
static const struct growing {
    const char *type, *member;
    bool is_visible;
} growing[] = {
    {"reasoning.text", "text", true},
    {"reasoning.summary", "summary", true},
    {"reasoning.encrypted", "data", false},
};

enum { DETAIL_TEXT_MAX = 4 << 20 /* bytes of one detail */ };

struct detail {
    const struct growing *kind;
    int64_t index;
    struct buf text;
    struct str id, format, signature; /* in the arena */
};

void reply_details_release(struct reply *r)
{
    for (size_t i = 0; i < r->detail_count; i++)
        buf_release(&r->details[i].text);
    free(r->details);
    r->details = NULL;
    r->detail_count = 0;
}

static struct detail *find(struct reply *r, const struct growing *kind, int64_t index)
{
    for (size_t i = 0; i < r->detail_count; i++)
        if (r->details[i].kind == kind && r->details[i].index == index)
            return &r->details[i];
    if (r->detail_count == REPLY_DETAILS_MAX)
        return NULL;
    if (!r->details)
        r->details = mem_alloc(REPLY_DETAILS_MAX * sizeof *r->details);
    struct detail *d = &r->details[r->detail_count++];
    *d = (struct detail){.kind = kind, .index = index};
    buf_init(&d->text, DETAIL_TEXT_MAX);
    return d;
}

static void keep(struct reply *r, struct str *to, yyjson_val *detail, const char *member)
{
    struct str text = json_member_text(detail, member);
    if (text.len && !to->len)
        *to = arena_str(r->arena, text);
}

void reply_detail(struct reply *r, yyjson_val *detail)
{
    struct str type = json_member_text(detail, "type");
    const struct growing *kind = NULL;
    for (size_t i = 0; i < COUNT_OF(growing); i++)
        if (str_equal(type, str_of(growing[i].type)))
            kind = &growing[i];
    if (!kind || r->is_over)
        return;
    struct str text = json_member_text(detail, kind->member);
    if (kind->is_visible)
        reply_reasoning(r, text);
    if (!r->shows_thinking)
        return;
    struct detail *d = find(r, kind, json_member_number(detail, "index", 0));
    if (!d || buf_append(&d->text, text)) {
        loss_report_note(r->losses, LOSS_KIND_DROPPED, STR("answer.reasoning_details"), type,
                         "more than can be sent along");
        return;
    }
    keep(r, &d->id, detail, "id");
    keep(r, &d->format, detail, "format");
    keep(r, &d->signature, detail, "signature");
}

static void put_detail(struct json_writer *w, const struct detail *d)
{
    json_open(w, '{');
    json_put_string(w, "type", str_of(d->kind->type));
    json_put_string(w, d->kind->member, buf_str(&d->text));
    if (d->id.len)
        json_put_string(w, "id", d->id);
    if (d->format.len)
        json_put_string(w, "format", d->format);
    if (d->signature.len)
        json_put_string(w, "signature", d->signature);
    json_put_int(w, "index", d->index);
    json_close(w, '}');
}

struct str reply_details_json(struct reply *r)
{
    struct buf out;
    struct str json = STR_NONE;
    if (!r->detail_count)
        return json;
    buf_init(&out, REPLY_DETAILS_MAX * (size_t)DETAIL_TEXT_MAX);
    struct json_writer w = {.out = &out};
    json_open(&w, '[');
    for (size_t i = 0; i < r->detail_count; i++)
        put_detail(&w, &r->details[i]);
    json_close(&w, ']');
    if (!w.err)
        json = arena_str(r->arena, buf_str(&out));
    buf_release(&out);
    reply_details_release(r);
    return json;
}

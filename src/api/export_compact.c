/*
 * export_compact.c — the compact form: nothing is left out and nothing is undone; the bytes are
 * record/compact.h's.
 */
#include "api/export_item.h"
#include "record/compact.h"

struct compact_form {
    struct compact_writer *writer;
};

static enum err begin(void *state, const struct export_about *about, struct buf *out)
{
    struct compact_form *form = state;
    form->writer = compact_writer_new();
    return compact_begin(form->writer, str_of(about->version), out);
}

static void release(void *state)
{
    compact_writer_free(((struct compact_form *)state)->writer);
}

static struct body_copy body_of(const struct export_body *b, const uint8_t hash[16])
{
    struct body_copy copy = {.fate = b->fate, .bytes = b->raw};
    memcpy(copy.hash, hash, sizeof copy.hash);
    return copy;
}

static enum err add(void *state, const struct export_item *item, struct buf *out)
{
    struct compact_form *form = state;
    const struct record *r = item->row;
    const struct record_detail *d = item->detail;
    const struct exchange_copy copy = {
        .id = r->id,
        .state = r->state,
        .started_us = r->started_us,
        .client_addr = r->client_addr,
        .provider = r->provider,
        .request_head = d->request_head,
        .response_head = d->response_head,
        .upstream_addr = d->upstream_addr,
        .is_ours = r->flags & RECORD_IS_OURS,
        .is_reused = r->flags & RECORD_IS_REUSED,
        .is_translated = r->flags & RECORD_IS_TRANSLATED,
        .is_demoted = r->flags & RECORD_IS_DEMOTED,
        .asked_model = r->flags & RECORD_IS_TRANSLATED ? r->response_model : STR_NONE,
        .losses = r->losses,
        .decision = {r->class, r->class_by, r->agent_type, r->agent_by, r->route, r->route_target,
                     r->flags & RECORD_IS_SHADOW, r->flags & RECORD_IS_BACKGROUND},
        .is_untimed = d->response_head.len && r->ttfb_us == UNKNOWN,
        .connect_us = r->connect_us,
        .sent_us = d->sent_us,
        .ttfb_us = r->ttfb_us,
        .duration_us = r->duration_us,
        .error_type = r->error_type,
        .error_message = r->error_message,
        .request_bytes = r->request_bytes,
        .response_bytes = r->response_bytes,
        .client_bytes = r->client_bytes,
        .request = body_of(&item->request, d->request_hash),
        .response = body_of(&item->response, d->response_hash),
        .timeline = d->timeline,
        .timeline_len = d->timeline_len,
    };
    return compact_add(form->writer, &copy, out);
}

static enum err end(void *state, struct buf *out)
{
    struct compact_form *form = state;
    return compact_end(form->writer, out);
}

const struct export_kind export_compact = {
    .name = "compact",
    .content_type = "application/octet-stream",
    .extension = "ccpx",
    .wants_details = true,
    .body_max = COMPACT_BODY_MAX,
    .state_bytes = sizeof(struct compact_form),
    .begin = begin,
    .add = add,
    .end = end,
    .release = release,
};

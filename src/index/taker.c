/*
 * taker.c — what each frame of the journal means. The table of frames stands last.
 */
#include "index/taker.h"

#include <stdlib.h>

#include "base/loss.h"
#include "record/head_text.h"

enum { CLIENT_MAX = 256, BETA_MAX = 1024, ID_MAX = 128, QUERY_MAX = 512 }; /* bytes kept in a row */

static const uint64_t progress_every_ns = 250000000; /* at most four a second for an exchange */

static void begin(struct taker *t)
{
    t->spawns = spawns_new();
    gathering_init(&t->exchanges);
    packer_init(&t->packer, t->store);
    conversations_init(&t->conversations, &t->packer);
    threads_init(&t->threads, t->store);
}

void taker_init(struct taker *t, const struct index_store *store, struct segments *segments)
{
    *t = (struct taker){.store = store, .segments = segments};
    begin(t);
    buf_init(&t->body, BODY_READ_MAX);
    buf_init(&t->decoded, ANSWER_DECODED_MAX);
    buf_init(&t->head, FRAME_PAYLOAD_MAX * 2);
    buf_init(&t->detail, BLOCK_RAW_MAX);
    arena_init(&t->arena);
}

void taker_rest(struct taker *t)
{
    conversations_forget(&t->conversations);
    packer_rest(&t->packer);
    struct buf *const scratch[] = {&t->body, &t->decoded, &t->head, &t->detail};
    for (size_t i = 0; i < COUNT_OF(scratch); i++)
        buf_release(scratch[i]);
    arena_release(&t->arena);
    free(t->marks);
    t->marks = NULL;
    t->mark_count = t->mark_cap = 0;
}

void taker_release(struct taker *t)
{
    taker_rest(t);
    threads_release(&t->threads);
    gathering_release(&t->exchanges);
    packer_release(&t->packer);
    spawns_free(t->spawns);
}

void taker_begin_again(struct taker *t)
{
    taker_release(t);
    begin(t);
    t->tool_errors = (struct tool_errors){.known = {0}};
    t->pending_bytes = 0;
}

void taker_tell(struct taker *t, enum index_event event, struct gathered *e)
{
    if (!t->listener)
        return;
    e->progress_ns = e->last_ns;
    e->is_announced |= event == INDEX_STARTED;
    t->listener(event, &e->record, t->listener_owner);
}

/* --- what an exchange's first frame says --- */

static void read_target(struct record *r, struct str target)
{
    size_t mark = str_find(target, '?');
    r->path = str_head(target, mark);
    if (mark < target.len)
        r->query = str_head(str_from(target, mark + 1), QUERY_MAX);
}

static void read_request_head(struct gathered *e, struct str head)
{
    struct record *r = &e->record;
    struct head_want wants[] = {{STR("x-claude-code-session-id")}, {STR("x-claude-code-agent-id")},
                                {STR("x-claude-code-parent-agent-id")}, {STR("user-agent")},
                                {STR("anthropic-beta")}, {STR("content-encoding")}};
    struct str rest = head_text_read(head, wants, COUNT_OF(wants)), target;
    if (str_next(&rest, ' ', &r->method) && str_next(&rest, ' ', &target))
        read_target(r, target);
    r->session_id = str_head(wants[0].value, ID_MAX);
    r->agent_id = str_head(wants[1].value, ID_MAX);
    r->parent_agent_id = str_head(wants[2].value, ID_MAX);
    r->client = str_head(wants[3].value, CLIENT_MAX);
    r->anthropic_beta = str_head(wants[4].value, BETA_MAX);
    e->is_request_encoded = wants[5].value.len > 0;
}

static int64_t us_between(uint64_t from_ns, uint64_t to_ns)
{
    return to_ns > from_ns ? (int64_t)((to_ns - from_ns) / 1000) : 0;
}

static struct chunk chunk_of(struct gathered *e, struct segment *g, uint64_t offset,
                             const struct frame *f)
{
    return (struct chunk){gathered_segment(e, g), offset, (uint32_t)f->payload.len,
                          us_between(e->begin_ns, f->mono_ns)};
}

static void on_begin(struct taker *t, struct gathered *e, struct segment *g, uint64_t offset,
                     const struct frame *f)
{
    struct frame_begin begin;
    e->begin_ns = f->mono_ns;
    e->begin = chunk_of(e, g, offset, f);
    if (frame_begin_read(f->payload, &begin)) {
        t->counters.damaged_frames++;
        loss_note(LOSS_JOURNAL_DAMAGE, 1, NULL);
        return;
    }
    struct record *r = &e->record;
    r->started_us = begin.wall_us;
    r->provider = begin.provider;
    r->node = t->store->node;
    r->client_addr = begin.client_addr;
    read_request_head(e, begin.head);
    gathered_keep(e);
}

static void on_request_body(struct taker *t, struct gathered *e, struct segment *g,
                            uint64_t offset, const struct frame *f)
{
    struct chunk c = chunk_of(e, g, offset, f);
    if (c.len)
        chunk_list_add(&e->request, &c);
    e->record.request_bytes += c.len;
    if (!(f->flags & FRAME_LAST))
        return;
    taker_pack_request(t, e);
    if (g->is_own)
        taker_tell(t, INDEX_STARTED, e);
}

static int read_status(struct str status_line)
{
    struct str version, status;
    uint64_t number;
    if (!str_next(&status_line, ' ', &version) || !str_next(&status_line, ' ', &status) ||
        !str_to_u64(status, &number) || number > 999)
        return 0;
    return (int)number;
}

/* What the proxy decided by is what counts, whatever is known here. */
static void take_decision(struct gathered *e, const struct frame_decision *d)
{
    struct record *r = &e->record;
    r->route = d->rule;
    r->route_target = d->target;
    r->flags |= d->is_shadow ? RECORD_IS_SHADOW : 0u;
    if (!d->class.len) /* no rule asked who it is */
        return;
    e->is_guess = false;
    if (d->agent.len)
        e->prompts.count = 0;
    r->class = d->class;
    r->class_by = d->class_by;
    r->agent_type = d->agent;
    r->agent_by = d->agent_by;
    r->flags |= d->is_background ? RECORD_IS_BACKGROUND : 0u;
}

static void on_response_head(struct taker *t, struct gathered *e, struct segment *g,
                             uint64_t offset, const struct frame *f)
{
    struct frame_resp_head h;
    if (frame_resp_head_read(f->payload, &h)) {
        t->counters.damaged_frames++;
        loss_note(LOSS_JOURNAL_DAMAGE, 1, NULL);
        return;
    }
    struct head_want wants[] = {{STR("content-type")}, {STR("request-id")},
                                {STR("x-request-id")}, {STR("content-encoding")}};
    struct record *r = &e->record;
    e->response_head = chunk_of(e, g, offset, f);
    r->status = read_status(head_text_read(h.head, wants, COUNT_OF(wants)));
    e->is_encoded = wants[3].value.len > 0;
    r->is_stream = str_starts_nocase(wants[0].value, STR("text/event-stream"));
    if (!h.is_ours) /* there it is the exchange's own id */
        r->upstream_request_id =
            str_head(wants[1].value.len ? wants[1].value : wants[2].value, ID_MAX);
    r->ttfb_us = f->flags & FRAME_UNTIMED ? UNKNOWN : us_between(e->begin_ns, f->mono_ns);
    r->provider = h.provider.len ? h.provider : r->provider;
    if (h.is_translated)
        r->response_model = h.model.len ? h.model : r->model;
    r->connect_us = h.is_reused || h.is_ours ? UNKNOWN : (int64_t)h.connect_us;
    r->flags |= (h.is_reused ? RECORD_IS_REUSED : 0u) | (h.is_ours ? RECORD_IS_OURS : 0u) |
                (h.is_translated ? RECORD_IS_TRANSLATED : 0u) |
                (h.is_demoted ? RECORD_IS_DEMOTED : 0u);
    take_decision(e, &h.decision);
    gathered_keep(e);
}

static void on_response_body(struct taker *t, struct gathered *e, struct segment *g,
                             uint64_t offset, const struct frame *f)
{
    struct chunk c = chunk_of(e, g, offset, f);
    chunk_list_add(&e->response, &c);
    e->record.response_bytes += c.len;
    e->is_untimed |= (f->flags & FRAME_UNTIMED) != 0;
    e->record.chunk_count = e->is_untimed ? UNKNOWN : e->record.chunk_count + 1;
    (void)t;
}

static void on_end(struct taker *t, struct gathered *e, struct segment *g, uint64_t offset,
                   const struct frame *f)
{
    struct frame_end end;
    (void)g;
    (void)offset;
    e->has_no_duration = f->flags & FRAME_UNTIMED;
    if (frame_end_read(f->payload, &end)) {
        t->counters.damaged_frames++;
        loss_note(LOSS_JOURNAL_DAMAGE, 1, NULL);
        taker_end(t, e, NULL);
    } else {
        taker_end(t, e, &end);
    }
}

typedef void on_frame(struct taker *t, struct gathered *e, struct segment *g, uint64_t offset,
                      const struct frame *f);

static on_frame *const handlers[] = {
    [FRAME_BEGIN] = on_begin,           [FRAME_REQ_BODY] = on_request_body,
    [FRAME_RESP_HEAD] = on_response_head, [FRAME_RESP_BODY] = on_response_body,
    [FRAME_END] = on_end,
};

static void note_orphan(struct taker *t)
{
    t->counters.orphan_frames++;
    loss_note(LOSS_JOURNAL_ORPHAN, 1, NULL);
}

/* NULL: there is nothing to be done with it. */
static struct gathered *gathered_of(struct taker *t, struct segment *g, uint64_t offset,
                                    const struct frame *f)
{
    struct gathered *fed = t->exchanges.fed;
    if (fed && uuid_equal(&fed->record.id, &f->id))
        return fed;
    struct gathered *e = gathering_find(&t->exchanges, &f->id);
    bool was_taken = segment_was_taken(g, offset + f->payload.len);
    if (!e && f->type == FRAME_BEGIN && (!was_taken || segment_has_open(g, offset)))
        e = gathering_add(&t->exchanges, &f->id);
    t->exchanges.fed = e;
    if (!e && !was_taken) /* else the store has had it, or it was counted then */
        note_orphan(t);
    return e;
}

static void tell_progress(struct taker *t, struct gathered *e, enum frame_type type)
{
    bool is_due = type == FRAME_RESP_HEAD || e->last_ns - e->progress_ns >= progress_every_ns;
    if (!t->listener || !e->is_announced || e->is_ended || !is_due)
        return;
    if (t->wants(t->listener_owner))
        taker_tell(t, INDEX_PROGRESS, e);
    else
        e->progress_ns = e->last_ns; /* asked again when the next would be due */
}

void taker_frame(struct taker *t, struct segment *g, uint64_t offset, const struct frame *f)
{
    struct gathered *e = gathered_of(t, g, offset, f);
    if (!e)
        return;
    gathered_segment(e, g);
    bool is_again = f->seq < e->next_seq || (f->type == FRAME_BEGIN && e->next_seq);
    if (e->is_ended || is_again) { /* a segment that lies here twice, a second END */
        note_orphan(t);
        return;
    }
    if (f->seq > e->next_seq)
        e->record.flags |= RECORD_BODY_TRUNCATED; /* frames between were lost */
    e->next_seq = f->seq + 1;
    e->last_ns = f->mono_ns;
    handlers[f->type](t, e, g, offset, f);
    if (g->is_own && (f->type == FRAME_RESP_HEAD || f->type == FRAME_RESP_BODY))
        tell_progress(t, e, f->type);
}

/* Whether an earlier process wrote the exchange's frames. */
static bool is_left_behind(const struct gathered *e)
{
    return e->segment_count && !e->segments[0]->is_own;
}

void taker_end_left_behind(struct taker *t)
{
    for (struct gathered *e = t->exchanges.oldest, *next; e; e = next) {
        next = e->newer;
        if (is_left_behind(e) && !e->is_ended)
            taker_end(t, e, NULL);
    }
}

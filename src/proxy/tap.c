/*
 * tap.c — frames for the journal, secrets masked.
 */
#include "proxy/tap.h"

#include <xxhash.h>

#include "base/clock.h"
#include "proxy/spawn_watch.h"
#include "record/head_text.h"

/* What would belong to a beginning that was lost is not noted: nobody could tell what it is. */
static bool is_on(struct tap *t)
{
    if (t->is_off || t->is_begun)
        return !t->is_off;
    if (journal_turn(t->proxy->journal) == t->turn)
        return true;
    t->is_off = journal_lost_turn(t->proxy->journal, t->turn);
    t->is_begun = !t->is_off;
    return t->is_begun;
}

static struct frame next_frame(struct tap *t, enum frame_type type, struct str payload)
{
    return (struct frame){.type = type, .seq = t->seq++, .id = t->id, .mono_ns = loop_now_ns(t->proxy->loop),
                          .payload = payload};
}

/* As many bytes that say nothing. */
static struct str hidden(struct tap *t, size_t len)
{
    char *stars = loop_turn_alloc(t->proxy->loop, len + 1);
    memset(stars, '*', len);
    return str_make(stars, len);
}

/* Bytes longer than a frame may be go into several. */
static void add_bytes(struct tap *t, enum frame_type type, struct str bytes)
{
    if (t->hides_bodies)
        bytes = hidden(t, bytes.len);
    while (bytes.len) {
        struct frame f = next_frame(t, type, str_head(bytes, FRAME_PAYLOAD_MAX));
        journal_add(t->proxy->journal, &f);
        bytes = str_from(bytes, FRAME_PAYLOAD_MAX);
    }
}

/* Most headers are the same in every request. A line that was found to hold nothing secret is
 * known again by a keyed 64-bit hash, which costs a tenth of looking for secrets. */
static uint64_t line_hash(const struct proxy *p, struct str name, struct str value)
{
    uint64_t seed = XXH3_64bits_withSeed(name.ptr, name.len, p->clean_seed);
    return XXH3_64bits_withSeed(value.ptr, value.len, seed) | 1;
}

static enum err put_value(struct tap *t, struct buf *out, struct str name, struct str value)
{
    struct proxy *p = t->proxy;
    uint64_t hash = line_hash(p, name, value);
    uint64_t *known = &p->clean[(hash >> 8) % CLEAN_HEADERS];
    if (*known == hash)
        return buf_append(out, value);
    size_t start = out->len;
    enum err err = redact_value(p->redactor, name, value, out);
    if (!err && str_equal(str_from(buf_str(out), start), value))
        *known = hash;
    return err;
}

/* The masked text of headers; `line` is the first line with its CR LF. What does not fit (it
 * cannot be more than a head's ceiling and its masks) is left out. */
static void put_header(struct tap *t, struct buf *out, struct str name, struct str value)
{
    enum err err = buf_append(out, name);
    if (!err)
        err = buf_append(out, STR(": "));
    if (!err)
        err = put_value(t, out, name, value);
    if (!err)
        err = buf_append(out, STR("\r\n"));
    (void)err;
}

static void put_request_head(struct tap *t, struct buf *out, const struct head *h)
{
    enum err err = buf_append(out, h->method);
    if (!err)
        err = buf_append(out, STR(" "));
    if (!err)
        err = redact_target(t->proxy->redactor, h->target, out);
    if (!err)
        err = buf_append(out, h->version_minor ? STR(" HTTP/1.1\r\n") : STR(" HTTP/1.0\r\n"));
    (void)err;
    for (size_t i = 0; i < h->count; i++)
        put_header(t, out, h->headers[i].name, h->headers[i].value);
}

/* The answer's head is text already: its lines are "Name: value\r\n". */
static void put_answer_head(struct tap *t, struct buf *out, struct str head)
{
    size_t line_end = str_find(head, '\n') + 1;
    enum err err = buf_append(out, str_head(head, line_end));
    (void)err;
    for (head = str_from(head, line_end); head.len; head = str_from(head, line_end)) {
        line_end = str_find(head, '\n') + 1;
        struct str line = str_head(head, line_end);
        size_t colon = str_find(line, ':');
        if (colon + 4 > line.len)
            continue;
        put_header(t, out, str_head(line, colon),
                   str_make(line.ptr + colon + 2, line.len - colon - 4));
    }
}

/* Both writers put the head last, so it is built behind a first part in the same scratch. */
void tap_begin(struct tap *t, struct proxy *p, const struct uuid *id, int64_t wall_us, uint64_t mono_ns,
               struct str client_addr, struct str provider, const struct head *h)
{
    *t = (struct tap){.proxy = p, .id = *id, .is_off = !p->journal,
                      .hides_bodies = redact_is_credential_path(h->target)};
    if (t->is_off)
        return;
    t->turn = journal_turn(p->journal);
    struct buf *head = &p->scratch, payload;
    buf_clear(head);
    put_request_head(t, head, h);
    struct frame_begin begin = {wall_us, client_addr, provider, buf_str(head)};
    buf_init(&payload, FRAME_PAYLOAD_MAX);
    if (frame_begin_write(&payload, &begin) == ERR_OK) {
        struct frame f = next_frame(t, FRAME_BEGIN, buf_str(&payload));
        f.mono_ns = mono_ns;
        journal_add_copy(p->journal, &f);
    }
    buf_release(&payload);
}

bool tap_secure(struct tap *t)
{
    if (!t->proxy->journal)
        return true; /* recording is off: nothing fails */
    t->is_off = journal_flush_or_refuse(t->proxy->journal) != ERR_OK;
    return !t->is_off;
}

bool tap_is_lost(struct tap *t)
{
    return !is_on(t) && !t->is_begun;
}

void tap_request_body(struct tap *t, struct str bytes)
{
    t->request_bytes += bytes.len;
    if (is_on(t))
        add_bytes(t, FRAME_REQ_BODY, bytes);
}

void tap_request_end(struct tap *t)
{
    if (!is_on(t))
        return;
    struct frame f = next_frame(t, FRAME_REQ_BODY, STR_NONE);
    f.flags = FRAME_LAST;
    journal_add(t->proxy->journal, &f);
}

static void watch_answer(struct tap *t, struct str head)
{
    struct head_want wants[] = {{STR("content-type")}, {STR("content-encoding")}};
    head_text_read(head, wants, COUNT_OF(wants));
    t->watch = spawn_watch_new(t->spawns, t->session, wants[0].value, wants[1].value);
}

void tap_answer(struct tap *t, const struct tap_answer *a)
{
    if (t->spawns)
        watch_answer(t, a->head);
    if (!is_on(t))
        return;
    struct buf *head = &t->proxy->scratch, payload;
    buf_clear(head);
    put_answer_head(t, head, a->head);
    struct frame_resp_head r = {
        .head = buf_str(head), .upstream_addr = a->upstream_addr, .is_ours = a->is_ours,
        .is_reused = a->is_reused, .connect_us = a->connect_us, .sent_us = a->sent_us,
        .provider = a->provider, .model = a->model,
        .is_translated = a->is_translated, .is_demoted = a->is_demoted, .decision = t->decision,
    };
    buf_init(&payload, FRAME_PAYLOAD_MAX);
    if (frame_resp_head_write(&payload, &r) == ERR_OK) {
        struct frame f = next_frame(t, FRAME_RESP_HEAD, buf_str(&payload));
        journal_add_copy(t->proxy->journal, &f);
    }
    buf_release(&payload);
}

void tap_answer_body(struct tap *t, struct str bytes)
{
    spawn_watch_feed(t->watch, bytes);
    t->response_bytes += bytes.len;
    if (is_on(t))
        add_bytes(t, FRAME_RESP_BODY, bytes);
}

void tap_answer_body_copy(struct tap *t, struct str bytes)
{
    char *copy = loop_turn_alloc(t->proxy->loop, bytes.len + 1);
    if (bytes.len)
        memcpy(copy, bytes.ptr, bytes.len);
    tap_answer_body(t, str_make(copy, bytes.len));
}

void tap_end(struct tap *t, enum ending ending, const struct fail *f, struct str losses,
             struct str tried)
{
    spawn_watch_end(t->watch);
    spawn_watch_free(t->watch);
    t->watch = NULL;
    if (!is_on(t))
        return;
    bool failed = f && f->code != ERR_OK;
    struct frame_end end = {
        .ending = ending,
        .error = failed ? str_of(err_name(f->code)) : STR_NONE,
        .detail = failed ? str_of(f->detail) : STR_NONE,
        .request_bytes = t->request_bytes,
        .response_bytes = t->response_bytes,
        .client_bytes = t->client_bytes,
        .losses = losses,
        .tried = tried,
    };
    buf_clear(&t->proxy->scratch);
    if (frame_end_write(&t->proxy->scratch, &end) == ERR_OK) {
        struct frame frame = next_frame(t, FRAME_END, buf_str(&t->proxy->scratch));
        journal_add_copy(t->proxy->journal, &frame);
    }
    t->is_off = true; /* what a provider still sends while the disk is waited for has no place */
}

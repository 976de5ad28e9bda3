/*
 * import_journal.c — imported exchanges as frames of a journal.
 *
 * The frames' clock is made up: it begins with the exchange's own time, and only its differences
 * are looked at.
 */
#include "import/import_journal.h"

#include <yyjson.h>

#include "agents/identity.h"

enum {
    CHUNK_BYTES = 256 << 10,
    NAME_BYTES_MAX = 256,     /* of a rule, a target, a model, an agent */
    LOSSES_MAX = 256 << 10    /* bytes of a translation's report */
};

struct put {
    struct journal *journal;
    const struct exchange_copy *x;
    uint32_t seq;
};

static uint64_t clock_at(const struct put *p, int64_t offset_us)
{
    return (uint64_t)(p->x->started_us + MAX_OF(offset_us, INT64_C(0))) * 1000;
}

static struct frame next_frame(struct put *p, enum frame_type type, int64_t at_us,
                               struct str payload)
{
    return (struct frame){.type = type, .seq = p->seq++, .id = p->x->id,
                          .mono_ns = clock_at(p, at_us), .payload = payload};
}

static enum err put_begin(struct put *p)
{
    const struct frame_begin begin = {p->x->started_us, p->x->client_addr, p->x->provider,
                                      p->x->request_head};
    struct buf payload;
    buf_init(&payload, FRAME_PAYLOAD_MAX);
    enum err err = frame_begin_write(&payload, &begin);
    if (!err) {
        struct frame f = next_frame(p, FRAME_BEGIN, 0, buf_str(&payload));
        journal_add_copy(p->journal, &f);
    }
    buf_release(&payload);
    return err;
}

static void put_request(struct put *p)
{
    struct str rest = p->x->request.bytes;
    int64_t sent_us = MIN_OF(p->x->sent_us, p->x->duration_us);
    while (rest.len) {
        struct frame f = next_frame(p, FRAME_REQ_BODY, sent_us, str_head(rest, CHUNK_BYTES));
        journal_add(p->journal, &f);
        rest = str_from(rest, f.payload.len);
    }
    struct frame last = next_frame(p, FRAME_REQ_BODY, sent_us, STR_NONE);
    last.flags = FRAME_LAST;
    journal_add(p->journal, &last);
}

/* A file may say anything: names of ours have to be ours, and others of a length that names have. */
static struct frame_decision checked(struct frame_decision d)
{
    enum request_class class;
    enum identity_source by;
    if (!class_parse(d.class, &class) || MAX_OF(d.rule.len, d.target.len) > NAME_BYTES_MAX)
        return (struct frame_decision){0};
    if (!identity_source_parse(d.class_by, &by))
        d.class_by = STR_NONE;
    if (!identity_source_parse(d.agent_by, &by) || d.agent.len > NAME_BYTES_MAX)
        d.agent = d.agent_by = STR_NONE;
    return d;
}

static struct str checked_losses(struct str losses)
{
    yyjson_doc *doc = losses.len <= LOSSES_MAX ? yyjson_read(losses.ptr, losses.len, 0) : NULL;
    bool is_list = doc && yyjson_is_arr(yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    return is_list ? losses : STR_NONE;
}

static enum err put_answer_head(struct put *p)
{
    const struct exchange_copy *x = p->x;
    /* what is not known comes through as such: these numbers are signed where they are kept */
    const struct frame_resp_head head = {.head = x->response_head,
                                         .upstream_addr = x->upstream_addr,
                                         .is_ours = x->is_ours,
                                         .is_reused = x->is_reused,
                                         .connect_us = (uint64_t)x->connect_us,
                                         .sent_us = (uint64_t)x->sent_us,
                                         .model = str_head(x->asked_model, NAME_BYTES_MAX),
                                         .is_translated = x->is_translated,
                                         .is_demoted = x->is_demoted,
                                         .decision = checked(x->decision)};
    struct buf payload;
    buf_init(&payload, FRAME_PAYLOAD_MAX);
    enum err err = frame_resp_head_write(&payload, &head);
    if (!err) {
        bool is_timed = x->ttfb_us >= 0;
        struct frame f = next_frame(p, FRAME_RESP_HEAD, is_timed ? x->ttfb_us : 0,
                                    buf_str(&payload));
        f.flags = is_timed ? 0 : FRAME_UNTIMED;
        journal_add_copy(p->journal, &f);
    }
    buf_release(&payload);
    return err;
}

/* Does the timeline tell when each byte came? */
static bool is_timed(const struct exchange_copy *x)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < x->timeline_len; i++)
        sum += (uint64_t)x->timeline[i].bytes;
    return sum == x->response.bytes.len;
}

static void put_answer_bytes(struct put *p, struct str bytes, int64_t at_us, uint8_t flags)
{
    do {
        struct frame f = next_frame(p, FRAME_RESP_BODY, at_us, str_head(bytes, FRAME_PAYLOAD_MAX));
        f.flags = flags;
        journal_add(p->journal, &f);
        bytes = str_from(bytes, f.payload.len);
    } while (bytes.len);
}

static void put_answer(struct put *p)
{
    const struct exchange_copy *x = p->x;
    struct str rest = x->response.bytes;
    if (!is_timed(x)) {
        put_answer_bytes(p, rest, x->duration_us, FRAME_UNTIMED);
        return;
    }
    for (size_t i = 0; i < x->timeline_len; i++) {
        struct str bytes = str_head(rest, (size_t)x->timeline[i].bytes);
        put_answer_bytes(p, bytes, x->timeline[i].offset_us, 0);
        rest = str_from(rest, bytes.len);
    }
}

static enum err put_end(struct put *p)
{
    const struct exchange_copy *x = p->x;
    const struct frame_end end = {
        .ending = x->state,
        .error = x->error_type,
        .detail = x->error_message,
        .request_bytes = (uint64_t)MAX_OF(x->request_bytes, INT64_C(0)),
        .response_bytes = (uint64_t)MAX_OF(x->response_bytes, INT64_C(0)),
        .client_bytes = (uint64_t)MAX_OF(x->client_bytes, INT64_C(0)),
        .losses = checked_losses(x->losses),
    };
    struct buf payload;
    buf_init(&payload, FRAME_PAYLOAD_MAX);
    enum err err = frame_end_write(&payload, &end);
    if (!err) {
        struct frame f = next_frame(p, FRAME_END, x->duration_us, buf_str(&payload));
        f.flags = x->duration_us < 0 ? FRAME_UNTIMED : 0;
        journal_add_copy(p->journal, &f);
    }
    buf_release(&payload);
    return err;
}

enum err import_journal_put(struct journal *j, const struct exchange_copy *x, struct fail *f)
{
    struct put p = {j, x, 0};
    enum err err = put_begin(&p);
    if (err)
        return fail(f, err, "its request's head is too long");
    put_request(&p);
    if (x->response_head.len)
        err = put_answer_head(&p);
    if (x->response.bytes.len)
        put_answer(&p);
    enum err end_err = put_end(&p);
    assert(!err && !end_err); /* heads and texts have been cut to less */
    err = journal_flush(j);
    return err ? fail(f, err, "the journal cannot be written: is the disk full?") : ERR_OK;
}

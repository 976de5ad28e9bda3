/*
 * api_requests.c — the list of exchanges, one of them, its bodies.
 */
#include "api/api_requests.h"

#include <stdlib.h>

#include "api/api_reply.h"
#include "api/record_json.h"
#include "base/loss.h"
#include "base/mem.h"
#include "record/answer.h"
#include "record/body_decode.h"

/* --- the list --- */

struct rows {
    const struct query *query;
    struct arena *arena;
    struct record *list;
    size_t count, cap;
    int64_t matched; /* all that match, on this page or not */
    bool is_counted; /* `matched` is; else counting would have taken too long */
    int64_t least;   /* what is sure */
};

static const struct uuid none;

static int compare_ids(const struct uuid *a, const struct uuid *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

static void rows_add(struct rows *rows, const struct record *r)
{
    if (rows->count == rows->cap) {
        rows->cap = rows->cap ? rows->cap * 2 : 64;
        rows->list = mem_resize(rows->list, rows->cap * sizeof *rows->list);
    }
    struct record *kept = &rows->list[rows->count++];
    *kept = *r;
    record_keep(kept, rows->arena);
}

static void add_running(const struct record *r, void *owner)
{
    struct rows *rows = owner;
    if (!filter_matches(&rows->query->filter, r))
        return;
    rows->matched++;
    if (rows->query->has_cursor && compare_ids(&r->id, &rows->query->cursor) >= 0)
        return;
    if (rows->count < RUNNING_MAX)
        rows_add(rows, r);
}

static void add_stored(const struct record *r, void *owner)
{
    rows_add(owner, r);
}

/* Newest first; of two rows of one exchange the one that has ended. */
static int newest_first(const void *a, const void *b)
{
    const struct record *x = a, *y = b;
    int order = compare_ids(&y->id, &x->id);
    return order ? order : (x->state == ENDING_RUNNING) - (y->state == ENDING_RUNNING);
}

/* An exchange that ended between the two looks stands twice. */
static void drop_doubles(struct rows *rows)
{
    size_t kept = 0;
    for (size_t i = 0; i < rows->count; i++)
        if (!kept || !uuid_equal(&rows->list[i].id, &rows->list[kept - 1].id))
            rows->list[kept++] = rows->list[i];
        else
            rows->matched--;
    rows->count = kept;
}

/* The page's rows and one more, where there is one. Running ones are looked at first: what ends
 * after that is found in the store. `*next`: where the next page begins; all zeros: there is none. */
static enum err gather(struct api_job *job, struct rows *rows, struct uuid *next)
{
    const struct query *q = &job->ask.query;
    size_t limit = (size_t)q->limit, wanted = MIN_OF(limit + 1, (size_t)FILTER_LIMIT_MAX);
    indexer_each_running(job->to->indexer, add_running, rows);
    size_t running = rows->count;
    int64_t stored = 0;
    struct uuid stopped = {{0}};
    if (!q->filter.has_state || q->filter.state != ENDING_RUNNING) {
        enum err err = store_list_a_while(job->reader, &q->filter,
                                          q->has_cursor ? &q->cursor : NULL, (int)wanted,
                                          add_stored, rows, &stopped, &job->fail);
        stored = (int64_t)(rows->count - running);
        bool is_all = !q->has_cursor && (size_t)stored < wanted && uuid_equal(&stopped, &none);
        /* where looking at rows was not done in time, looking at all of them is not either */
        rows->is_counted = uuid_equal(&stopped, &none) || store_count_is_known(&q->filter);
        if (!err && !is_all && rows->is_counted) /* else they have been counted */
            err = store_count(job->reader, &q->filter, &stored, &rows->is_counted, &job->fail);
        if (err)
            return err;
    }
    bool is_full = rows->count - running == wanted;
    rows->matched += stored;
    if (rows->count)
        qsort(rows->list, rows->count, sizeof *rows->list, newest_first);
    drop_doubles(rows);
    while (rows->count && compare_ids(&rows->list[rows->count - 1].id, &stopped) < 0)
        rows->count--; /* running ones from before where the store's list stopped */
    bool has_more = rows->count > limit || (wanted == limit && is_full);
    rows->count = MIN_OF(rows->count, limit);
    *next = has_more ? rows->list[rows->count - 1].id : stopped;
    rows->least = (int64_t)rows->count + has_more;
    return ERR_OK;
}

enum err requests_list(struct api_job *job)
{
    struct rows rows = {.query = &job->ask.query, .arena = &job->arena, .is_counted = true};
    struct uuid next;
    enum err err = gather(job, &rows, &next);
    if (err)
        goto out;
    yyjson_mut_doc *doc = json_doc_new();
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, root, "requests");
    for (size_t i = 0; i < rows.count; i++)
        record_json_fill(doc, yyjson_mut_arr_add_obj(doc, list), &rows.list[i]);
    yyjson_mut_obj_add_sint(doc, root, "total", rows.is_counted ? rows.matched : rows.least);
    yyjson_mut_obj_add_bool(doc, root, "total_is_minimum", !rows.is_counted);
    char cursor[UUID_TEXT];
    if (!uuid_equal(&next, &none))
        yyjson_mut_obj_add_strcpy(doc, root, "next_cursor", uuid_format(&next, cursor));
    else
        yyjson_mut_obj_add_null(doc, root, "next_cursor");
    job_answer_json(job, doc);
out:
    free(rows.list);
    return err;
}

/* --- one exchange --- */

struct one {
    struct record row;
    struct record_detail detail;
};

static void one_init(struct one *one)
{
    *one = (struct one){0};
    record_init(&one->row);
}

/* Running first: what ends after that look is found in the store. Of two the stored one, for a list may
 * have shown it. */
static enum err find(struct api_job *job, const struct uuid *id, struct one *one)
{
    struct one stored;
    bool is_stored_soon = false;
    one_init(one);
    one_init(&stored);
    bool is_running = indexer_running_get(job->to->indexer, id, &job->arena, &one->row,
                                          &one->detail, &is_stored_soon) == ERR_OK;
    if (is_running && !is_stored_soon)
        return ERR_OK;
    enum err err = store_get(job->reader, id, &job->arena, &stored.row, &stored.detail, &job->fail);
    if (err && is_running)
        return ERR_OK;
    *one = stored;
    return err;
}

enum err requests_find_row(struct api_job *job, const struct uuid *id, struct record *out,
                           struct record_detail *detail)
{
    struct one one;
    enum err err = find(job, id, &one);
    *out = one.row;
    if (detail)
        *detail = one.detail;
    return err;
}

enum err requests_find_body(struct api_job *job, const struct uuid *id, enum body_side side,
                            struct buf *out)
{
    enum err err = indexer_running_body(job->to->indexer, id, side == BODY_RESPONSE, out);
    if (err != ERR_NOT_FOUND)
        return err;
    buf_clear(out);
    err = store_body(job->reader, id, side, out, &job->fail);
    loss_note(LOSS_STORE_DAMAGE, err == ERR_CORRUPT, NULL);
    return err;
}

static struct str side_head(const struct one *one, enum body_side side)
{
    return side == BODY_REQUEST ? one->detail.request_head : one->detail.response_head;
}

/* An object is no encoded body: then nothing else has to be read. */
enum err requests_read_request(struct api_job *job, const struct uuid *id, struct buf *out)
{
    struct one one;
    struct buf decoded;
    enum err err = requests_find_body(job, id, BODY_REQUEST, out);
    if (err || str_starts(buf_str(out), STR("{")))
        return err;
    err = find(job, id, &one);
    if (err)
        return err;
    buf_init(&decoded, MIN_OF((size_t)BODY_DECODED_MAX, out->ceiling));
    struct str encoding = recorded_header(side_head(&one, BODY_REQUEST), STR("Content-Encoding"));
    struct str text = body_text(encoding, buf_str(out), &decoded);
    if (text.ptr == out->ptr) {
        buf_release(&decoded);
        return ERR_OK;
    }
    buf_release(out);
    *out = decoded;
    return ERR_OK;
}

enum err requests_get(struct api_job *job)
{
    struct one one;
    enum err err = find(job, &job->ask.id, &one);
    if (err)
        return err;
    yyjson_mut_doc *doc = json_doc_new();
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    record_json_fill(doc, root, &one.row);
    record_json_fill_detail(doc, root, &one.row, &one.detail);
    job_answer_json(job, doc);
    return ERR_OK;
}

enum err requests_timeline(struct api_job *job)
{
    struct one one;
    enum err err = find(job, &job->ask.id, &one);
    if (!err && record_json_is_gone(&one.row, &one.detail))
        err = ERR_GONE;
    if (err)
        return err;
    yyjson_mut_doc *doc = json_doc_new();
    record_json_fill_timeline(doc, yyjson_mut_doc_get_root(doc), &one.row, &one.detail);
    job_answer_json(job, doc);
    return ERR_OK;
}

/* --- bodies --- */

/* Whatever it holds, a browser must not run it. */
#define BODY_HEADERS API_HEADERS "Content-Security-Policy: sandbox\r\n"

static void answer_bytes(struct api_job *job, struct buf *body)
{
    job->body = buf_take(body, &job->body_len);
}

static enum err answer_raw(struct api_job *job, enum body_side side, struct buf *body)
{
    char id[UUID_TEXT];
    job->headers = arena_printf(&job->arena,
                                BODY_HEADERS
                                "Content-Disposition: attachment; filename=\"%s-%s.bin\"\r\n",
                                uuid_format(&job->ask.id, id),
                                side == BODY_REQUEST ? "request" : "response");
    job->content_type = "application/octet-stream";
    answer_bytes(job, body);
    return ERR_OK;
}

/* Undoes the encoding that the head names. */
static enum decode_result undo(const struct one *one, enum body_side side, const struct buf *body,
                               struct buf *out)
{
    struct str encoding = recorded_header(side_head(one, side), STR("Content-Encoding"));
    return body_decode(encoding, buf_str(body), out);
}

static enum err answer_decoded(struct api_job *job, enum body_side side, struct buf *body)
{
    static const char *const words[] = {
        [DECODE_OK] = "whole", [DECODE_PARTIAL] = "partial", [DECODE_LIMITED] = "limited"};
    struct one one;
    struct buf decoded;
    buf_init(&decoded, BODY_DECODED_MAX);
    enum err err = find(job, &job->ask.id, &one);
    if (err)
        goto out;
    enum decode_result result = undo(&one, side, body, &decoded);
    if (result == DECODE_UNKNOWN) {
        err = ERR_UNSUPPORTED_MEDIA;
        goto out;
    }
    job->headers = arena_printf(&job->arena, BODY_HEADERS "X-Decoded: %s\r\n", words[result]);
    job->content_type = "text/plain; charset=utf-8";
    answer_bytes(job, &decoded);
out:
    buf_release(&decoded);
    return err;
}

static enum err answer_body(struct api_job *job, enum body_side side)
{
    struct buf body;
    buf_init(&body, BODY_SHOWN_MAX);
    enum err err = requests_find_body(job, &job->ask.id, side, &body);
    if (!err)
        err = job->ask.query.is_decoded ? answer_decoded(job, side, &body)
                                        : answer_raw(job, side, &body);
    buf_release(&body);
    return err;
}

enum err requests_request_body(struct api_job *job)
{
    return answer_body(job, BODY_REQUEST);
}

enum err requests_response_body(struct api_job *job)
{
    return answer_body(job, BODY_RESPONSE);
}

/* A provider's text may hold anything; the API's may not. */
static void answer_json_bytes(struct api_job *job, struct buf *json)
{
    job->content_type = "application/json";
    job->headers = STR(API_HEADERS);
    if (utf8_valid(buf_str(json)) == json->len)
        answer_bytes(job, json);
    else
        job->body = utf8_repair(buf_str(json), &job->body_len);
}

enum err requests_read_message(struct api_job *job, const struct uuid *id, struct buf *out)
{
    struct one one;
    struct buf body, decoded;
    buf_init(&body, BODY_SHOWN_MAX);
    buf_init(&decoded, BODY_DECODED_MAX);
    enum err err = find(job, id, &one);
    if (!err)
        err = requests_find_body(job, id, BODY_RESPONSE, &body);
    if (err)
        goto out;
    struct str type = recorded_header(one.detail.response_head, STR("Content-Type"));
    if (undo(&one, BODY_RESPONSE, &body, &decoded) == DECODE_UNKNOWN) {
        err = ERR_UNSUPPORTED_MEDIA;
        goto out;
    }
    err = answer_message(buf_str(&decoded), str_starts_nocase(type, STR("text/event-stream")),
                         out);
out:
    buf_release(&decoded);
    buf_release(&body);
    return err;
}

enum err requests_message(struct api_job *job)
{
    struct buf json;
    buf_init(&json, BODY_DECODED_MAX);
    enum err err = requests_read_message(job, &job->ask.id, &json);
    if (!err)
        answer_json_bytes(job, &json);
    buf_release(&json);
    return err;
}

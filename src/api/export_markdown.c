/*
 * export_markdown.c — exchanges as a conversation to be read: of each request the messages that
 * are new since the one before it, then the answer.
 */
#include <xxhash.h>

#include "api/export_item.h"
#include "api/json_out.h"
#include "api/markdown_text.h"
#include "base/clock.h"
#include "record/answer.h"

enum {
    THREADS = 1024,         /* conversations followed at once; the one longest silent makes way */
    HASH_DEPTH_MAX = 64,    /* what lies deeper does not count */
    UNREAD_BYTES_MAX = 64 << 10 /* shown of a body that is no message */
};

/* What has been shown of a conversation. */
struct thread {
    uint64_t key;   /* session and agent; 0: free */
    uint64_t chain; /* hash over the messages shown */
    size_t count;   /* of them */
    uint64_t used_at;
};

struct markdown_form {
    struct thread threads[THREADS];
    uint64_t clock;
};

/* --- what a message says, whatever way it is written --- */

static uint64_t hash_bytes(uint64_t seed, const void *ptr, size_t len)
{
    return XXH3_64bits_withSeed(len ? ptr : "", len, seed);
}

static uint64_t hash_value(uint64_t seed, yyjson_val *val, int depth);

static uint64_t hash_object(uint64_t seed, yyjson_val *obj, int depth)
{
    size_t i, count;
    yyjson_val *key, *val;
    yyjson_obj_foreach(obj, i, count, key, val) {
        if (yyjson_equals_str(key, "cache_control")) /* moves from turn to turn */
            continue;
        seed = hash_bytes(seed, yyjson_get_str(key), yyjson_get_len(key));
        seed = hash_value(seed, val, depth + 1);
    }
    return seed;
}

static uint64_t hash_value(uint64_t seed, yyjson_val *val, int depth)
{
    size_t i, count;
    yyjson_val *element;
    if (depth > HASH_DEPTH_MAX)
        return seed;
    seed = hash_bytes(seed, &(uint8_t){yyjson_get_type(val)}, 1);
    if (yyjson_is_obj(val))
        return hash_object(seed, val, depth);
    if (yyjson_is_str(val))
        return hash_bytes(seed, yyjson_get_str(val), yyjson_get_len(val));
    if (yyjson_is_num(val)) {
        double number = yyjson_get_num(val);
        return hash_bytes(seed, &number, sizeof number);
    }
    if (yyjson_is_bool(val))
        return seed + yyjson_get_bool(val);
    yyjson_arr_foreach(val, i, count, element)
        seed = hash_value(seed, element, depth + 1);
    return seed;
}

/* A string and one block of text say the same. */
static uint64_t hash_message(uint64_t seed, yyjson_val *message)
{
    yyjson_val *content = yyjson_obj_get(message, "content");
    yyjson_val *only = yyjson_arr_size(content) == 1 ? yyjson_arr_get_first(content) : NULL;
    if (only && yyjson_equals_str(yyjson_obj_get(only, "type"), "text"))
        content = yyjson_obj_get(only, "text");
    seed = hash_value(seed, yyjson_obj_get(message, "role"), 0);
    return hash_value(seed, content, 0);
}

/* --- which messages are new --- */

static struct thread *thread_of(struct markdown_form *form, const struct record *r)
{
    uint64_t key = hash_bytes(1, r->session_id.ptr, r->session_id.len);
    key = hash_bytes(key, r->agent_id.ptr, r->agent_id.len) | 1;
    struct thread *oldest = &form->threads[0];
    for (size_t i = 0; i < THREADS; i++) {
        struct thread *t = &form->threads[i];
        if (t->key == key) {
            t->used_at = ++form->clock;
            return t;
        }
        if (t->used_at < oldest->used_at)
            oldest = t;
    }
    *oldest = (struct thread){.key = key, .used_at = ++form->clock};
    return oldest;
}

/* The index of the first message that has not been shown; notes all as shown. */
static size_t take_new(struct thread *t, yyjson_val *messages)
{
    size_t i, count, first_new = 0;
    uint64_t chain = 0;
    yyjson_val *message;
    yyjson_arr_foreach(messages, i, count, message) {
        if (i == t->count && i && chain == t->chain) {
            first_new = i;
            /* the answer that followed has been shown as an answer */
            if (yyjson_equals_str(yyjson_obj_get(message, "role"), "assistant"))
                first_new++;
        }
        chain = hash_message(chain, message);
    }
    if (count && count == t->count && chain == t->chain)
        first_new = count; /* the same again */
    t->chain = chain;
    t->count = count;
    return first_new;
}

/* --- the parts of an exchange --- */

static enum err put_fact(const char *before, struct str text, struct buf *out)
{
    if (!text.len)
        return ERR_OK;
    enum err err = buf_printf(out, " · %s", before);
    return err ? err : markdown_put_line(text, out);
}

static enum err put_heading(const struct record *r, struct buf *out)
{
    char time[CLOCK_TEXT], id[UUID_TEXT];
    enum err err = buf_printf(out, "\n---\n\n## %s", clock_format(r->started_us, time));
    if (!err)
        err = put_fact("", r->title.len ? r->title : r->path, out);
    if (!err)
        err = buf_printf(out, "\n\n%s", ending_name(r->state));
    if (!err && r->status)
        err = buf_printf(out, " · %d", r->status);
    if (!err)
        err = put_fact("", r->model, out);
    if (!err && r->duration_us >= 0)
        err = buf_printf(out, " · %.1f s", (double)r->duration_us / 1e6);
    if (!err && r->usage.input_tokens >= 0)
        err = buf_printf(out, " · %lld tokens in", (long long)r->usage.input_tokens);
    if (!err && r->usage.output_tokens >= 0)
        err = buf_printf(out, ", %lld out", (long long)r->usage.output_tokens);
    if (!err)
        err = put_fact("session ", r->session_id, out);
    if (!err)
        err = put_fact("agent ", r->agent_id, out);
    if (!err)
        err = put_fact("error: ", r->error_message.len ? r->error_message : r->error_type, out);
    return err ? err : buf_printf(out, " · `%s`\n\n", uuid_format(&r->id, id));
}

static enum err put_role(const char *role, struct buf *out)
{
    return buf_printf(out, "### %s\n\n", role);
}

static enum err put_message(yyjson_val *message, struct buf *out)
{
    yyjson_val *role = yyjson_obj_get(message, "role");
    const char *name = yyjson_equals_str(role, "assistant") ? "Assistant"
                       : yyjson_equals_str(role, "system")  ? "System"
                       : yyjson_equals_str(role, "tool")    ? "Tool"
                                                            : "User";
    enum err err = put_role(name, out);
    return err ? err : markdown_put_content(yyjson_obj_get(message, "content"), out);
}

static enum err put_unread(const struct export_body *b, struct buf *out)
{
    if (b->fate != BODY_WHOLE)
        return buf_printf(out, "*[left out: %s]*\n", body_fate_name(b->fate));
    if (!b->text.len)
        return ERR_OK;
    if (utf8_valid(b->text) < b->text.len)
        return buf_printf(out, "*[%zu bytes that are no text]*\n", b->text.len);
    struct str shown = str_head(b->text, UNREAD_BYTES_MAX);
    shown.len = utf8_valid(shown);
    enum err err = markdown_put_block(shown, "", out);
    if (err || shown.len == b->text.len)
        return err;
    return buf_printf(out, "*[the first %zu of %zu bytes]*\n", shown.len, b->text.len);
}

static enum err put_request(struct markdown_form *form, const struct export_item *item,
                            struct buf *out)
{
    struct str body = item->request.text;
    yyjson_doc *doc = body.len ? yyjson_read(body.ptr, body.len, 0) : NULL;
    yyjson_val *root = doc ? yyjson_doc_get_root(doc) : NULL;
    yyjson_val *messages = yyjson_obj_get(root, "messages"), *message;
    enum err err = ERR_OK;
    size_t i, count;
    if (!yyjson_is_arr(messages)) {
        err = put_unread(&item->request, out);
        goto out;
    }
    struct thread *t = thread_of(form, item->row);
    bool is_first = !t->count;
    size_t first_new = take_new(t, messages);
    yyjson_val *system = yyjson_obj_get(root, "system");
    if (is_first && system) {
        err = put_role("System", out);
        if (!err)
            err = markdown_put_content(system, out);
    }
    yyjson_arr_foreach(messages, i, count, message)
        if (i >= first_new && !err)
            err = put_message(message, out);
out:
    yyjson_doc_free(doc);
    return err;
}

static enum err put_answer(const struct export_item *item, struct buf *out)
{
    struct str text = item->response.text;
    struct buf json;
    yyjson_doc *doc = NULL;
    buf_init(&json, 64 << 20);
    enum err err = put_role("Answer", out);
    if (!err && text.len && item->response.result != DECODE_UNKNOWN &&
        answer_message(text, item->row->is_stream, &json) == ERR_OK && json.len)
        doc = yyjson_read(json.ptr, json.len, 0);
    yyjson_val *message = doc ? yyjson_obj_get(yyjson_doc_get_root(doc), "message") : NULL;
    if (!err && yyjson_is_obj(message))
        err = markdown_put_content(yyjson_obj_get(message, "content"), out);
    else if (!err)
        err = put_unread(&item->response, out);
    yyjson_doc_free(doc);
    buf_release(&json);
    return err;
}

/* --- the form --- */

static enum err begin(void *state, const struct export_about *about, struct buf *out)
{
    (void)state;
    char time[CLOCK_TEXT];
    return buf_printf(out, "# Conversations\n\nExported by claude-code-proxy %s at %s.\n",
                      about->version, clock_format(about->now_us, time));
}

static enum err add(void *state, const struct export_item *item, struct buf *out)
{
    enum err err = put_heading(item->row, out);
    if (!err)
        err = put_request(state, item, out);
    return err ? err : put_answer(item, out);
}

const struct export_kind export_markdown = {
    .name = "markdown",
    .content_type = "text/markdown; charset=utf-8",
    .extension = "md",
    .wants_details = true,
    .wants_text = true,
    .body_max = EXPORT_TEXT_BODY_MAX,
    .state_bytes = sizeof(struct markdown_form),
    .begin = begin,
    .add = add,
};

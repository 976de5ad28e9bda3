/*
 * responses_answer.c — reads answers in OpenAI's Responses language.
 *
 * A stream tells an item's pieces, then the item whole, then all items whole. What was heard in
 * pieces is not told again; what was not, because a server leaves the pieces out, is told then.
 */
#include "dialect/answer_reader.h"

#include <stdlib.h>

#include "base/mem.h"
#include "dialect/envelope.h"
#include "dialect/json_writer.h"

enum { ITEMS_MAX = 1024 /* of one answer; those past it are dropped */ };

struct reader_item {
    int64_t index; /* output_index; -1: none */
    struct str id; /* in the arena */
    bool is_told;  /* whole */
    bool has_pieces;
};

/* The item that an event is about: by its place, else by its id; a new one where it is not known.
 * Where the event says neither it is the last, but for one that `is_new`. NULL: too many. */
static struct reader_item *find_item(struct reader *x, int64_t index, struct str id, bool is_new)
{
    for (size_t i = 0; i < x->item_count; i++) {
        struct reader_item *it = &x->items[i];
        if (index >= 0 ? it->index == index : id.len && str_equal(it->id, id))
            return it;
    }
    if (index < 0 && !id.len && !is_new && x->item_count)
        return &x->items[x->item_count - 1];
    if (x->item_count == ITEMS_MAX) {
        loss_drop_answer(x->reply, "answer.output", "too many items in one answer");
        return NULL;
    }
    if (x->item_count == x->item_cap) {
        x->item_cap = x->item_cap ? x->item_cap * 2 : 8;
        x->items = mem_resize(x->items, x->item_cap * sizeof *x->items);
    }
    struct reader_item *it = &x->items[x->item_count++];
    *it = (struct reader_item){.index = index, .id = arena_str(x->reply->arena, id)};
    return it;
}

static struct reader_item *item_of(struct reader *x, yyjson_val *event, struct str id, bool is_new)
{
    return find_item(x, json_member_number(event, "output_index", -1), id, is_new);
}

/* What calls are numbered by: the item's place. */
static int64_t place_of(const struct reader *x, const struct reader_item *it)
{
    return it - x->items;
}

static void tell_call(struct reader *x, struct reader_item *it, yyjson_val *item, bool is_whole)
{
    struct str args = json_member_text(item, "arguments");
    struct call_piece piece = {.id = json_member_text(item, "call_id"),
                               .name = json_member_text(item, "name"),
                               .index = place_of(x, it),
                               .is_whole = is_whole};
    if (!piece.id.len)
        piece.id = json_member_text(item, "id");
    if (is_whole && !it->has_pieces)
        piece.args = args;
    reply_call(x->reply, &piece);
}

static void tell_texts(struct reader *x, yyjson_val *list, const char *between)
{
    yyjson_arr_iter parts = yyjson_arr_iter_with(list);
    bool is_first = true;
    for (yyjson_val *part; (part = yyjson_arr_iter_next(&parts));) {
        struct str text = json_member_text(part, "text");
        if (!text.len)
            continue;
        if (!is_first)
            reply_reasoning(x->reply, str_of(between));
        is_first = false;
        reply_reasoning(x->reply, text);
    }
}

static void tell_reasoning(struct reader *x, struct reader_item *it, yyjson_val *item)
{
    struct str sealed = json_member_text(item, "encrypted_content");
    if (!it->has_pieces) {
        yyjson_val *summary = yyjson_obj_get(item, "summary");
        tell_texts(x, yyjson_arr_size(summary) ? summary : yyjson_obj_get(item, "content"), "\n\n");
    }
    if (sealed.len)
        reply_seal(x->reply, ENVELOPE_ENCRYPTED, sealed);
    reply_end_thinking(x->reply);
}

static void put_source(struct json_writer *w, yyjson_val *source)
{
    struct str url = json_member_text(source, "url"), title = json_member_text(source, "title");
    json_open(w, '{');
    json_put_string(w, "title", title.len ? title : url);
    json_put_string(w, "url", url);
    json_close(w, '}');
}

static void tell_search(struct reader *x, yyjson_val *item)
{
    yyjson_val *action = yyjson_obj_get(item, "action");
    struct str query = json_member_text(action, "query");
    if (!query.len)
        query = json_text_of(yyjson_arr_get_first(yyjson_obj_get(action, "queries")));
    if (!query.len)
        return; /* it opened a page, or looked for words in one */
    struct buf text;
    buf_init(&text, 1 << 20);
    struct json_writer w = {.out = &text};
    json_open(&w, '[');
    yyjson_arr_iter list = yyjson_arr_iter_with(yyjson_obj_get(action, "sources"));
    for (yyjson_val *one; (one = yyjson_arr_iter_next(&list));)
        put_source(&w, one);
    json_close(&w, ']');
    reply_search(x->reply, STR_NONE, query, w.err ? STR("[]") : buf_str(&text));
    buf_release(&text);
}

static void tell_message(struct reader *x, struct reader_item *it, yyjson_val *item)
{
    yyjson_arr_iter parts = yyjson_arr_iter_with(yyjson_obj_get(item, "content"));
    for (yyjson_val *part; !it->has_pieces && (part = yyjson_arr_iter_next(&parts));) {
        reply_refusal(x->reply, json_member_text(part, "refusal"));
        reply_text(x->reply, json_member_text(part, "text"));
    }
}

/* An item that is complete. */
static void tell_item(struct reader *x, struct reader_item *it, yyjson_val *item)
{
    yyjson_val *type = yyjson_obj_get(item, "type");
    if (!it || it->is_told)
        return;
    it->is_told = true;
    if (json_is(type, "message"))
        tell_message(x, it, item);
    else if (json_is(type, "reasoning"))
        tell_reasoning(x, it, item);
    else if (json_is(type, "function_call"))
        tell_call(x, it, item, true);
    else if (json_is(type, "web_search_call"))
        tell_search(x, item);
}

static void tell_output(struct reader *x, yyjson_val *response)
{
    yyjson_arr_iter items = yyjson_arr_iter_with(yyjson_obj_get(response, "output"));
    int64_t at = 0;
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&items)); at++) {
        struct str id = json_member_text(item, "id");
        bool has_places = x->item_count && x->items[0].index >= 0;
        tell_item(x, find_item(x, has_places || !x->item_count ? at : -1, id, true), item);
    }
}

static void read_usage(struct reply *r, yyjson_val *usage)
{
    yyjson_val *in = yyjson_obj_get(usage, "input_tokens_details");
    yyjson_val *out = yyjson_obj_get(usage, "output_tokens_details");
    struct reply_usage u = {.is_known = yyjson_is_obj(usage)};
    u.cache_read = MAX_OF(0, json_member_number(in, "cached_tokens", 0));
    u.input = MAX_OF(0, json_member_number(usage, "input_tokens", 0) - u.cache_read);
    u.output = MAX_OF(0, json_member_number(usage, "output_tokens", 0));
    u.reasoning = MAX_OF(0, json_member_number(out, "reasoning_tokens", 0));
    reply_usage(r, &u);
}

static void fail_with(struct reader *x, yyjson_val *root)
{
    struct provider_error e;
    provider_error_read(&e, &x->reply->place, 200, root, STR_NONE);
    reply_fail(x->reply, &e);
}

/* `root`: the event, or the answer itself. */
static void tell_end(struct reader *x, yyjson_val *root, yyjson_val *response)
{
    struct str status = json_member_text(response, "status");
    struct str reason = json_member_text(yyjson_obj_get(response, "incomplete_details"), "reason");
    if (str_equal(status, STR("failed")) || str_equal(status, STR("cancelled")) ||
        provider_error_is(response)) {
        fail_with(x, root);
        return;
    }
    tell_output(x, response);
    read_usage(x->reply, yyjson_obj_get(response, "usage"));
    if (!reason.len)
        reason = str_equal(status, STR("incomplete")) ? STR("max_output_tokens") : STR("completed");
    reply_finish(x->reply, reason);
    x->is_done = true;
    reply_end(x->reply);
}

static void on_created(struct reader *x, yyjson_val *root)
{
    (void)x;
    (void)root; /* it may still fail with a status of its own: nothing is said yet */
}

static void on_item_added(struct reader *x, yyjson_val *root)
{
    yyjson_val *item = yyjson_obj_get(root, "item");
    struct reader_item *it = item_of(x, root, json_member_text(item, "id"), true);
    reply_start(x->reply);
    if (it && json_is(yyjson_obj_get(item, "type"), "function_call"))
        tell_call(x, it, item, false);
}

static void on_item_done(struct reader *x, yyjson_val *root)
{
    yyjson_val *item = yyjson_obj_get(root, "item");
    tell_item(x, item_of(x, root, json_member_text(item, "id"), true), item);
}

static struct reader_item *heard(struct reader *x, yyjson_val *root)
{
    struct reader_item *it = item_of(x, root, json_member_text(root, "item_id"), false);
    if (it)
        it->has_pieces = true;
    return it;
}

static void on_text(struct reader *x, yyjson_val *root)
{
    heard(x, root);
    reply_text(x->reply, json_member_text(root, "delta"));
}

static void on_refusal(struct reader *x, yyjson_val *root)
{
    heard(x, root);
    reply_refusal(x->reply, json_member_text(root, "delta"));
}

static void on_reasoning(struct reader *x, yyjson_val *root)
{
    heard(x, root);
    reply_reasoning(x->reply, json_member_text(root, "delta"));
}

static void on_summary_part(struct reader *x, yyjson_val *root)
{
    if (json_member_number(root, "summary_index", 0) > 0)
        reply_reasoning(x->reply, STR("\n\n"));
}

static void on_args(struct reader *x, yyjson_val *root)
{
    struct reader_item *it = heard(x, root);
    struct call_piece piece = {.args = json_member_text(root, "delta")};
    if (!it || it->is_told)
        return;
    piece.index = place_of(x, it);
    reply_call(x->reply, &piece);
}

static void on_args_done(struct reader *x, yyjson_val *root)
{
    struct reader_item *it = item_of(x, root, json_member_text(root, "item_id"), false);
    if (!it || it->is_told)
        return;
    struct call_piece piece = {.index = place_of(x, it), .is_whole = true};
    if (!it->has_pieces)
        piece.args = json_member_text(root, "arguments");
    it->has_pieces = true;
    reply_call(x->reply, &piece);
}

static void on_end(struct reader *x, yyjson_val *root)
{
    tell_end(x, root, yyjson_obj_get(root, "response"));
}

static const struct {
    const char *type;
    void (*on)(struct reader *x, yyjson_val *root);
} events[] = {
    {"response.created", on_created},
    {"response.in_progress", on_created},
    {"response.output_item.added", on_item_added},
    {"response.output_item.done", on_item_done},
    {"response.output_text.delta", on_text},
    {"response.refusal.delta", on_refusal},
    {"response.reasoning_summary_part.added", on_summary_part},
    {"response.reasoning_summary_text.delta", on_reasoning},
    {"response.reasoning_text.delta", on_reasoning},
    {"response.function_call_arguments.delta", on_args},
    {"response.function_call_arguments.done", on_args_done},
    {"response.completed", on_end},
    {"response.done", on_end},
    {"response.incomplete", on_end},
    {"response.failed", on_end},
};

void responses_answer_event(struct reader *x, struct str name, yyjson_val *root)
{
    struct str type = json_member_text(root, "type");
    if (!type.len)
        type = name;
    if (str_equal(type, STR("error")) || provider_error_is(root)) {
        fail_with(x, root);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(events); i++)
        if (str_equal(type, str_of(events[i].type)))
            events[i].on(x, root);
}

void responses_answer_whole(struct reader *x, yyjson_val *root, const struct json_tree *tree)
{
    (void)tree;
    if (provider_error_is(root) || !yyjson_is_arr(yyjson_obj_get(root, "output"))) {
        if (provider_error_is(root))
            fail_with(x, root);
        else
            reply_fail_with(x->reply, 502, "api_error",
                            STR("The provider's answer has no output."));
        return;
    }
    tell_end(x, root, root);
}

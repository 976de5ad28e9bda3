/*
 * responses_request.c — writes a request in OpenAI's Responses language
 * (platform.openai.com/docs/api-reference/responses/create).
 *
 * Nothing is kept at the provider (store: false): reasoning comes back sealed in the thinking
 * blocks' signatures, and goes out again in front of what it led to.
 */
#include "dialect/language.h"

#include "dialect/attachment.h"
#include "dialect/envelope.h"
#include "dialect/openai_members.h"
#include "dialect/tool_schema.h"

enum { OUTPUT_TOKENS_MIN = 16 /* less is refused */ };

static void put_text_part(const struct writing *x, const char *type, struct str text)
{
    json_open(x->w, '{');
    json_put_string(x->w, "type", str_of(type));
    json_put_string(x->w, "text", text);
    json_close(x->w, '}');
}

static void put_image_part(const struct writing *x, const struct block *b)
{
    json_open(x->w, '{');
    json_put_string(x->w, "type", STR("input_image"));
    json_put_string(x->w, "image_url", attachment_url(x->n, b));
    json_close(x->w, '}');
}

static void put_file_part(const struct writing *x, const struct block *b)
{
    json_open(x->w, '{');
    json_put_string(x->w, "type", STR("input_file"));
    if (b->url.len) {
        json_put_string(x->w, "file_url", b->url);
    } else {
        json_put_string(x->w, "filename", b->text.len ? b->text : STR("document.pdf"));
        json_put_string(x->w, "file_data", attachment_url(x->n, b));
    }
    json_close(x->w, '}');
}

static void put_input_parts(const struct writing *x, const struct block *first)
{
    json_open(x->w, '[');
    for (const struct block *b = first; b; b = b->next) {
        struct str note = attachment_note(x->n, x->q, true, b);
        if (note.len || b->kind == BLOCK_TEXT)
            put_text_part(x, "input_text", note.len ? note : b->text);
        else if (b->kind == BLOCK_IMAGE)
            put_image_part(x, b);
        else if (b->kind == BLOCK_DOCUMENT)
            put_file_part(x, b);
        if (b->cache_control)
            loss_drop(x->n, "cache_control", STR_NONE, "the provider caches by itself");
    }
    json_close(x->w, ']');
}

static void put_user(const struct writing *x, const struct message *m)
{
    json_open(x->w, '{');
    json_put_string(x->w, "type", STR("message"));
    json_put_string(x->w, "role", STR("user"));
    json_key(x->w, "content");
    put_input_parts(x, m->first);
    json_close(x->w, '}');
}

/* Only text in it: one string, which every server takes. */
static void put_result(const struct writing *x, struct message *m)
{
    bool is_text = true;
    neutral_mark_error(x->n, m);
    for (const struct block *b = m->first; b; b = b->next)
        is_text &= b->kind == BLOCK_TEXT;
    json_open(x->w, '{');
    json_put_string(x->w, "type", STR("function_call_output"));
    json_put_string(x->w, "call_id", m->tool_id);
    json_key(x->w, "output");
    if (is_text)
        json_string(x->w, neutral_text_of(x->n, m->first, STR("\n")));
    else
        put_input_parts(x, m->first);
    json_close(x->w, '}');
}

static void put_reasoning_item(const struct writing *x, const struct block *b)
{
    struct envelope e;
    if (!envelope_open(x->n->arena, b->signature, &e) || e.kind != ENVELOPE_ENCRYPTED ||
        e.origin != x->a->origin || !e.payload.len) {
        loss_drop(x->n, "messages[].content[].thinking", STR_NONE,
                  "this provider takes only its own thinking back");
        return;
    }
    json_open(x->w, '{');
    json_put_string(x->w, "type", STR("reasoning"));
    json_put_raw(x->w, "summary", STR("[]"));
    json_put_string(x->w, "encrypted_content", e.payload);
    json_close(x->w, '}');
}

static void put_call(const struct writing *x, const struct block *b)
{
    json_open(x->w, '{');
    json_put_string(x->w, "type", STR("function_call"));
    json_put_string(x->w, "call_id", b->id);
    json_put_string(x->w, "name", tool_names_send(x->a->names, x->n, b->name));
    json_put_string(x->w, "arguments", b->json);
    json_close(x->w, '}');
}

/* A run of text blocks is one message. Returns the first block behind it. */
static const struct block *put_said(const struct writing *x, const struct block *b)
{
    json_open(x->w, '{');
    json_put_string(x->w, "type", STR("message"));
    json_put_string(x->w, "role", STR("assistant"));
    json_key(x->w, "content");
    json_open(x->w, '[');
    for (; b && b->kind != BLOCK_THINKING && b->kind != BLOCK_TOOL_USE; b = b->next) {
        struct str note = attachment_note(x->n, x->q, false, b);
        put_text_part(x, "output_text", note.len ? note : b->text);
    }
    json_close(x->w, ']');
    json_close(x->w, '}');
    return b;
}

static void put_assistant(const struct writing *x, const struct message *m)
{
    for (const struct block *b = m->first; b;) {
        if (b->kind != BLOCK_THINKING && b->kind != BLOCK_TOOL_USE) {
            b = put_said(x, b);
            continue;
        }
        if (b->kind == BLOCK_THINKING)
            put_reasoning_item(x, b);
        else
            put_call(x, b);
        b = b->next;
    }
}

static void put_input(const struct writing *x)
{
    json_key(x->w, "input");
    json_open(x->w, '[');
    for (struct message *m = x->n->first; m; m = m->next) {
        if (m->role == ROLE_ASSISTANT && !m->next && has(x, QUIRK_NO_PREFILL))
            loss_drop(x->n, "messages[]", STR("assistant"), "the provider continues no message");
        else if (m->role == ROLE_ASSISTANT)
            put_assistant(x, m);
        else if (m->role == ROLE_TOOL)
            put_result(x, m);
        else
            put_user(x, m);
    }
    json_close(x->w, ']');
}

static void put_function(const struct writing *x, const struct tool *t)
{
    json_open(x->w, '{');
    json_put_string(x->w, "type", STR("function"));
    json_put_string(x->w, "name", t->sent_name);
    json_put_string(x->w, "description", t->description);
    json_key(x->w, "parameters");
    if (t->schema_text.len)
        json_raw(x->w, t->schema_text);
    else
        schema_write(x->w, t->schema, SCHEMA_USUAL, x->n->losses, t->name);
    json_put_bool(x->w, "strict", t->is_strict); /* true where it is left out */
    json_close(x->w, '}');
    if (t->cache_control)
        loss_drop(x->n, "cache_control", STR_NONE, "the provider caches by itself");
}

static void put_web_search(const struct writing *x, const struct tool *t)
{
    yyjson_val *allowed = yyjson_obj_get(t->source, "allowed_domains");
    yyjson_val *place = yyjson_obj_get(t->source, "user_location");
    json_open(x->w, '{');
    json_put_string(x->w, "type", STR("web_search"));
    if (yyjson_arr_size(allowed)) {
        json_key(x->w, "filters");
        json_open(x->w, '{');
        json_put_value(x->w, "allowed_domains", allowed);
        json_close(x->w, '}');
    }
    if (yyjson_is_obj(place))
        json_put_value(x->w, "user_location", place);
    json_close(x->w, '}');
    if (yyjson_arr_size(yyjson_obj_get(t->source, "blocked_domains")))
        loss_drop(x->n, "tools[].blocked_domains", STR_NONE, "the provider can only allow domains");
    if (yyjson_obj_get(t->source, "max_uses"))
        loss_drop(x->n, "tools[].max_uses", STR_NONE, "the provider counts searches by itself");
}

static void put_named_tool(const struct writing *x, const struct tool *t)
{
    bool is_search = t->kind == TOOL_WEB_SEARCH;
    json_open(x->w, '{');
    json_put_string(x->w, "type", is_search ? STR("web_search") : STR("function"));
    if (!is_search)
        json_put_string(x->w, "name", t->sent_name);
    json_close(x->w, '}');
}

static void put_tools(const struct writing *x)
{
    if (!x->n->tools)
        return;
    json_key(x->w, "tools");
    json_open(x->w, '[');
    for (const struct tool *t = x->n->tools; t; t = t->next) {
        if (t->kind == TOOL_WEB_SEARCH)
            put_web_search(x, t);
        else
            put_function(x, t);
    }
    json_close(x->w, ']');
    openai_put_tool_choice(x, neutral_find_tool(x->n, x->n->choice_name), put_named_tool);
}

/* True: it is asked for, and what it leaves behind is wanted back. */
static bool put_reasoning(const struct writing *x)
{
    enum effort e = neutral_effort(x->n);
    if (e == EFFORT_COUNT)
        return false;
    if (has(x, QUIRK_NO_REASONING) || x->q->style == REASONING_NONE) {
        if (e != EFFORT_OFF)
            loss_drop(x->n, "thinking", STR_NONE, "the provider cannot be asked to reason");
        return false;
    }
    bool is_off = e == EFFORT_OFF;
    if (is_off && !(x->q->efforts & (1u << EFFORT_OFF | 1u << EFFORT_MINIMAL)))
        return false; /* it knows no "off": nothing is said */
    if (is_off && !(x->q->efforts & 1u << EFFORT_OFF))
        e = EFFORT_MINIMAL;
    json_key(x->w, "reasoning");
    json_open(x->w, '{');
    json_put_string(x->w, "effort", str_of(effort_name(is_off ? e : quirks_effort(x->q, e))));
    if (!is_off && !has(x, QUIRK_NO_SUMMARY))
        json_put_string(x->w, "summary", STR("auto"));
    json_close(x->w, '}');
    return !is_off;
}

static void put_include(const struct writing *x, bool reasons)
{
    bool searches = false;
    for (const struct tool *t = x->n->tools; t; t = t->next)
        searches |= t->kind == TOOL_WEB_SEARCH;
    if (!reasons && !searches)
        return;
    json_key(x->w, "include");
    json_open(x->w, '[');
    if (reasons)
        json_string(x->w, STR("reasoning.encrypted_content"));
    if (searches)
        json_string(x->w, STR("web_search_call.action.sources"));
    json_close(x->w, ']');
}

static void put_sampling(const struct writing *x)
{
    struct str most = neutral_max_tokens(x->n, x->q);
    uint64_t wanted;
    if (str_to_u64(most, &wanted) && wanted < OUTPUT_TOKENS_MIN) {
        loss_report_note(x->n->losses, LOSS_KIND_APPROXIMATED, STR("max_tokens"), most,
                         "the provider answers with 16 tokens at least");
        most = STR("16");
    }
    if (most.len && !has(x, QUIRK_NO_MAX_TOKENS))
        json_put_raw(x->w, "max_output_tokens", most);
    openai_put_number(x, "temperature", x->n->temperature, has(x, QUIRK_NO_TEMPERATURE));
    openai_put_number(x, "top_p", x->n->top_p, has(x, QUIRK_NO_TOP_P));
    openai_put_number(x, "top_k", x->n->top_k, true);
}

static void put_format(const struct writing *x)
{
    struct neutral *n = x->n;
    if (!n->format_schema && !n->wants_json)
        return;
    json_key(x->w, "text");
    json_open(x->w, '{');
    json_key(x->w, "format");
    json_open(x->w, '{');
    if (n->format_schema) {
        json_put_string(x->w, "type", STR("json_schema"));
        json_put_string(x->w, "name", n->format_name.len ? n->format_name : STR("answer"));
        json_put_value(x->w, "schema", n->format_schema);
        json_put_bool(x->w, "strict", false);
    } else {
        json_put_string(x->w, "type", STR("json_object"));
    }
    json_close(x->w, '}');
    json_close(x->w, '}');
}

enum err responses_request_write(const struct asking *a, struct buf *out)
{
    struct json_writer w = {.out = out};
    const struct writing x = {a, a->n, a->quirks, &w};
    struct str system = neutral_text_of(a->n, a->n->system, STR("\n\n"));
    json_open(&w, '{');
    json_put_string(&w, "model", a->model);
    if (system.len)
        json_put_string(&w, "instructions", system);
    for (const struct block *b = a->n->system; b; b = b->next)
        if (b->cache_control)
            loss_drop(a->n, "cache_control", STR_NONE, "the provider caches by itself");
    put_input(&x);
    put_sampling(&x);
    put_tools(&x);
    put_include(&x, put_reasoning(&x));
    put_format(&x);
    json_put_bool(&w, "store", false);
    openai_put_cache_key(&x);
    if (a->is_stream)
        json_put_bool(&w, "stream", true);
    json_close(&w, '}');
    return w.err;
}

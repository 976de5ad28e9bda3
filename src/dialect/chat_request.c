/*
 * chat_request.c — writes a request in OpenAI's Chat Completions language, as plain as possible:
 * what many servers speak. What a server wants otherwise is a quirk (quirks.def).
 */
#include "dialect/language.h"

#include "dialect/attachment.h"
#include "dialect/envelope.h"
#include "dialect/openai_members.h"
#include "dialect/tool_schema.h"

static void put_cache_control(const struct writing *x, yyjson_val *cache_control)
{
    if (!cache_control)
        return;
    if (has(x, QUIRK_CACHE_CONTROL))
        json_put_value(x->w, "cache_control", cache_control);
    else
        loss_drop(x->n, "cache_control", STR_NONE, "the provider caches by itself, or not at all");
}

static void put_text_part(const struct writing *x, struct str text, yyjson_val *cache_control)
{
    json_open(x->w, '{');
    json_put_string(x->w, "type", STR("text"));
    json_put_string(x->w, "text", text);
    put_cache_control(x, cache_control);
    json_close(x->w, '}');
}

static struct str note_for(const struct writing *x, const struct block *b)
{
    return attachment_note(x->n, x->q, has(x, QUIRK_FILES), b);
}

static void put_image_part(const struct writing *x, const struct block *b)
{
    json_open(x->w, '{');
    json_put_string(x->w, "type", STR("image_url"));
    json_key(x->w, "image_url");
    json_open(x->w, '{');
    json_put_string(x->w, "url", attachment_url(x->n, b));
    json_close(x->w, '}');
    put_cache_control(x, b->cache_control);
    json_close(x->w, '}');
}

static void put_file_part(const struct writing *x, const struct block *b)
{
    json_open(x->w, '{');
    json_put_string(x->w, "type", STR("file"));
    json_key(x->w, "file");
    json_open(x->w, '{');
    json_put_string(x->w, "filename", b->text.len ? b->text : STR("document.pdf"));
    json_put_string(x->w, "file_data", attachment_url(x->n, b));
    json_close(x->w, '}');
    json_close(x->w, '}');
}

static void put_part(const struct writing *x, const struct block *b)
{
    struct str note = note_for(x, b);
    if (note.len)
        put_text_part(x, note, NULL);
    else if (b->kind == BLOCK_TEXT)
        put_text_part(x, b->text, b->cache_control);
    else if (b->kind == BLOCK_IMAGE)
        put_image_part(x, b);
    else if (b->kind == BLOCK_DOCUMENT)
        put_file_part(x, b);
}

static bool wants_parts(const struct writing *x, const struct block *first)
{
    if (has(x, QUIRK_STRING_CONTENT))
        return false;
    if (has(x, QUIRK_PART_TEXT))
        return true;
    for (const struct block *b = first; b; b = b->next)
        if ((b->kind == BLOCK_IMAGE && !has(x, QUIRK_NO_IMAGES)) ||
            (b->kind == BLOCK_DOCUMENT && has(x, QUIRK_FILES)) ||
            (b->cache_control && has(x, QUIRK_CACHE_CONTROL)))
            return true;
    return false;
}

/* One string where it is text only: every server takes that. */
static void put_content(const struct writing *x, struct block *first, struct str glue)
{
    json_key(x->w, "content");
    if (wants_parts(x, first)) {
        json_open(x->w, '[');
        for (const struct block *b = first; b; b = b->next)
            put_part(x, b);
        json_close(x->w, ']');
        return;
    }
    bool is_first = true;
    json_string_begin(x->w);
    for (const struct block *b = first; b; b = b->next) {
        struct str text = b->kind == BLOCK_TEXT ? b->text : note_for(x, b);
        if (b->cache_control && !has(x, QUIRK_CACHE_CONTROL))
            loss_drop(x->n, "cache_control", STR_NONE,
                      "the provider caches by itself, or not at all");
        if (!text.len)
            continue;
        if (!is_first)
            json_string_piece(x->w, glue);
        is_first = false;
        json_string_piece(x->w, text);
    }
    json_string_end(x->w);
}

static void put_system(const struct writing *x)
{
    struct neutral *n = x->n;
    struct block *last = n->system_last, extra = {.kind = BLOCK_TEXT};
    if (n->format_schema && has(x, QUIRK_NO_RESPONSE_SCHEMA)) {
        extra.text = neutral_format_order(n);
        if (last)
            last->next = &extra;
        else
            n->system = &extra;
    }
    if (n->system) {
        json_open(x->w, '{');
        json_put_string(x->w, "role", STR("system"));
        put_content(x, n->system, STR("\n\n"));
        json_close(x->w, '}');
    }
    if (last)
        last->next = NULL;
    else
        n->system = NULL;
}

/* The text of all thinking of a message, for providers that want it back. */
static void put_reasoning_content(const struct writing *x, const struct message *m, bool has_calls)
{
    bool is_first = true;
    for (const struct block *b = m->first; b; b = b->next) {
        if (b->kind != BLOCK_THINKING || !b->text.len)
            continue;
        if (is_first) {
            json_key(x->w, "reasoning_content");
            json_string_begin(x->w);
        } else {
            json_string_piece(x->w, STR("\n\n"));
        }
        is_first = false;
        json_string_piece(x->w, b->text);
    }
    if (!is_first)
        json_string_end(x->w);
    else if (has_calls) /* its absence is refused */
        json_put_string(x->w, "reasoning_content", STR(""));
}

/* reasoning_details as they came, of all thinking blocks that are this provider's. */
static bool put_reasoning_details(const struct writing *x, const struct message *m)
{
    bool is_first = true;
    for (const struct block *b = m->first; b; b = b->next) {
        struct envelope e;
        if (b->kind != BLOCK_THINKING || !envelope_open(x->n->arena, b->signature, &e) ||
            e.kind != ENVELOPE_DETAILS || e.origin != x->a->origin || e.payload.len < 3)
            continue;
        if (is_first) {
            json_key(x->w, "reasoning_details");
            json_open(x->w, '[');
        }
        is_first = false;
        json_raw(x->w, str_make(e.payload.ptr + 1, e.payload.len - 2));
    }
    if (!is_first)
        json_close(x->w, ']');
    return !is_first;
}

static void put_reasoning(const struct writing *x, const struct message *m, bool has_calls)
{
    if (has(x, QUIRK_REASONING_DETAILS) && put_reasoning_details(x, m))
        return;
    if (has(x, QUIRK_REASONING_CONTENT)) {
        put_reasoning_content(x, m, has_calls);
        return;
    }
    for (const struct block *b = m->first; b; b = b->next)
        if (b->kind == BLOCK_THINKING)
            loss_drop(x->n, "messages[].content[].thinking", STR_NONE,
                      "this provider takes no thinking back, or not another's");
}

/* Gemini's signature, on its endpoint for OpenAI clients. */
static void put_thought(const struct writing *x, struct str thought)
{
    if (!thought.len && has(x, QUIRK_THOUGHT_MARK))
        thought = THOUGHT_UNCHECKED;
    if (!thought.len)
        return;
    json_key(x->w, "extra_content");
    json_open(x->w, '{');
    json_key(x->w, "google");
    json_open(x->w, '{');
    json_put_string(x->w, "thought_signature", thought);
    json_close(x->w, '}');
    json_close(x->w, '}');
}

static void put_tool_call(const struct writing *x, const struct block *b, struct str thought)
{
    json_open(x->w, '{');
    json_put_string(x->w, "id", b->id);
    json_put_string(x->w, "type", STR("function"));
    json_key(x->w, "function");
    json_open(x->w, '{');
    json_put_string(x->w, "name", tool_names_send(x->a->names, x->n, b->name));
    json_put_string(x->w, "arguments", b->json);
    json_close(x->w, '}');
    put_thought(x, thought);
    json_close(x->w, '}');
}

/* A call's thought signature is that of the thinking right before it. */
static void put_tool_calls(const struct writing *x, const struct message *m)
{
    struct str thought = STR_NONE;
    json_key(x->w, "tool_calls");
    json_open(x->w, '[');
    for (const struct block *b = m->first; b; b = b->next) {
        if (b->kind == BLOCK_TOOL_USE)
            put_tool_call(x, b, thought);
        thought = b->kind == BLOCK_THINKING
                      ? envelope_thought(x->n->arena, b->signature, x->a->origin)
                      : STR_NONE;
    }
    json_close(x->w, ']');
}

static void put_assistant(const struct writing *x, const struct message *m)
{
    bool has_calls = false, has_text = false;
    for (const struct block *b = m->first; b; b = b->next) {
        has_calls |= b->kind == BLOCK_TOOL_USE;
        has_text |= b->kind != BLOCK_TOOL_USE && b->kind != BLOCK_THINKING;
    }
    if (!has_calls && !has_text && !has(x, QUIRK_REASONING_CONTENT) &&
        !has(x, QUIRK_REASONING_DETAILS)) {
        put_reasoning(x, m, false); /* only says what is lost */
        return;
    }
    json_open(x->w, '{');
    json_put_string(x->w, "role", STR("assistant"));
    put_content(x, m->first, STR("\n\n"));
    put_reasoning(x, m, has_calls);
    if (has_calls)
        put_tool_calls(x, m);
    json_close(x->w, '}');
}

static void put_tool_result(const struct writing *x, struct message *m)
{
    neutral_mark_error(x->n, m);
    json_open(x->w, '{');
    json_put_string(x->w, "role", STR("tool"));
    json_put_string(x->w, "tool_call_id", m->tool_id);
    put_content(x, m->first, STR("\n"));
    json_close(x->w, '}');
}

static void put_messages(const struct writing *x)
{
    json_key(x->w, "messages");
    json_open(x->w, '[');
    put_system(x);
    for (struct message *m = x->n->first; m; m = m->next) {
        if (m->role == ROLE_ASSISTANT && !m->next && has(x, QUIRK_NO_PREFILL)) {
            loss_drop(x->n, "messages[]", STR("assistant"), "the provider continues no message");
            break;
        }
        if (m->role == ROLE_ASSISTANT) {
            put_assistant(x, m);
        } else if (m->role == ROLE_TOOL) {
            put_tool_result(x, m);
        } else {
            json_open(x->w, '{');
            json_put_string(x->w, "role", STR("user"));
            put_content(x, m->first, STR("\n\n"));
            json_close(x->w, '}');
        }
    }
    json_close(x->w, ']');
}

static void put_tool(const struct writing *x, const struct tool *t)
{
    json_open(x->w, '{');
    json_put_string(x->w, "type", STR("function"));
    json_key(x->w, "function");
    json_open(x->w, '{');
    json_put_string(x->w, "name", t->sent_name);
    json_put_string(x->w, "description", t->description);
    json_key(x->w, "parameters");
    if (t->schema_text.len)
        json_raw(x->w, t->schema_text);
    else
        schema_write(x->w, t->schema, has(x, QUIRK_GEMINI_SCHEMA) ? SCHEMA_GEMINI : SCHEMA_USUAL,
                     x->n->losses, t->name);
    if (t->is_strict)
        json_put_bool(x->w, "strict", true);
    json_close(x->w, '}');
    put_cache_control(x, t->cache_control);
    json_close(x->w, '}');
}

static void put_named_tool(const struct writing *x, const struct tool *t)
{
    json_open(x->w, '{');
    json_put_string(x->w, "type", STR("function"));
    json_key(x->w, "function");
    json_open(x->w, '{');
    json_put_string(x->w, "name", t->sent_name);
    json_close(x->w, '}');
    json_close(x->w, '}');
}

static void put_tools(const struct writing *x)
{
    size_t functions = 0;
    for (const struct tool *t = x->n->tools; t; t = t->next) {
        functions += t->kind == TOOL_FUNCTION;
        if (t->kind != TOOL_WEB_SEARCH)
            continue;
        if (has(x, QUIRK_WEB_PLUGIN))
            json_put_raw(x->w, "plugins", STR("[{\"id\":\"web\"}]"));
        else
            loss_drop(x->n, "tools[]", t->name, "the provider has no web search");
    }
    if (!functions)
        return; /* an empty list is refused by some, and a choice without tools by most */
    json_key(x->w, "tools");
    json_open(x->w, '[');
    for (const struct tool *t = x->n->tools; t; t = t->next)
        if (t->kind == TOOL_FUNCTION)
            put_tool(x, t);
    json_close(x->w, ']');
    const struct tool *named = neutral_find_tool(x->n, x->n->choice_name);
    bool is_function = named && named->kind == TOOL_FUNCTION;
    openai_put_tool_choice(x, is_function ? named : NULL, put_named_tool);
}

static void put_type(const struct writing *x, const char *key, const char *type)
{
    json_key(x->w, key);
    json_open(x->w, '{');
    json_put_string(x->w, "type", str_of(type));
    json_close(x->w, '}');
}

static void put_openrouter(const struct writing *x, enum effort e)
{
    json_key(x->w, "reasoning");
    json_open(x->w, '{');
    if (e == EFFORT_OFF)
        json_put_bool(x->w, "enabled", false);
    else if (x->n->thinking == THINKING_BUDGET && !x->n->has_effort)
        json_put_int(x->w, "max_tokens", x->n->thinking_budget);
    else
        json_put_string(x->w, "effort", str_of(effort_name(quirks_effort(x->q, e))));
    json_close(x->w, '}');
}

static void put_qwen(const struct writing *x, enum effort e)
{
    json_put_bool(x->w, "enable_thinking", e != EFFORT_OFF);
    if (e != EFFORT_OFF && x->n->thinking_budget > 0)
        json_put_int(x->w, "thinking_budget", x->n->thinking_budget);
}

static void put_effort(const struct writing *x, enum effort e)
{
    bool is_off = e == EFFORT_OFF;
    bool has_tools = x->n->tools != NULL;
    bool knows_off = x->q->efforts & 1u << EFFORT_OFF;
    if (has_tools && has(x, QUIRK_NO_EFFORT_WITH_TOOLS)) {
        json_put_string(x->w, "reasoning_effort", STR("none"));
        loss_report_note(x->n->losses, LOSS_KIND_APPROXIMATED, STR("thinking"), STR_NONE,
                         "with tools this endpoint does not reason");
        return;
    }
    if (e == EFFORT_COUNT)
        return;
    if (!is_off)
        json_put_string(x->w, "reasoning_effort", str_of(effort_name(quirks_effort(x->q, e))));
    else if (knows_off)
        json_put_string(x->w, "reasoning_effort", STR("none"));
    else if (x->q->efforts & 1u << EFFORT_MINIMAL)
        json_put_string(x->w, "reasoning_effort", STR("minimal"));
}

static void put_thinking(const struct writing *x)
{
    enum effort e = neutral_effort(x->n);
    bool is_said = e != EFFORT_COUNT;
    if (has(x, QUIRK_NO_REASONING) || x->q->style == REASONING_NONE) {
        if (is_said && e != EFFORT_OFF)
            loss_drop(x->n, "thinking", STR_NONE, "the provider cannot be asked to reason");
        return;
    }
    if (x->q->style == REASONING_EFFORT) {
        put_effort(x, e);
    } else if (!is_said) {
        return;
    } else if (x->q->style == REASONING_OPENROUTER) {
        put_openrouter(x, e);
    } else if (x->q->style == REASONING_QWEN) {
        put_qwen(x, e);
    } else {
        put_type(x, "thinking", e == EFFORT_OFF ? "disabled" : "enabled");
        if (x->q->style == REASONING_DEEPSEEK && e != EFFORT_OFF && x->n->has_effort)
            json_put_string(x->w, "reasoning_effort", e >= EFFORT_XHIGH ? STR("max") : STR("high"));
    }
}

static void put_sampling(const struct writing *x)
{
    struct str max_tokens = neutral_max_tokens(x->n, x->q);
    if (max_tokens.len && !has(x, QUIRK_NO_MAX_TOKENS))
        json_put_raw(x->w,
                     has(x, QUIRK_MAX_COMPLETION_TOKENS) ? "max_completion_tokens" : "max_tokens",
                     max_tokens);
    openai_put_number(x, "temperature", x->n->temperature, has(x, QUIRK_NO_TEMPERATURE));
    openai_put_number(x, "top_p", x->n->top_p, has(x, QUIRK_NO_TOP_P));
    openai_put_number(x, "top_k", x->n->top_k, !has(x, QUIRK_TOP_K));
    openai_put_number(x, "seed", x->n->seed, false);
}

static void put_format(const struct writing *x)
{
    struct neutral *n = x->n;
    if (n->format_schema && !has(x, QUIRK_NO_RESPONSE_SCHEMA)) {
        json_key(x->w, "response_format");
        json_open(x->w, '{');
        json_put_string(x->w, "type", STR("json_schema"));
        json_key(x->w, "json_schema");
        json_open(x->w, '{');
        json_put_string(x->w, "name", n->format_name.len ? n->format_name : STR("answer"));
        json_key(x->w, "schema");
        json_value(x->w, n->format_schema);
        json_put_bool(x->w, "strict", false);
        json_close(x->w, '}');
        json_close(x->w, '}');
    } else if (n->format_schema || n->wants_json) {
        put_type(x, "response_format", "json_object");
    }
}

enum err chat_request_write(const struct asking *a, struct buf *out)
{
    struct json_writer w = {.out = out};
    const struct writing x = {a, a->n, a->quirks, &w};
    if (!has(&x, QUIRK_TOOL_IMAGES))
        neutral_hoist_images(a->n);
    if (has(&x, QUIRK_ALTERNATE))
        neutral_merge_neighbours(a->n);
    json_open(&w, '{');
    json_put_string(&w, "model", a->model);
    put_messages(&x);
    put_sampling(&x);
    put_tools(&x);
    put_thinking(&x);
    put_format(&x);
    openai_put_cache_key(&x);
    if (a->is_stream) {
        json_put_bool(&w, "stream", true);
        if (!has(&x, QUIRK_NO_STREAM_OPTIONS))
            json_put_raw(&w, "stream_options", STR("{\"include_usage\":true}"));
    }
    json_close(&w, '}');
    return w.err;
}

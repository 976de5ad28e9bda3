/*
 * gemini_request.c — writes a request in Gemini's own language (ai.google.dev/api/generate-content).
 *
 * Calls have no ids there: a result names its function, in the order of the calls. A thought
 * signature belongs to the part behind the thinking it came with.
 */
#include "dialect/language.h"

#include "dialect/attachment.h"
#include "dialect/envelope.h"
#include "dialect/tool_schema.h"
#include "dialect/writing.h"

enum { BUDGET_MAX = 24576 /* tokens of thinking that every model with a budget takes */ };

static void put_text_part(const struct writing *x, struct str text, struct str thought)
{
    if (!text.len)
        return; /* an empty part is refused */
    json_open(x->w, '{');
    json_put_string(x->w, "text", text);
    if (thought.len)
        json_put_string(x->w, "thoughtSignature", thought);
    json_close(x->w, '}');
}

static void put_data_part(const struct writing *x, const struct block *b)
{
    json_open(x->w, '{');
    json_key(x->w, "inlineData");
    json_open(x->w, '{');
    json_put_string(x->w, "mimeType", b->media_type);
    json_put_string(x->w, "data", b->data);
    json_close(x->w, '}');
    json_close(x->w, '}');
}

static void put_call_part(const struct writing *x, const struct block *b, struct str thought)
{
    json_open(x->w, '{');
    json_key(x->w, "functionCall");
    json_open(x->w, '{');
    json_put_string(x->w, "name", tool_names_send(x->a->names, x->n, b->name));
    json_put_raw(x->w, "args", b->json);
    json_close(x->w, '}');
    if (thought.len)
        json_put_string(x->w, "thoughtSignature", thought);
    json_close(x->w, '}');
}

/* It fetches nothing from the web: what is only an address is said as one. */
static struct str address_note(const struct writing *x, const struct block *b)
{
    const char *what = b->kind == BLOCK_IMAGE ? "image" : "document";
    if (b->data.len || !b->url.len)
        return STR_NONE;
    loss_drop(x->n,
              b->kind == BLOCK_IMAGE ? "messages[].content[].image"
                                     : "messages[].content[].document",
              b->url, "the provider takes bytes only, no address");
    return arena_printf(x->n->arena, "[%s at %.*s]", what, STR_ARGS(str_head(b->url, 2000)));
}

static void put_part(const struct writing *x, const struct block *b, struct str thought)
{
    struct str note = attachment_note(x->n, x->q, true, b);
    if (!note.len)
        note = address_note(x, b);
    if (note.len || b->kind == BLOCK_TEXT)
        put_text_part(x, note.len ? note : b->text, thought);
    else
        put_data_part(x, b);
    if (b->cache_control)
        loss_drop(x->n, "cache_control", STR_NONE, "the provider caches by itself");
}

static void content_open(const struct writing *x, const char *role)
{
    json_open(x->w, '{');
    json_put_string(x->w, "role", str_of(role));
    json_key(x->w, "parts");
    json_open(x->w, '[');
}

static void content_close(const struct writing *x)
{
    json_close(x->w, ']');
    json_close(x->w, '}');
}

static void put_user(const struct writing *x, const struct message *m)
{
    content_open(x, "user");
    for (const struct block *b = m->first; b; b = b->next)
        put_part(x, b, STR_NONE);
    content_close(x);
}

static bool says_something(const struct message *m)
{
    for (const struct block *b = m->first; b; b = b->next)
        if (b->kind != BLOCK_THINKING && (b->kind != BLOCK_TEXT || b->text.len))
            return true;
    return false;
}

/* Only the first of several calls has a signature, and needs one. */
static void put_model(const struct writing *x, const struct message *m)
{
    struct str thought = STR_NONE;
    bool has_called = false;
    if (!says_something(m))
        return;
    content_open(x, "model");
    for (const struct block *b = m->first; b; b = b->next) {
        if (b->kind == BLOCK_THINKING) {
            thought = envelope_thought(x->n->arena, b->signature, x->a->origin);
            if (!thought.len)
                loss_drop(x->n, "messages[].content[].thinking", STR_NONE,
                          "this provider takes only its own thinking back");
            continue;
        }
        if (b->kind == BLOCK_TOOL_USE) {
            bool is_marked = !thought.len && !has_called && has(x, QUIRK_THOUGHT_MARK);
            put_call_part(x, b, is_marked ? THOUGHT_UNCHECKED : thought);
            has_called = true;
        } else {
            put_part(x, b, thought);
        }
        thought = STR_NONE;
    }
    content_close(x);
}

static void put_result(const struct writing *x, struct message *m)
{
    struct str text = neutral_text_of(x->n, m->first, STR("\n"));
    json_open(x->w, '{');
    json_key(x->w, "functionResponse");
    json_open(x->w, '{');
    json_put_string(x->w, "name", tool_names_send(x->a->names, x->n, m->tool_name));
    json_key(x->w, "response");
    json_open(x->w, '{');
    json_put_string(x->w, m->is_error ? "error" : "result", text);
    json_close(x->w, '}');
    json_close(x->w, '}');
    json_close(x->w, '}');
}

/* All results of one turn are one content, in the order of the calls: two of one function are told
 * apart by nothing else. Returns the last of them. */
static struct message *put_results(const struct writing *x, const struct message *calls,
                                   struct message *first)
{
    struct message *last = first, *at = first;
    while (last->next && last->next->role == ROLE_TOOL)
        last = last->next;
    content_open(x, "user");
    for (const struct block *b = calls ? calls->first : NULL; b; b = b->next) {
        struct message *start = at; /* where the last was found: mostly they come in order */
        while (b->kind == BLOCK_TOOL_USE && !str_equal(at->tool_id, b->id)) {
            at = at == last ? first : at->next;
            if (at == start)
                break;
        }
        if (b->kind == BLOCK_TOOL_USE && str_equal(at->tool_id, b->id))
            put_result(x, at);
    }
    content_close(x);
    return last;
}

static void put_contents(const struct writing *x)
{
    const struct message *calls = NULL;
    json_key(x->w, "contents");
    json_open(x->w, '[');
    for (struct message *m = x->n->first; m; m = m->next) {
        if (m->role == ROLE_TOOL) {
            m = put_results(x, calls, m);
        } else if (m->role == ROLE_USER) {
            put_user(x, m);
        } else {
            put_model(x, m);
            calls = m;
        }
    }
    json_close(x->w, ']');
}

static void put_system(const struct writing *x)
{
    if (!x->n->system)
        return;
    json_key(x->w, "systemInstruction");
    json_open(x->w, '{');
    json_key(x->w, "parts");
    json_open(x->w, '[');
    for (const struct block *b = x->n->system; b; b = b->next)
        put_part(x, b, STR_NONE);
    json_close(x->w, ']');
    json_close(x->w, '}');
}

static void put_function(const struct writing *x, const struct tool *t)
{
    bool is_empty =
        !t->schema_text.len && !yyjson_obj_size(yyjson_obj_get(t->schema, "properties"));
    json_open(x->w, '{');
    json_put_string(x->w, "name", t->sent_name);
    json_put_string(x->w, "description", t->description);
    if (!is_empty) { /* an object of no properties is refused */
        json_key(x->w, "parameters");
        if (t->schema_text.len)
            json_raw(x->w, t->schema_text);
        else
            schema_write(x->w, t->schema, SCHEMA_GEMINI, x->n->losses, t->name);
    }
    json_close(x->w, '}');
    if (t->cache_control)
        loss_drop(x->n, "cache_control", STR_NONE, "the provider caches by itself");
}

static void put_tool_config(const struct writing *x)
{
    static const char *const modes[] = {[CHOICE_UNSET] = NULL,
                                        [CHOICE_AUTO] = "AUTO",
                                        [CHOICE_ANY] = "ANY",
                                        [CHOICE_NONE] = "NONE",
                                        [CHOICE_TOOL] = "ANY"};
    const struct tool *t = neutral_find_tool(x->n, x->n->choice_name);
    const char *mode = modes[x->n->choice];
    if (x->n->is_serial)
        loss_drop(x->n, "tool_choice.disable_parallel_tool_use", STR_NONE,
                  "the provider decides how many calls it makes at once");
    if (!mode)
        return;
    json_key(x->w, "toolConfig");
    json_open(x->w, '{');
    json_key(x->w, "functionCallingConfig");
    json_open(x->w, '{');
    json_put_string(x->w, "mode", str_of(mode));
    if (x->n->choice == CHOICE_TOOL && t) {
        json_key(x->w, "allowedFunctionNames");
        json_open(x->w, '[');
        json_string(x->w, t->sent_name);
        json_close(x->w, ']');
    }
    json_close(x->w, '}');
    json_close(x->w, '}');
}

/* Search and functions exclude each other in one request. */
static void put_tools(const struct writing *x)
{
    const struct tool *search = NULL;
    size_t functions = 0;
    for (const struct tool *t = x->n->tools; t; t = t->next) {
        functions += t->kind == TOOL_FUNCTION;
        if (t->kind == TOOL_WEB_SEARCH)
            search = t;
    }
    if (search && functions)
        loss_drop(x->n, "tools[]", search->name, "the provider searches only where no function is");
    if (!functions) {
        if (search)
            json_put_raw(x->w, "tools", STR("[{\"googleSearch\":{}}]"));
        return;
    }
    json_key(x->w, "tools");
    json_open(x->w, '[');
    json_open(x->w, '{');
    json_key(x->w, "functionDeclarations");
    json_open(x->w, '[');
    for (const struct tool *t = x->n->tools; t; t = t->next)
        if (t->kind == TOOL_FUNCTION)
            put_function(x, t);
    json_close(x->w, ']');
    json_close(x->w, '}');
    json_close(x->w, ']');
    put_tool_config(x);
}

static int64_t budget_of(const struct writing *x, enum effort e)
{
    static const int64_t budgets[EFFORT_COUNT] = {0, 512, 1024, 8192, 24576, 24576, 24576};
    if (e == EFFORT_OFF)
        return 0;
    if (x->n->thinking == THINKING_BUDGET && !x->n->has_effort)
        return MIN_OF(x->n->thinking_budget, (int64_t)BUDGET_MAX);
    if (!x->n->has_effort)
        return -1; /* as much as the model likes */
    return budgets[e];
}

static void put_thinking(const struct writing *x)
{
    enum effort e = neutral_effort(x->n);
    if (e == EFFORT_COUNT)
        return;
    if (has(x, QUIRK_NO_REASONING) || x->q->style == REASONING_NONE) {
        if (e != EFFORT_OFF)
            loss_drop(x->n, "thinking", STR_NONE, "the provider cannot be asked to reason");
        return;
    }
    json_key(x->w, "thinkingConfig");
    json_open(x->w, '{');
    if (has(x, QUIRK_THINKING_LEVEL))
        json_put_string(x->w, "thinkingLevel", e <= EFFORT_LOW ? STR("low") : STR("high"));
    else
        json_put_int(x->w, "thinkingBudget", budget_of(x, e));
    if (neutral_wants_thinking(x->n))
        json_put_bool(x->w, "includeThoughts", true);
    json_close(x->w, '}');
}

static void put_number(const struct writing *x, const char *key, struct str number)
{
    if (number.len)
        json_put_raw(x->w, key, number);
}

static void put_config(const struct writing *x)
{
    struct neutral *n = x->n;
    json_key(x->w, "generationConfig");
    json_open(x->w, '{');
    if (!has(x, QUIRK_NO_MAX_TOKENS))
        put_number(x, "maxOutputTokens", neutral_max_tokens(n, x->q));
    put_number(x, "temperature", n->temperature);
    put_number(x, "topP", n->top_p);
    put_number(x, "topK", n->top_k);
    put_number(x, "seed", n->seed);
    if (n->format_schema || n->wants_json)
        json_put_string(x->w, "responseMimeType", STR("application/json"));
    if (n->format_schema && !has(x, QUIRK_NO_RESPONSE_SCHEMA))
        json_put_value(x->w, "responseJsonSchema", n->format_schema);
    put_thinking(x);
    json_close(x->w, '}');
}

enum err gemini_request_write(const struct asking *a, struct buf *out)
{
    struct json_writer w = {.out = out};
    const struct writing x = {a, a->n, a->quirks, &w};
    neutral_hoist_images(a->n);
    json_open(&w, '{');
    put_system(&x);
    put_contents(&x);
    put_tools(&x);
    put_config(&x);
    json_close(&w, '}');
    return w.err;
}

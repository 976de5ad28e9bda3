/*
 * anthropic_request.c — writes a request in Anthropic's language, for clients of another.
 *
 * Thinking goes back only with its signature; where a tool loop has lost it, the request goes
 * without thinking, because Anthropic refuses it otherwise.
 */
#include "dialect/language.h"

#include "dialect/attachment.h"
#include "dialect/envelope.h"
#include "dialect/json_writer.h"
#include "dialect/tool_schema.h"

enum {
    OUTPUT_TOKENS_DEFAULT = 32000, /* the field is required, and the client did not say */
    BUDGET_MIN = 1024              /* tokens; less thinking is refused */
};

struct writing {
    const struct asking *a;
    struct neutral *n;
    const struct quirks *q;
    struct json_writer *w;
    int64_t max_tokens, budget; /* budget 0: no thinking */
};

static bool has(const struct writing *x, enum quirk flag)
{
    return quirks_have(x->q, flag);
}

static void block_open(const struct writing *x, const char *type)
{
    json_open(x->w, '{');
    json_put_string(x->w, "type", str_of(type));
}

static void block_close(const struct writing *x, const struct block *b)
{
    if (b && b->cache_control)
        json_put_value(x->w, "cache_control", b->cache_control);
    json_close(x->w, '}');
}

static bool is_blank(struct str text)
{
    return !json_trim(text).len;
}

static void put_text(const struct writing *x, const struct block *b, struct str text)
{
    if (is_blank(text))
        return; /* refused */
    block_open(x, "text");
    json_put_string(x->w, "text", text);
    block_close(x, b);
}

static void put_source(const struct writing *x, const struct block *b)
{
    json_key(x->w, "source");
    json_open(x->w, '{');
    json_put_string(x->w, "type", b->url.len ? STR("url") : STR("base64"));
    if (b->url.len) {
        json_put_string(x->w, "url", b->url);
    } else {
        json_put_string(x->w, "media_type", b->media_type);
        json_put_string(x->w, "data", b->data);
    }
    json_close(x->w, '}');
}

static void put_said(const struct writing *x, const struct block *b)
{
    struct str note = attachment_note(x->n, x->q, true, b);
    if (note.len || b->kind == BLOCK_TEXT) {
        put_text(x, b, note.len ? note : b->text);
        return;
    }
    block_open(x, b->kind == BLOCK_IMAGE ? "image" : "document");
    put_source(x, b);
    if (b->kind == BLOCK_DOCUMENT && b->text.len)
        json_put_string(x->w, "title", b->text);
    block_close(x, b);
}

/* By Anthropic itself: not by us, for another provider. */
static bool is_signed(const struct block *b)
{
    return b->data.len || (b->signature.len && !envelope_is_ours(b->signature));
}

static void put_thinking_block(const struct writing *x, const struct block *b)
{
    if (!x->budget || !is_signed(b)) {
        loss_drop(x->n, "messages[].reasoning_details", STR_NONE,
                  "the request is without thinking, or it has no signature");
        return;
    }
    block_open(x, b->signature.len ? "thinking" : "redacted_thinking");
    if (b->signature.len) {
        json_put_string(x->w, "thinking", b->text);
        json_put_string(x->w, "signature", b->signature);
    } else {
        json_put_string(x->w, "data", b->data);
    }
    block_close(x, NULL);
}

static void put_tool_use(const struct writing *x, const struct block *b)
{
    block_open(x, "tool_use");
    json_put_string(x->w, "id", b->id);
    json_put_string(x->w, "name", tool_names_send(x->a->names, x->n, b->name));
    json_put_raw(x->w, "input", b->json);
    block_close(x, b);
}

static void put_result(const struct writing *x, const struct message *m)
{
    block_open(x, "tool_result");
    json_put_string(x->w, "tool_use_id", m->tool_id);
    json_key(x->w, "content");
    json_open(x->w, '[');
    for (const struct block *b = m->first; b; b = b->next)
        put_said(x, b);
    json_close(x->w, ']');
    if (m->is_error)
        json_put_bool(x->w, "is_error", true);
    json_close(x->w, '}');
}

static bool says_something(const struct message *m)
{
    for (const struct block *b = m->first; b; b = b->next)
        if (b->kind != BLOCK_TEXT || !is_blank(b->text))
            return true;
    return false;
}

static struct str without_end_space(struct str text)
{
    struct str trimmed = json_trim(text);
    return str_make(text.ptr, (size_t)(trimmed.ptr + trimmed.len - text.ptr));
}

static void put_assistant(const struct writing *x, const struct message *m)
{
    bool is_last = !m->next;
    json_put_string(x->w, "role", STR("assistant"));
    json_key(x->w, "content");
    json_open(x->w, '[');
    for (const struct block *b = m->first; b; b = b->next) {
        if (b->kind == BLOCK_THINKING)
            put_thinking_block(x, b);
        else if (b->kind == BLOCK_TOOL_USE)
            put_tool_use(x, b);
        else if (b->kind == BLOCK_TEXT && is_last && !b->next)
            put_text(x, b, without_end_space(b->text)); /* refused at the very end */
        else
            put_said(x, b);
    }
    json_close(x->w, ']');
}

/* Results and what the user says to them are one message. Returns the last that went into it. */
static const struct message *put_user(const struct writing *x, const struct message *m)
{
    json_put_string(x->w, "role", STR("user"));
    json_key(x->w, "content");
    json_open(x->w, '[');
    for (;; m = m->next) {
        if (m->role == ROLE_TOOL)
            put_result(x, m);
        else
            for (const struct block *b = m->first; b; b = b->next)
                put_said(x, b);
        if (!m->next || m->next->role == ROLE_ASSISTANT)
            break;
    }
    json_close(x->w, ']');
    return m;
}

static void put_messages(const struct writing *x)
{
    json_key(x->w, "messages");
    json_open(x->w, '[');
    if (x->n->first && x->n->first->role == ROLE_ASSISTANT) {
        json_raw(x->w, STR("{\"role\":\"user\",\"content\":\"(The conversation begins with the "
                           "assistant.)\"}"));
        loss_report_note(x->n->losses, LOSS_KIND_APPROXIMATED, STR("messages[]"), STR("assistant"),
                         "the provider wants a user's message first; one was added");
    }
    for (const struct message *m = x->n->first; m; m = m->next) {
        if (m->role != ROLE_TOOL && !says_something(m))
            continue;
        json_open(x->w, '{');
        if (m->role == ROLE_ASSISTANT)
            put_assistant(x, m);
        else
            m = put_user(x, m);
        json_close(x->w, '}');
    }
    json_close(x->w, ']');
}

static void put_system(const struct writing *x)
{
    bool is_said = x->n->format_schema && !has(x, QUIRK_NO_RESPONSE_SCHEMA);
    struct str order = is_said ? STR_NONE : neutral_format_order(x->n);
    if (!x->n->system && !order.len)
        return;
    json_key(x->w, "system");
    json_open(x->w, '[');
    for (const struct block *b = x->n->system; b; b = b->next)
        put_said(x, b);
    put_text(x, NULL, order);
    json_close(x->w, ']');
}

static void put_tools(const struct writing *x)
{
    if (!x->n->tools)
        return;
    json_key(x->w, "tools");
    json_open(x->w, '[');
    for (const struct tool *t = x->n->tools; t; t = t->next) {
        json_open(x->w, '{');
        json_put_string(x->w, "name", t->sent_name);
        json_put_string(x->w, "description", t->description);
        json_key(x->w, "input_schema");
        schema_write(x->w, t->schema, SCHEMA_USUAL, x->n->losses, t->name);
        if (t->cache_control)
            json_put_value(x->w, "cache_control", t->cache_control);
        json_close(x->w, '}');
    }
    json_close(x->w, ']');
}

/* With thinking, no tool can be forced. */
static enum tool_choice choice_of(const struct writing *x)
{
    enum tool_choice choice = x->n->choice;
    if (!x->budget || (choice != CHOICE_ANY && choice != CHOICE_TOOL))
        return choice;
    loss_report_note(x->n->losses, LOSS_KIND_APPROXIMATED, STR("tool_choice"), STR_NONE,
                     "with thinking the model chooses");
    return CHOICE_AUTO;
}

static void put_tool_choice(const struct writing *x)
{
    static const char *const types[] = {"auto", "auto", "any", "none", "tool"};
    const struct tool *t = neutral_find_tool(x->n, x->n->choice_name);
    enum tool_choice choice = choice_of(x);
    if (!x->n->tools || (choice == CHOICE_UNSET && !x->n->is_serial))
        return;
    json_key(x->w, "tool_choice");
    json_open(x->w, '{');
    json_put_string(x->w, "type", str_of(types[choice]));
    if (choice == CHOICE_TOOL && t)
        json_put_string(x->w, "name", t->sent_name);
    if (x->n->is_serial && choice != CHOICE_NONE)
        json_put_bool(x->w, "disable_parallel_tool_use", true);
    json_close(x->w, '}');
}

static void put_stops(const struct writing *x)
{
    if (!x->n->stop_count)
        return;
    json_key(x->w, "stop_sequences");
    json_open(x->w, '[');
    for (size_t i = 0; i < x->n->stop_count; i++)
        if (!is_blank(x->n->stops[i])) /* refused; found in the answer all the same */
            json_string(x->w, x->n->stops[i]);
    json_close(x->w, ']');
}

/* Its scale ends at 1, OpenAI's at 2. */
static void put_temperature(const struct writing *x)
{
    struct str t = x->n->temperature;
    bool is_above = t.len && t.ptr[0] >= '1' && t.ptr[0] <= '9' && !str_equal(t, STR("1"));
    if (!t.len)
        return;
    if (x->budget || has(x, QUIRK_NO_TEMPERATURE)) {
        loss_drop(x->n, "temperature", t, "it is fixed for this model, or with thinking");
        return;
    }
    if (is_above && !str_equal(t, STR("1.0")))
        loss_report_note(x->n->losses, LOSS_KIND_APPROXIMATED, STR("temperature"), t,
                         "the provider's scale ends at 1");
    json_put_raw(x->w, "temperature", is_above ? STR("1") : t);
}

static void put_sampling(const struct writing *x)
{
    put_temperature(x);
    if (x->n->top_p.len && (x->budget || x->n->temperature.len || has(x, QUIRK_NO_TOP_P)))
        loss_drop(x->n, "top_p", x->n->top_p, "not together with temperature or thinking");
    else if (x->n->top_p.len)
        json_put_raw(x->w, "top_p", x->n->top_p);
    if (x->n->top_k.len && !x->budget)
        json_put_raw(x->w, "top_k", x->n->top_k);
    if (x->n->seed.len)
        loss_drop(x->n, "seed", x->n->seed, "the provider has none");
}

/* The last turn is a tool loop whose thinking has not come back. */
static bool has_lost_thinking(const struct neutral *n)
{
    const struct message *last = NULL;
    for (const struct message *m = n->first; m; m = m->next)
        if (m->role == ROLE_ASSISTANT)
            last = m;
    bool is_loop = n->last && n->last->role == ROLE_TOOL;
    return is_loop && last && last->first &&
           !(last->first->kind == BLOCK_THINKING && is_signed(last->first));
}

static void decide_thinking(struct writing *x)
{
    static const int64_t budgets[EFFORT_COUNT] = {0, 1024, 2048, 8192, 24576, 32000, 64000};
    enum effort e = neutral_effort(x->n);
    uint64_t most = OUTPUT_TOKENS_DEFAULT;
    struct str wanted = neutral_max_tokens(x->n, x->q);
    if (wanted.len && str_to_u64(wanted, &most))
        most = MIN_OF(most, (uint64_t)INT32_MAX);
    else if (x->q->max_tokens)
        most = MIN_OF(most, (uint64_t)x->q->max_tokens);
    x->max_tokens = (int64_t)most;
    if (e == EFFORT_COUNT || e == EFFORT_OFF)
        return;
    x->budget = x->n->thinking == THINKING_BUDGET ? x->n->thinking_budget : budgets[e];
    x->budget = MAX_OF((int64_t)BUDGET_MIN, MIN_OF(x->budget, x->max_tokens * 3 / 4));
    const char *why = has(x, QUIRK_NO_REASONING)   ? "this model cannot be asked to reason"
                      : x->budget >= x->max_tokens ? "the limit of tokens leaves no room for it"
                      : has_lost_thinking(x->n)    ? "the thinking before the tool's result is lost"
                                                   : NULL;
    if (!why)
        return;
    x->budget = 0;
    loss_drop(x->n, "reasoning_effort", STR_NONE, why);
}

static void put_thinking(const struct writing *x)
{
    if (!x->budget)
        return;
    json_key(x->w, "thinking");
    json_open(x->w, '{');
    json_put_string(x->w, "type",
                    has(x, QUIRK_ADAPTIVE_THINKING) ? STR("adaptive") : STR("enabled"));
    if (!has(x, QUIRK_ADAPTIVE_THINKING))
        json_put_int(x->w, "budget_tokens", x->budget);
    json_close(x->w, '}');
}

static void put_output_config(const struct writing *x)
{
    bool has_effort = x->budget && has(x, QUIRK_ADAPTIVE_THINKING) && x->n->has_effort;
    bool has_schema = x->n->format_schema && !has(x, QUIRK_NO_RESPONSE_SCHEMA);
    if (!has_effort && !has_schema)
        return;
    json_key(x->w, "output_config");
    json_open(x->w, '{');
    if (has_effort)
        json_put_string(x->w, "effort", str_of(effort_name(quirks_effort(x->q, x->n->effort))));
    if (has_schema) {
        json_key(x->w, "format");
        json_open(x->w, '{');
        json_put_string(x->w, "type", STR("json_schema"));
        json_put_value(x->w, "schema", x->n->format_schema);
        json_close(x->w, '}');
    }
    json_close(x->w, '}');
}

enum err anthropic_request_write(const struct asking *a, struct buf *out)
{
    struct json_writer w = {.out = out};
    struct writing x = {.a = a, .n = a->n, .q = a->quirks, .w = &w};
    decide_thinking(&x);
    json_open(&w, '{');
    json_put_string(&w, "model", a->model);
    json_put_int(&w, "max_tokens", x.max_tokens);
    put_system(&x);
    put_messages(&x);
    put_tools(&x);
    put_tool_choice(&x);
    put_stops(&x);
    put_sampling(&x);
    put_thinking(&x);
    put_output_config(&x);
    if (a->n->user_id.len) {
        json_key(&w, "metadata");
        json_open(&w, '{');
        json_put_string(&w, "user_id", str_head(a->n->user_id, 256));
        json_close(&w, '}');
    }
    if (a->is_stream)
        json_put_bool(&w, "stream", true);
    json_close(&w, '}');
    return w.err;
}

/*
 * chat_client.c — reads a request in OpenAI's Chat Completions language into the neutral form.
 *
 * Refuses what OpenAI would refuse, in its words. Older spellings (functions, function_call, the role
 * "function") are read too.
 */
#include "dialect/language.h"

#include "dialect/history.h"
#include "dialect/json_progress.h"
#include "dialect/json_writer.h"

enum { ARGS_MAX = 32 << 20 /* bytes of one call's arguments */ };

struct reading {
    struct neutral *n;
    const struct json_tree *tree;
    struct history history;
    struct fail *fail;
    bool is_begun; /* a message that is no system message was read */
};

static struct block *text_block(struct neutral *n, struct str text)
{
    struct block *b = neutral_block(n, BLOCK_TEXT);
    b->text = text;
    return b;
}

/* "data:image/png;base64,AAAA" apart; anything else is an address. */
static void read_url(struct block *b, struct str url)
{
    size_t comma = str_find(url, ',');
    struct str head = str_head(url, comma);
    if (!str_starts(head, STR("data:")) || !str_ends(head, STR(";base64"))) {
        b->url = url;
        return;
    }
    head = str_from(head, 5);
    b->media_type = str_head(head, str_find(head, ';'));
    b->data = str_from(url, comma + 1);
}

static struct block *read_image(struct reading *r, yyjson_val *part)
{
    yyjson_val *image = yyjson_obj_get(part, "image_url");
    struct block *b = neutral_block(r->n, BLOCK_IMAGE);
    read_url(b, yyjson_is_str(image) ? json_text_of(image) : json_member_text(image, "url"));
    if (b->data.len && !b->media_type.len)
        b->media_type = image_type(b->data);
    return b->data.len || b->url.len ? b : NULL;
}

static struct block *read_file(struct reading *r, yyjson_val *part)
{
    yyjson_val *file = yyjson_obj_get(part, "file");
    struct block *b = neutral_block(r->n, BLOCK_DOCUMENT);
    struct str data = json_member_text(file, "file_data");
    b->text = json_member_text(file, "filename");
    if (!data.len) {
        loss_drop(r->n, "messages[].content[].file", json_member_text(file, "file_id"),
                  "only the provider it was uploaded to has this file");
        return text_block(r->n, STR("[file omitted: it is at another provider]"));
    }
    read_url(b, data);
    if (!b->data.len) { /* base64 without a head */
        b->data = data;
        b->url = STR_NONE;
    }
    if (!b->media_type.len)
        b->media_type = STR("application/pdf");
    return b;
}

static struct block *read_part(struct reading *r, yyjson_val *part)
{
    yyjson_val *type = yyjson_obj_get(part, "type");
    if (yyjson_is_str(part))
        return text_block(r->n, json_text_of(part));
    if (json_is(type, "text") || json_is(type, "refusal"))
        return text_block(r->n, json_member_text(part, json_is(type, "text") ? "text" : "refusal"));
    if (json_is(type, "image_url"))
        return read_image(r, part);
    if (json_is(type, "file"))
        return read_file(r, part);
    loss_drop(r->n, "messages[].content[]", json_text_of(type),
              "the provider takes nothing of this kind");
    return NULL;
}

static void add_content(struct reading *r, struct message *m, yyjson_val *content)
{
    yyjson_arr_iter parts = yyjson_arr_iter_with(content);
    if (yyjson_is_str(content) && yyjson_get_len(content))
        message_add(m, text_block(r->n, json_text_of(content)));
    for (yyjson_val *part; (part = yyjson_arr_iter_next(&parts));) {
        struct block *b = read_part(r, part);
        if (!b || (b->kind == BLOCK_TEXT && !b->text.len))
            continue;
        b->cache_control = yyjson_obj_get(part, "cache_control");
        message_add(m, b);
    }
}

/* A call's arguments as an object's bytes. */
static struct str arguments_of(struct reading *r, yyjson_val *function)
{
    struct str args = json_member_text(function, "arguments");
    struct buf fixed;
    if (json_is_object(args))
        return args;
    buf_init(&fixed, ARGS_MAX);
    struct str object = STR("{}");
    if (json_args_repair(args, &fixed))
        object = arena_str(r->n->arena, buf_str(&fixed));
    else if (args.len)
        loss_drop(r->n, "messages[].tool_calls[].arguments", args, "they are no JSON object");
    buf_release(&fixed);
    return object;
}

static void add_call(struct reading *r, struct message *m, struct str id, yyjson_val *function)
{
    struct block *b = neutral_block(r->n, BLOCK_TOOL_USE);
    b->id = id;
    b->name = json_member_text(function, "name");
    b->json = arguments_of(r, function);
    message_add(m, b);
}

/* What our own answers said of their thinking; only signed thinking is worth anything. */
static void add_thinking(struct reading *r, struct message *m, yyjson_val *details)
{
    yyjson_arr_iter list = yyjson_arr_iter_with(details);
    for (yyjson_val *one; (one = yyjson_arr_iter_next(&list));) {
        struct block *b = neutral_block(r->n, BLOCK_THINKING);
        b->text = json_member_text(one, "text");
        b->signature = json_member_text(one, "signature");
        b->data = json_member_text(one, "data");
        if (b->signature.len || b->data.len)
            message_add(m, b);
    }
}

static enum err read_assistant(struct reading *r, yyjson_val *message)
{
    struct message *m = neutral_message(r->n, ROLE_ASSISTANT);
    yyjson_val *legacy = yyjson_obj_get(message, "function_call");
    yyjson_arr_iter calls = yyjson_arr_iter_with(yyjson_obj_get(message, "tool_calls"));
    add_thinking(r, m, yyjson_obj_get(message, "reasoning_details"));
    add_content(r, m, yyjson_obj_get(message, "content"));
    struct str refusal = json_member_text(message, "refusal");
    if (refusal.len)
        message_add(m, text_block(r->n, refusal));
    for (yyjson_val *call; (call = yyjson_arr_iter_next(&calls));)
        add_call(r, m, json_member_text(call, "id"), yyjson_obj_get(call, "function"));
    if (yyjson_is_obj(legacy))
        add_call(r, m, json_member_text(legacy, "name"), legacy);
    history_add(&r->history, m);
    return ERR_OK;
}

static enum err read_user(struct reading *r, yyjson_val *message)
{
    struct message *m = neutral_message(r->n, ROLE_USER);
    add_content(r, m, yyjson_obj_get(message, "content"));
    history_add(&r->history, m);
    return ERR_OK;
}

static enum err read_tool_message(struct reading *r, yyjson_val *message)
{
    struct message *m = neutral_message(r->n, ROLE_TOOL);
    m->tool_id = json_member_text(message, "tool_call_id");
    if (!m->tool_id.len)
        m->tool_id = json_member_text(message, "name"); /* the role "function" */
    add_content(r, m, yyjson_obj_get(message, "content"));
    history_add_result(&r->history, m);
    return ERR_OK;
}

/* At the beginning it is the system prompt; later, a reminder at its place. */
static enum err read_system(struct reading *r, yyjson_val *message)
{
    struct message *m = neutral_message(r->n, ROLE_USER);
    struct neutral *n = r->n;
    add_content(r, m, yyjson_obj_get(message, "content"));
    if (!m->first)
        return ERR_OK;
    if (r->is_begun) {
        struct str text = neutral_text_of(n, m->first, STR("\n\n"));
        text = neutral_join(n, STR("<system-reminder>\n"), STR_NONE, text);
        m->first = m->last =
            text_block(n, neutral_join(n, text, STR_NONE, STR("\n</system-reminder>")));
        history_add(&r->history, m);
        loss_report_note(n->losses, LOSS_KIND_APPROXIMATED, STR("messages[].role"), STR("system"),
                         "sent as a user's message in <system-reminder> tags");
        return ERR_OK;
    }
    if (n->system_last)
        n->system_last->next = m->first;
    else
        n->system = m->first;
    n->system_last = m->last;
    return ERR_OK;
}

static enum err read_message(struct reading *r, yyjson_val *message, size_t at)
{
    static const struct {
        const char *role;
        enum err (*read)(struct reading *r, yyjson_val *message);
        bool is_system;
    } roles[] = {{"user", read_user, false},         {"assistant", read_assistant, false},
                 {"tool", read_tool_message, false}, {"function", read_tool_message, false},
                 {"system", read_system, true},      {"developer", read_system, true}};
    struct str role = json_member_text(message, "role");
    for (size_t i = 0; i < COUNT_OF(roles); i++)
        if (str_equal(role, str_of(roles[i].role))) {
            r->is_begun |= !roles[i].is_system;
            return roles[i].read(r, message);
        }
    return fail(r->fail, ERR_BAD_REQUEST,
                "Invalid value: '%.*s'. Supported values are: 'system', 'developer', 'assistant', "
                "'user', 'function', and 'tool'. (messages[%zu].role)",
                STR_ARGS(str_head(role, 40)), at);
}

static enum err read_messages(struct reading *r, yyjson_val *value)
{
    size_t at = 0;
    enum err err = ERR_OK;
    if (!yyjson_arr_size(value))
        return fail(r->fail, ERR_BAD_REQUEST, "Invalid 'messages': empty array or none.");
    yyjson_arr_iter messages = yyjson_arr_iter_with(value);
    for (yyjson_val *m; !err && (m = yyjson_arr_iter_next(&messages)); at++)
        err = read_message(r, m, at);
    history_end(&r->history);
    return err;
}

static void add_tool(struct reading *r, yyjson_val *function, yyjson_val *source)
{
    struct str name = json_member_text(function, "name");
    if (!name.len || neutral_find_tool(r->n, name)) {
        loss_drop(r->n, "tools[]", name.len ? name : json_member_text(source, "type"),
                  "a tool without a name, with one that is taken, or of an unknown kind");
        return;
    }
    struct tool *t = neutral_tool(r->n, name);
    t->source = source;
    t->description = json_member_text(function, "description");
    t->schema = yyjson_obj_get(function, "parameters");
    t->is_strict = yyjson_is_true(yyjson_obj_get(function, "strict"));
    t->cache_control = yyjson_obj_get(source, "cache_control");
}

static enum err read_tools(struct reading *r, yyjson_val *value)
{
    yyjson_arr_iter tools = yyjson_arr_iter_with(value);
    for (yyjson_val *tool; (tool = yyjson_arr_iter_next(&tools));)
        add_tool(r, yyjson_obj_get(tool, "function"), tool);
    return ERR_OK;
}

static enum err read_functions(struct reading *r, yyjson_val *value)
{
    yyjson_arr_iter tools = yyjson_arr_iter_with(value);
    for (yyjson_val *tool; (tool = yyjson_arr_iter_next(&tools));)
        add_tool(r, tool, tool);
    return ERR_OK;
}

static enum err read_tool_choice(struct reading *r, yyjson_val *value)
{
    struct neutral *n = r->n;
    yyjson_val *function = yyjson_obj_get(value, "function");
    if (json_is(value, "auto"))
        n->choice = CHOICE_AUTO;
    else if (json_is(value, "none"))
        n->choice = CHOICE_NONE;
    else if (json_is(value, "required"))
        n->choice = CHOICE_ANY;
    else if (yyjson_is_obj(value)) {
        n->choice = CHOICE_TOOL;
        n->choice_name = json_member_text(function ? function : value, "name");
    }
    return ERR_OK;
}

static enum err read_stop(struct reading *r, yyjson_val *value)
{
    yyjson_arr_iter stops = yyjson_arr_iter_with(value);
    if (yyjson_is_str(value) && yyjson_get_len(value))
        r->n->stops[r->n->stop_count++] = arena_str(r->n->arena, json_text_of(value));
    for (yyjson_val *stop; (stop = yyjson_arr_iter_next(&stops));) {
        if (!yyjson_is_str(stop) || !yyjson_get_len(stop))
            continue;
        if (r->n->stop_count == STOPS_MAX)
            return fail(r->fail, ERR_BAD_REQUEST, "Invalid 'stop': array too long.");
        r->n->stops[r->n->stop_count++] = arena_str(r->n->arena, json_text_of(stop));
    }
    return ERR_OK;
}

static void read_effort_text(struct neutral *n, struct str text)
{
    if (!text.len || !effort_parse(text, &n->effort))
        return;
    n->has_effort = n->effort != EFFORT_OFF;
    n->thinking = n->has_effort ? THINKING_ADAPTIVE : THINKING_DISABLED;
}

static enum err read_effort(struct reading *r, yyjson_val *value)
{
    read_effort_text(r->n, json_text_of(value));
    return ERR_OK;
}

/* OpenRouter's way of saying it. */
static enum err read_reasoning(struct reading *r, yyjson_val *value)
{
    int64_t budget = json_member_number(value, "max_tokens", 0);
    yyjson_val *enabled = yyjson_obj_get(value, "enabled");
    read_effort_text(r->n, json_member_text(value, "effort"));
    if (yyjson_is_bool(enabled))
        r->n->thinking = yyjson_is_true(enabled) ? THINKING_ADAPTIVE : THINKING_DISABLED;
    if (budget > 0) {
        r->n->thinking = THINKING_BUDGET;
        r->n->thinking_budget = budget;
        r->n->has_effort = false;
    }
    return ERR_OK;
}

static enum err read_format(struct reading *r, yyjson_val *value)
{
    yyjson_val *type = yyjson_obj_get(value, "type"), *spec = yyjson_obj_get(value, "json_schema");
    r->n->wants_json = json_is(type, "json_object");
    if (json_is(type, "json_schema")) {
        r->n->format_schema = yyjson_obj_get(spec, "schema");
        r->n->format_name = json_member_text(spec, "name");
    }
    return ERR_OK;
}

static enum err read_switch(struct reading *r, yyjson_val *key, yyjson_val *value)
{
    struct neutral *n = r->n;
    if (yyjson_equals_str(key, "stream"))
        n->is_stream = yyjson_is_true(value);
    else if (yyjson_equals_str(key, "stream_options"))
        n->wants_stream_usage = yyjson_is_true(yyjson_obj_get(value, "include_usage"));
    else if (yyjson_equals_str(key, "parallel_tool_calls"))
        n->is_serial = yyjson_is_false(value);
    else if (yyjson_equals_str(key, "n") && json_number(value, 1) == 1)
        return ERR_OK;
    else if (yyjson_equals_str(key, "user") || yyjson_equals_str(key, "safety_identifier"))
        n->user_id = json_text_of(value);
    else if (!yyjson_is_null(value))
        loss_report_note(n->losses, LOSS_KIND_DROPPED, json_key_text(key), STR_NONE,
                         "the provider has no such field");
    return ERR_OK;
}

static const struct {
    const char *key;
    enum err (*read)(struct reading *r, yyjson_val *value);
} fields[] = {
    {"messages", read_messages},         {"tools", read_tools},
    {"functions", read_functions},       {"tool_choice", read_tool_choice},
    {"function_call", read_tool_choice}, {"stop", read_stop},
    {"reasoning_effort", read_effort},   {"reasoning", read_reasoning},
    {"response_format", read_format},
};

static enum err read_field(struct reading *r, yyjson_val *key, yyjson_val *value)
{
    struct neutral *n = r->n;
    struct {
        const char *key;
        struct str *to;
    } texts[] = {{"max_tokens", &n->max_tokens},
                 {"max_completion_tokens", &n->max_tokens},
                 {"temperature", &n->temperature},
                 {"top_p", &n->top_p},
                 {"top_k", &n->top_k},
                 {"seed", &n->seed}};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        if (yyjson_equals_str(key, texts[i].key)) {
            if (yyjson_is_raw(value))
                *texts[i].to = json_text_of(value);
            return ERR_OK;
        }
    if (yyjson_equals_str(key, "model")) {
        n->model = json_text_of(value);
        return ERR_OK;
    }
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        if (yyjson_equals_str(key, fields[i].key))
            return fields[i].read(r, value);
    return read_switch(r, key, value);
}

static enum err check(struct reading *r)
{
    struct neutral *n = r->n;
    uint64_t most;
    if (!n->model.len)
        return fail(r->fail, ERR_BAD_REQUEST, "you must provide a model parameter");
    if (!n->first)
        return fail(r->fail, ERR_BAD_REQUEST, "Missing required parameter: 'messages'.");
    if (n->max_tokens.len && (!str_to_u64(n->max_tokens, &most) || !most))
        return fail(r->fail, ERR_BAD_REQUEST,
                    "Invalid 'max_completion_tokens': integer below minimum value.");
    if (n->choice == CHOICE_TOOL && !neutral_find_tool(n, n->choice_name))
        return fail(r->fail, ERR_BAD_REQUEST,
                    "Invalid value for 'tool_choice': there is no tool '%.*s'.",
                    STR_ARGS(str_head(n->choice_name, 100)));
    return ERR_OK;
}

enum err chat_client_read(struct neutral *n, const struct json_tree *tree, struct fail *f)
{
    struct reading r = {.n = n, .tree = tree, .fail = f};
    enum err err = ERR_OK;
    if (!yyjson_is_obj(tree->root))
        return fail(f, ERR_BAD_REQUEST, "The request body is not a JSON object.");
    n->root = tree->root;
    n->tree = tree;
    history_init(&r.history, n);
    yyjson_obj_iter members = yyjson_obj_iter_with(tree->root);
    for (yyjson_val *key; !err && (key = yyjson_obj_iter_next(&members));)
        err = read_field(&r, key, yyjson_obj_iter_get_val(key));
    if (!err)
        err = check(&r);
    history_release(&r.history);
    return err;
}

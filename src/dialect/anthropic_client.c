/*
 * anthropic_client.c — reads a request in Anthropic's language into the neutral form.
 *
 * Refuses what Anthropic would refuse, in its words. Everything else is read as far as it can be;
 * what no other provider could do anything with is noted as lost.
 */
#include "dialect/language.h"

#include "dialect/history.h"

struct reading {
    struct neutral *n;
    const struct json_tree *tree;
    struct history history;
    struct fail *fail;
};

static struct str without_attribution(struct str text)
{
    struct str rest = text;
    while (rest.len && strchr(" \t\r\n", rest.ptr[0]) && rest.ptr[0])
        rest = str_from(rest, 1);
    return str_starts_nocase(rest, STR("x-anthropic-billing-header:")) ? STR_NONE : text;
}

static void add_system(struct neutral *n, struct str text, yyjson_val *cache_control)
{
    struct block *b;
    text = without_attribution(text);
    if (!text.len)
        return;
    b = neutral_block(n, BLOCK_TEXT);
    b->text = text;
    b->cache_control = cache_control;
    if (n->system_last)
        n->system_last->next = b;
    else
        n->system = b;
    n->system_last = b;
}

static enum err read_system(struct reading *r, yyjson_val *value)
{
    yyjson_arr_iter blocks = yyjson_arr_iter_with(value);
    if (!yyjson_is_str(value) && !yyjson_is_arr(value) && !yyjson_is_null(value))
        return fail(r->fail, ERR_BAD_REQUEST, "system: Input should be a valid string or list");
    if (yyjson_is_str(value))
        add_system(r->n, json_text_of(value), NULL);
    for (yyjson_val *b; (b = yyjson_arr_iter_next(&blocks));)
        add_system(r->n, json_member_text(b, "text"), yyjson_obj_get(b, "cache_control"));
    return ERR_OK;
}

/* Pictures of a tool's result; its text is one block, joined. */
static void add_result_parts(struct reading *r, struct message *m, yyjson_val *content)
{
    struct str text = anthropic_content_text(r->n, content, STR("\n"));
    if (text.len) {
        struct block *b = neutral_block(r->n, BLOCK_TEXT);
        b->text = text;
        message_add(m, b);
    }
    yyjson_arr_iter parts = yyjson_arr_iter_with(content);
    for (yyjson_val *part; (part = yyjson_arr_iter_next(&parts));) {
        yyjson_val *type = yyjson_obj_get(part, "type");
        struct block *b = NULL;
        if (json_is(type, "image") || json_is(type, "document"))
            b = anthropic_block_read(r->n, part, ROLE_USER, r->tree);
        if (b)
            message_add(m, b);
    }
}

static void add_result(struct reading *r, yyjson_val *block)
{
    struct message *m = neutral_message(r->n, ROLE_TOOL);
    m->tool_id = json_member_text(block, "tool_use_id");
    m->is_error = yyjson_is_true(yyjson_obj_get(block, "is_error"));
    add_result_parts(r, m, yyjson_obj_get(block, "content"));
    history_add_result(&r->history, m);
}

/* Results first, wherever they stand: providers want them right behind the calls. */
static void add_blocks(struct reading *r, struct message *m, yyjson_val *content)
{
    yyjson_arr_iter blocks = yyjson_arr_iter_with(content);
    for (yyjson_val *b; m->role == ROLE_USER && (b = yyjson_arr_iter_next(&blocks));)
        if (json_is(yyjson_obj_get(b, "type"), "tool_result"))
            add_result(r, b);
    blocks = yyjson_arr_iter_with(content);
    for (yyjson_val *b; (b = yyjson_arr_iter_next(&blocks));) {
        if (json_is(yyjson_obj_get(b, "type"), "tool_result"))
            continue;
        struct block *read = anthropic_block_read(r->n, b, m->role, r->tree);
        if (read)
            message_add(m, read);
    }
}

static enum err read_content(struct reading *r, struct message *m, yyjson_val *content, size_t at)
{
    if (yyjson_is_str(content)) {
        struct block *b = neutral_block(r->n, BLOCK_TEXT);
        b->text = json_text_of(content);
        if (b->text.len)
            message_add(m, b);
    } else if (yyjson_is_arr(content)) {
        add_blocks(r, m, content);
    } else {
        return fail(r->fail, ERR_BAD_REQUEST,
                    "messages.%zu.content: Input should be a valid string or list", at);
    }
    history_add(&r->history, m);
    return ERR_OK;
}

/* A system message in mid-conversation: other providers take those only at the beginning. */
static void add_reminder(struct reading *r, yyjson_val *content)
{
    struct str text = without_attribution(anthropic_content_text(r->n, content, STR("\n\n")));
    struct message *m = neutral_message(r->n, ROLE_USER);
    struct block *b = neutral_block(r->n, BLOCK_TEXT);
    if (!text.len)
        return;
    b->text = neutral_join(r->n, STR("<system-reminder>\n"), STR_NONE, text);
    b->text = neutral_join(r->n, b->text, STR_NONE, STR("\n</system-reminder>"));
    message_add(m, b);
    history_add(&r->history, m);
    loss_report_note(r->n->losses, LOSS_KIND_APPROXIMATED, STR("messages[].role"), STR("system"),
                     "sent as a user's message in <system-reminder> tags");
}

static enum err read_message(struct reading *r, yyjson_val *message, size_t at)
{
    yyjson_val *role = yyjson_obj_get(message, "role"),
               *content = yyjson_obj_get(message, "content");
    if (json_is(role, "system") && (yyjson_is_str(content) || yyjson_is_arr(content))) {
        add_reminder(r, content);
        return ERR_OK;
    }
    bool is_user = json_is(role, "user");
    if (!is_user && !json_is(role, "assistant"))
        return fail(r->fail, ERR_BAD_REQUEST,
                    "messages.%zu.role: Input should be 'user' or 'assistant'", at);
    return read_content(r, neutral_message(r->n, is_user ? ROLE_USER : ROLE_ASSISTANT), content,
                        at);
}

static enum err read_messages(struct reading *r, yyjson_val *value)
{
    size_t at = 0;
    enum err err = ERR_OK;
    if (!yyjson_is_arr(value))
        return fail(r->fail, ERR_BAD_REQUEST, "messages: Field required");
    if (!yyjson_arr_size(value))
        return fail(r->fail, ERR_BAD_REQUEST, "messages: at least one message is required");
    yyjson_arr_iter messages = yyjson_arr_iter_with(value);
    for (yyjson_val *m; !err && (m = yyjson_arr_iter_next(&messages)); at++)
        err = read_message(r, m, at);
    history_end(&r->history);
    if (!err && !r->n->first)
        return fail(r->fail, ERR_BAD_REQUEST,
                    "messages: at least one message with content is required");
    return err;
}

/* Tools that the client runs itself, but that Anthropic describes to its models on its own. */
static const struct {
    const char *prefix, *description, *schema;
} known_tools[] = {
    {"bash_", "Runs a command in a persistent bash session.",
     "{\"type\":\"object\",\"properties\":{\"command\":{\"type\":\"string\"},\"restart\":"
     "{\"type\":\"boolean\"}}}"},
    {"text_editor_", "Views, creates and edits text files.",
     "{\"type\":\"object\",\"properties\":{\"command\":{\"type\":\"string\",\"enum\":[\"view\","
     "\"create\",\"str_replace\",\"insert\",\"undo_edit\"]},\"path\":{\"type\":\"string\"},"
     "\"file_text\":{\"type\":\"string\"},\"old_str\":{\"type\":\"string\"},\"new_str\":{\"type\":"
     "\"string\"},\"insert_line\":{\"type\":\"integer\"},\"insert_text\":{\"type\":\"string\"},"
     "\"view_range\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}},\"required\":"
     "[\"command\",\"path\"]}"},
    {"memory_", "Views and changes files in the memory folder.",
     "{\"type\":\"object\",\"properties\":{\"command\":{\"type\":\"string\",\"enum\":[\"view\","
     "\"create\",\"str_replace\",\"insert\",\"delete\",\"rename\"]},\"path\":{\"type\":\"string\"},"
     "\"file_text\":{\"type\":\"string\"},\"old_str\":{\"type\":\"string\"},\"new_str\":{\"type\":"
     "\"string\"},\"insert_line\":{\"type\":\"integer\"},\"insert_text\":{\"type\":\"string\"},"
     "\"old_path\":{\"type\":\"string\"},\"new_path\":{\"type\":\"string\"}},\"required\":"
     "[\"command\"]}"},
    {"computer_", "Uses mouse, keyboard and screen.",
     "{\"type\":\"object\",\"properties\":{\"action\":{\"type\":\"string\"},\"coordinate\":{"
     "\"type\":"
     "\"array\",\"items\":{\"type\":\"integer\"}},\"text\":{\"type\":\"string\"},"
     "\"scroll_direction\":{\"type\":\"string\"},\"scroll_amount\":{\"type\":\"integer\"},"
     "\"duration\":{\"type\":\"number\"}},\"required\":[\"action\"]}"},
};

/* True: `type` is a tool of this list, or one without a type of its own. */
static bool describe_known(struct tool *t, struct str type)
{
    for (size_t i = 0; i < COUNT_OF(known_tools); i++)
        if (str_starts(type, str_of(known_tools[i].prefix))) {
            t->description = str_of(known_tools[i].description);
            t->schema_text = str_of(known_tools[i].schema);
            return true;
        }
    return false;
}

static void read_tool(struct reading *r, yyjson_val *tool)
{
    struct str type = json_member_text(tool, "type"), name = json_member_text(tool, "name");
    bool is_search = str_starts(type, STR("web_search_"));
    struct tool known = {.description = STR_NONE};
    bool is_own = !type.len || str_equal(type, STR("custom"));
    if (!is_own && !is_search && !describe_known(&known, type)) {
        loss_drop(r->n, "tools[]", type, "only the client's own provider can run this tool");
        return;
    }
    if (neutral_find_tool(r->n, name) || !name.len) {
        loss_drop(r->n, "tools[]", name, "a tool without a name, or with one that is taken");
        return;
    }
    struct tool *t = neutral_tool(r->n, name);
    t->source = tool;
    t->description = known.description;
    t->schema_text = known.schema_text;
    t->kind = is_search ? TOOL_WEB_SEARCH : TOOL_FUNCTION;
    t->cache_control = yyjson_obj_get(tool, "cache_control");
    if (is_own) {
        t->description = json_member_text(tool, "description");
        t->schema = yyjson_obj_get(tool, "input_schema");
    }
}

static enum err read_tools(struct reading *r, yyjson_val *value)
{
    yyjson_arr_iter tools = yyjson_arr_iter_with(value);
    for (yyjson_val *tool; (tool = yyjson_arr_iter_next(&tools));)
        read_tool(r, tool);
    return ERR_OK;
}

static enum err read_tool_choice(struct reading *r, yyjson_val *value)
{
    static const struct {
        const char *type;
        enum tool_choice choice;
    } choices[] = {
        {"auto", CHOICE_AUTO}, {"any", CHOICE_ANY}, {"none", CHOICE_NONE}, {"tool", CHOICE_TOOL}};
    struct str type = json_member_text(value, "type");
    for (size_t i = 0; i < COUNT_OF(choices); i++)
        if (str_equal(type, str_of(choices[i].type)))
            r->n->choice = choices[i].choice;
    r->n->is_serial = yyjson_is_true(yyjson_obj_get(value, "disable_parallel_tool_use"));
    r->n->choice_name = json_member_text(value, "name");
    return ERR_OK;
}

static enum err read_thinking(struct reading *r, yyjson_val *value)
{
    yyjson_val *type = yyjson_obj_get(value, "type");
    r->n->thinking_budget = json_member_number(value, "budget_tokens", 0);
    if (json_is(type, "enabled"))
        r->n->thinking = THINKING_BUDGET;
    else if (json_is(type, "adaptive"))
        r->n->thinking = THINKING_ADAPTIVE;
    else if (json_is(type, "disabled"))
        r->n->thinking = THINKING_DISABLED;
    r->n->hides_thinking = json_is(yyjson_obj_get(value, "display"), "omitted");
    return ERR_OK;
}

static enum err read_format(struct reading *r, yyjson_val *format)
{
    if (json_is(yyjson_obj_get(format, "type"), "json_schema"))
        r->n->format_schema = yyjson_obj_get(format, "schema");
    return ERR_OK;
}

static enum err read_output_config(struct reading *r, yyjson_val *value)
{
    yyjson_obj_iter members = yyjson_obj_iter_with(value);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&members));) {
        yyjson_val *member = yyjson_obj_iter_get_val(key);
        if (yyjson_equals_str(key, "effort"))
            r->n->has_effort = effort_parse(json_text_of(member), &r->n->effort);
        else if (yyjson_equals_str(key, "format"))
            read_format(r, member);
        else
            loss_drop(r->n, "output_config", json_key_text(key), "no other provider has it");
    }
    return ERR_OK;
}

static enum err read_stops(struct reading *r, yyjson_val *value)
{
    yyjson_arr_iter stops = yyjson_arr_iter_with(value);
    for (yyjson_val *stop; (stop = yyjson_arr_iter_next(&stops));) {
        if (!yyjson_is_str(stop) || !yyjson_get_len(stop))
            continue;
        if (r->n->stop_count == STOPS_MAX)
            return fail(r->fail, ERR_BAD_REQUEST, "stop_sequences: at most %d are allowed",
                        STOPS_MAX);
        r->n->stops[r->n->stop_count++] = arena_str(r->n->arena, json_text_of(stop));
    }
    return ERR_OK;
}

static enum err read_scalars(struct reading *r, yyjson_val *key, yyjson_val *value)
{
    struct neutral *n = r->n;
    struct {
        const char *key;
        struct str *to;
    } texts[] = {{"model", &n->model},
                 {"max_tokens", &n->max_tokens},
                 {"temperature", &n->temperature},
                 {"top_p", &n->top_p},
                 {"top_k", &n->top_k}};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        if (yyjson_equals_str(key, texts[i].key)) {
            if (i == 0 ? yyjson_is_str(value) : yyjson_is_raw(value))
                *texts[i].to = json_text_of(value);
            return ERR_OK;
        }
    if (yyjson_equals_str(key, "stream"))
        n->is_stream = yyjson_is_true(value);
    else if (yyjson_equals_str(key, "metadata"))
        n->user_id = json_member_text(value, "user_id");
    else
        loss_report_note(n->losses, LOSS_KIND_DROPPED, json_key_text(key), STR_NONE,
                         "no other provider has this field");
    return ERR_OK;
}

static const struct {
    const char *key;
    enum err (*read)(struct reading *r, yyjson_val *value);
} fields[] = {
    {"system", read_system},        {"messages", read_messages},
    {"tools", read_tools},          {"tool_choice", read_tool_choice},
    {"thinking", read_thinking},    {"output_config", read_output_config},
    {"stop_sequences", read_stops},
};

static enum err read_fields(struct reading *r, yyjson_val *root)
{
    yyjson_obj_iter members = yyjson_obj_iter_with(root);
    enum err err = ERR_OK;
    for (yyjson_val *key; !err && (key = yyjson_obj_iter_next(&members));) {
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        size_t i = 0;
        while (i < COUNT_OF(fields) && !yyjson_equals_str(key, fields[i].key))
            i++;
        err = i < COUNT_OF(fields) ? fields[i].read(r, value) : read_scalars(r, key, value);
    }
    return err;
}

static enum err check(struct reading *r, bool counts_only)
{
    struct neutral *n = r->n;
    uint64_t max_tokens;
    if (!n->first)
        return fail(r->fail, ERR_BAD_REQUEST, "messages: Field required");
    if (!n->model.len)
        return fail(r->fail, ERR_BAD_REQUEST, "model: Field required");
    if (!n->max_tokens.len && !counts_only)
        return fail(r->fail, ERR_BAD_REQUEST, "max_tokens: Field required");
    if (n->max_tokens.len && (!str_to_u64(n->max_tokens, &max_tokens) || !max_tokens))
        return fail(r->fail, ERR_BAD_REQUEST,
                    "max_tokens: Input should be a whole number greater than 0");
    if (n->choice == CHOICE_TOOL && !neutral_find_tool(n, n->choice_name))
        return fail(r->fail, ERR_BAD_REQUEST,
                    "tool_choice.name: Tool '%.*s' not found in provided tools",
                    STR_ARGS(str_head(n->choice_name, 100)));
    return ERR_OK;
}

enum err anthropic_client_read_for(struct neutral *n, const struct json_tree *tree,
                                   bool counts_only, struct fail *f)
{
    struct reading r = {.n = n, .tree = tree, .fail = f};
    if (!yyjson_is_obj(tree->root))
        return fail(f, ERR_BAD_REQUEST, "The request body is not a JSON object.");
    n->root = tree->root;
    n->tree = tree;
    history_init(&r.history, n);
    enum err err = read_fields(&r, tree->root);
    if (!err)
        err = check(&r, counts_only);
    history_release(&r.history);
    return err;
}

enum err anthropic_client_read(struct neutral *n, const struct json_tree *tree, struct fail *f)
{
    return anthropic_client_read_for(n, tree, false, f);
}

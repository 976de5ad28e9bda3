/*
 * text.c — the texts of a request. Those of a streamed answer are put together in text_stream.c.
 */
#include "record/text.h"

#include "record/json_walk.h"
#include "record/text_part.h"

static const char *const kind_names[TEXT_KINDS] = {
    [TEXT_SYSTEM] = "system",         [TEXT_USER] = "user",
    [TEXT_ASSISTANT] = "assistant",   [TEXT_THINKING] = "thinking",
    [TEXT_TOOL_INPUT] = "tool_input", [TEXT_TOOL_RESULT] = "tool_result",
    [TEXT_TOOL] = "tool",
};

const char *text_kind_name(enum text_kind kind)
{
    assert(kind < TEXT_KINDS);
    return kind_names[kind];
}

bool text_kind_parse(struct str name, enum text_kind *out)
{
    for (int i = 0; i < TEXT_KINDS; i++)
        if (str_equal(name, str_of(kind_names[i]))) {
            *out = (enum text_kind)i;
            return true;
        }
    return false;
}

void text_reader_init(struct text_reader *r, struct arena *arena, text_fn *fn, void *owner)
{
    *r = (struct text_reader){.arena = arena, .fn = fn, .owner = owner};
    buf_init(&r->joined, TEXT_BYTES_MAX);
    for (size_t i = 0; i < COUNT_OF(r->blocks); i++)
        buf_init(&r->blocks[i], TEXT_BYTES_MAX);
}

void text_reader_release(struct text_reader *r)
{
    buf_release(&r->joined);
    for (size_t i = 0; i < COUNT_OF(r->blocks); i++)
        buf_release(&r->blocks[i]);
}

void text_reader_next(struct text_reader *r)
{
    r->calls = NULL;
    r->call_count = 0;
}

/* --- what all of them share --- */

static bool is_base64(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '+' ||
           c == '/' || c == '=' || c == '-' || c == '_';
}

/* Nobody looks for what is inside a picture. */
static bool is_opaque(struct str s)
{
    enum { LOOKED_AT = 512 };
    if (str_starts(s, STR("data:")))
        s = str_from(s, MIN_OF(str_find(s, ',') + 1, s.len));
    if (s.len < LOOKED_AT)
        return false;
    for (size_t i = 0; i < LOOKED_AT; i++)
        if (!is_base64(s.ptr[i]))
            return false;
    return true;
}

static struct str trim(struct str s)
{
    while (s.len && (unsigned char)s.ptr[0] <= ' ')
        s = str_from(s, 1);
    while (s.len && (unsigned char)s.ptr[s.len - 1] <= ' ')
        s.len--;
    return s;
}

void text_tell(struct text_reader *r, enum text_kind kind, struct str tool, struct str content)
{
    struct text text = {kind, tool, trim(content)};
    if (text.content.len && !is_opaque(text.content))
        r->fn(&text, r->owner);
}

void text_note_call(struct text_reader *r, struct str id, struct str tool)
{
    if (!id.len || !tool.len || r->call_count == TEXT_CALLS_MAX)
        return;
    if (!r->calls)
        r->calls = arena_alloc(r->arena, TEXT_CALLS_MAX * sizeof *r->calls);
    r->calls[r->call_count++] = (struct text_call){arena_str(r->arena, id), tool};
}

/* The tool that was called; the newest call of this id. */
static struct str tool_of_call(const struct text_reader *r, struct str id)
{
    for (size_t i = r->call_count; i-- > 0;)
        if (str_equal(r->calls[i].id, id))
            return r->calls[i].tool;
    return STR_NONE;
}

struct str text_name(struct text_reader *r, struct str raw)
{
    struct str name = json_read_text(raw, TEXT_TOOL_NAME_MAX, r->arena);
    return name.len ? arena_str(r->arena, name) : STR_NONE;
}

static struct str read_string(struct text_reader *r, struct str raw)
{
    return json_read_text(raw, TEXT_BYTES_MAX - 1, r->arena);
}

/* --- texts in pieces, joined by line ends --- */

/* What is past the ceiling is left out. */
static void join(struct text_reader *r, struct str piece)
{
    struct buf *b = &r->joined;
    if (!piece.len || is_opaque(piece) || b->len + 1 + piece.len > b->ceiling)
        return;
    enum err err = b->len ? buf_append_byte(b, '\n') : ERR_OK;
    if (!err)
        err = buf_append(b, piece);
    assert(!err); /* there is room */
}

/* Members that say how, not what. */
static bool is_mute(struct str key)
{
    static const struct str mute[] = {
        {"type", 4}, {"signature", 9}, {"encrypted_content", 17}, {"encrypted_index", 15},
        {"media_type", 10}, {"id", 2}, {"tool_use_id", 11}, {"cache_control", 13},
    };
    for (size_t i = 0; i < COUNT_OF(mute); i++)
        if (json_key_is(key, mute[i]))
            return true;
    return false;
}

enum { LEAF_DEPTH_MAX = 16 };

/* Every string in a value, whatever holds it. `only`: those under members of this name. */
static void join_leaves(struct text_reader *r, struct str raw, struct str only, unsigned depth)
{
    struct json_walk w;
    struct str key;
    if (raw.len && raw.ptr[0] == '"' && !only.len) {
        join(r, read_string(r, raw));
        return;
    }
    json_walk_init(&w, raw);
    if (depth == LEAF_DEPTH_MAX)
        return;
    if (json_enter(&w, '[')) {
        while (json_next_element(&w))
            join_leaves(r, json_take(&w), only, depth + 1);
    } else if (json_enter(&w, '{')) {
        while (json_next_key(&w, &key)) {
            struct str value = json_take(&w);
            bool is_wanted = only.len && value.len && value.ptr[0] == '"' && json_key_is(key, only);
            if (is_wanted || (only.len == 0 && !is_mute(key)))
                join_leaves(r, value, STR_NONE, depth + 1);
            else if (only.len)
                join_leaves(r, value, only, depth + 1);
        }
    }
}

void text_tell_input(struct text_reader *r, struct str tool, struct str input)
{
    buf_clear(&r->joined);
    join_leaves(r, trim(input), STR_NONE, 0);
    text_tell(r, TEXT_TOOL_INPUT, tool, buf_str(&r->joined));
}

/* --- content blocks --- */

struct members { /* of a block or a message, raw */
    struct str type, role, text, thinking, id, name, input, content, tool_use_id, source, arguments,
        call_id, output, tool_calls, tool_call_id, function, summary;
};

static const struct {
    struct str name;
    size_t at;
} member_names[] = {
#define MEMBER(name)                                                                               \
    {                                                                                              \
        {#name, sizeof #name - 1}, offsetof(struct members, name)                                  \
    }
    MEMBER(type), MEMBER(role), MEMBER(text), MEMBER(thinking), MEMBER(id), MEMBER(name),
    MEMBER(input), MEMBER(content), MEMBER(tool_use_id), MEMBER(source), MEMBER(arguments),
    MEMBER(call_id), MEMBER(output), MEMBER(tool_calls), MEMBER(tool_call_id), MEMBER(function),
    MEMBER(summary),
#undef MEMBER
};

static bool read_members(struct str raw, struct members *m)
{
    struct json_walk w;
    struct str key;
    *m = (struct members){0};
    json_walk_init(&w, raw);
    if (!json_enter(&w, '{'))
        return false;
    while (json_next_key(&w, &key)) {
        struct str value = json_take(&w);
        for (size_t i = 0; i < COUNT_OF(member_names); i++)
            if (json_key_is(key, member_names[i].name))
                *(struct str *)(void *)((char *)m + member_names[i].at) = value;
    }
    return true;
}

static bool raw_ends(struct str raw, struct str end)
{
    return raw.len > end.len && raw.ptr[0] == '"' &&
           str_ends(str_make(raw.ptr, raw.len - 1), end);
}

static bool raw_is(struct str raw, struct str text)
{
    return raw.len == text.len + 2 && raw_ends(raw, text);
}

static void read_result(struct text_reader *r, struct str call, struct str content)
{
    buf_clear(&r->joined);
    join_leaves(r, content, STR_NONE, 0);
    text_tell(r, TEXT_TOOL_RESULT, tool_of_call(r, text_name(r, call)), buf_str(&r->joined));
}

static void read_call(struct text_reader *r, struct str id, struct str name, struct str input)
{
    struct str tool = text_name(r, name);
    text_note_call(r, text_name(r, id), tool);
    /* OpenAI gives it as JSON in a string */
    struct str inside = input.len && input.ptr[0] == '"' ? read_string(r, input) : input;
    bool is_json = inside.len && (inside.ptr[0] == '{' || inside.ptr[0] == '[');
    if (is_json)
        text_tell_input(r, tool, inside);
    else
        text_tell(r, TEXT_TOOL_INPUT, tool, inside);
}

/* A document that is a text; one that is a file has only its name to show. */
static void read_document(struct text_reader *r, enum text_kind kind, const struct members *m)
{
    struct members source;
    if (read_members(m->source, &source) && raw_is(source.type, STR("text")))
        text_tell(r, kind, STR_NONE, read_string(r, json_member(m->source, STR("data"))));
    buf_clear(&r->joined);
    join_leaves(r, source.content, STR_NONE, 0);
    text_tell(r, kind, STR_NONE, buf_str(&r->joined));
}

static void read_block(struct text_reader *r, enum text_kind kind, struct str raw)
{
    struct members m;
    if (!read_members(raw, &m)) {
        text_tell(r, kind, STR_NONE, read_string(r, raw)); /* a list of plain strings */
        return;
    }
    if (raw_is(m.type, STR("thinking")))
        text_tell(r, TEXT_THINKING, STR_NONE, read_string(r, m.thinking));
    else if (raw_ends(m.type, STR("tool_use")))
        read_call(r, m.id, m.name, m.input);
    else if (raw_ends(m.type, STR("tool_result")))
        read_result(r, m.tool_use_id, m.content);
    else if (raw_is(m.type, STR("document")))
        read_document(r, kind, &m);
    else if (m.text.len) /* text, input_text, output_text */
        text_tell(r, kind, STR_NONE, read_string(r, m.text));
}

void text_read_content(struct text_reader *r, enum text_kind kind, struct str raw)
{
    struct json_walk w;
    json_walk_init(&w, raw);
    if (raw.len && raw.ptr[0] == '"')
        text_tell(r, kind, STR_NONE, read_string(r, raw));
    else if (json_enter(&w, '['))
        while (json_next_element(&w))
            read_block(r, kind, json_take(&w));
}

/* --- messages --- */

static enum text_kind kind_of_role(struct str role)
{
    if (raw_is(role, STR("assistant")))
        return TEXT_ASSISTANT;
    return raw_is(role, STR("system")) || raw_is(role, STR("developer")) ? TEXT_SYSTEM : TEXT_USER;
}

static void read_tool_calls(struct text_reader *r, struct str raw)
{
    struct json_walk w;
    struct members call, function;
    json_walk_init(&w, raw);
    if (json_enter(&w, '['))
        while (json_next_element(&w))
            if (read_members(json_take(&w), &call) && read_members(call.function, &function))
                read_call(r, call.id, function.name, function.arguments);
}

void text_read_message(struct text_reader *r, struct str raw)
{
    struct members m;
    if (!read_members(raw, &m))
        return;
    if (raw_is(m.role, STR("tool")))
        read_result(r, m.tool_call_id, m.content);
    else if (raw_is(m.type, STR("function_call")))
        read_call(r, m.call_id, m.name, m.arguments);
    else if (raw_is(m.type, STR("function_call_output")))
        read_result(r, m.call_id, m.output);
    else if (raw_is(m.type, STR("reasoning")))
        text_read_content(r, TEXT_THINKING, m.summary);
    else
        text_read_content(r, kind_of_role(m.role), m.content);
    read_tool_calls(r, m.tool_calls);
}

void text_read_list(struct text_reader *r, struct str raw)
{
    struct json_walk w;
    json_walk_init(&w, raw);
    if (raw.len && raw.ptr[0] == '"')
        text_tell(r, TEXT_USER, STR_NONE, read_string(r, raw)); /* responses: input as a string */
    else if (json_enter(&w, '['))
        while (json_next_element(&w))
            text_read_message(r, json_take(&w));
}

void text_read_messages(struct text_reader *r, struct str elements)
{
    struct json_walk w;
    json_walk_init(&w, elements);
    while (json_peek(&w) >= 0 && !w.is_stuck) {
        if (json_peek(&w) == ',')
            w.at++;
        struct str message = json_take(&w);
        if (!message.len)
            return;
        text_read_message(r, message);
    }
}

/* --- the request --- */

static void read_tool(struct text_reader *r, struct str raw)
{
    struct str function = json_member(raw, STR("function"));
    struct str tool = function.len ? function : raw;
    struct str name = text_name(r, json_member(tool, STR("name")));
    buf_clear(&r->joined);
    join(r, name);
    join_leaves(r, tool, STR("description"), 0);
    text_tell(r, TEXT_TOOL, name, buf_str(&r->joined));
}

static void read_tools(struct text_reader *r, struct str raw)
{
    struct json_walk w;
    json_walk_init(&w, raw);
    if (json_enter(&w, '['))
        while (json_next_element(&w))
            read_tool(r, json_take(&w));
}

void text_read_request(struct text_reader *r, struct str body)
{
    struct json_walk w;
    struct str key;
    json_walk_init(&w, body);
    if (!json_enter(&w, '{'))
        return;
    while (json_next_key(&w, &key)) {
        struct str value = json_take(&w);
        if (json_key_is(key, STR("system")) || json_key_is(key, STR("instructions")))
            text_read_content(r, TEXT_SYSTEM, value);
        else if (json_key_is(key, STR("tools")))
            read_tools(r, value);
        else if (json_key_is(key, STR("messages")) || json_key_is(key, STR("input")))
            text_read_list(r, value);
        else if (json_key_is(key, STR("prompt")))
            text_tell(r, TEXT_USER, STR_NONE, read_string(r, value));
    }
}

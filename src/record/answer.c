/*
 * answer.c — what an answer says, in one pass and without a tree. The whole message is put
 * together in answer_message.c.
 *
 * Of the hundreds of deltas in a stream only type and index are looked at. An event is what its
 * data's "type" says it is; its `event` line counts where the data has none.
 */
#include "record/answer.h"

#include <xxhash.h>

#include "record/answer_chat.h"
#include "record/answer_event.h"
#include "record/json_walk.h"

enum {
    NAME_MAX_BYTES = 256,   /* of a model, a stop reason, an error type */
    MESSAGE_MAX_BYTES = 300 /* of an error's message */
};

/* More tokens than anyone can have meant. */
static const int64_t count_max = 1000000000000;

struct reading {
    struct answer_facts *facts;
    struct arena *arena;
    bool is_begun, is_over; /* message_start, message_stop were seen */
    int64_t open, next;     /* indexes: of the open block (UNKNOWN: none); of the next to begin */
    bool is_known, is_strange; /* one event at least was ours; was not */
    bool is_spawning;          /* the open block begins a sub-agent: its input is gathered */
    struct buf input;
};

static void violation(struct reading *r, bool is_wrong)
{
    if (is_wrong)
        r->facts->flags |= RECORD_PROTOCOL_VIOLATION;
}

/* Numbers in `usage`, and objects in it that hold more of them. */
static const struct counter {
    struct str name, inside; /* `inside`: the object it stands in; empty: usage itself */
    size_t at;
} counters[] = {
#define COUNTER(name, inside, field)                                                               \
    {                                                                                              \
        {name, sizeof(name) - 1}, {inside, sizeof(inside) - 1}, offsetof(struct usage, field)      \
    }
    COUNTER("input_tokens", "", input_tokens),
    COUNTER("output_tokens", "", output_tokens),
    COUNTER("cache_read_input_tokens", "", cache_read_input_tokens),
    COUNTER("cache_creation_input_tokens", "", cache_creation_input_tokens),
    COUNTER("ephemeral_5m_input_tokens", "cache_creation", cache_creation_5m_tokens),
    COUNTER("ephemeral_1h_input_tokens", "cache_creation", cache_creation_1h_tokens),
    COUNTER("web_search_requests", "server_tool_use", web_search_requests),
#undef COUNTER
};

static void read_counter(struct reading *r, const struct counter *c, struct str raw)
{
    int64_t *field = (int64_t *)(void *)((char *)&r->facts->usage + c->at);
    switch (json_read_int(raw, count_max, field)) {
    case JSON_INT_OK:
    case JSON_INT_NULL:
        break; /* not told again: what was told before stands */
    case JSON_INT_BAD:
        *field = UNKNOWN;
        violation(r, true);
        break;
    }
}

static void read_billing(struct reading *r, struct str key, struct str raw)
{
    static const struct {
        struct str key, value;
        enum record_flag bit;
    } signs[] = {
        {{"speed", 5}, {"\"fast\"", 6}, RECORD_BILLED_FAST},
        {{"service_tier", 12}, {"\"batch\"", 7}, RECORD_BILLED_BATCH},
        {{"service_tier", 12}, {"\"priority\"", 10}, RECORD_BILLED_PRIORITY},
        {{"inference_geo", 13}, {"\"us\"", 4}, RECORD_BILLED_IN_US},
    };
    for (size_t i = 0; i < COUNT_OF(signs); i++)
        if (json_key_is(key, signs[i].key) && str_equal(raw, signs[i].value))
            r->facts->flags |= (uint32_t)signs[i].bit;
}

/* Counts are cumulative: what is told later replaces what was told before. */
static void read_usage(struct reading *r, struct str usage, struct str inside)
{
    struct json_walk w;
    struct str key;
    json_walk_init(&w, usage);
    if (!json_enter(&w, '{')) {
        violation(r, usage.len && usage.ptr[0] != 'n');
        return;
    }
    while (json_next_key(&w, &key)) {
        struct str raw = json_take(&w);
        for (size_t i = 0; i < COUNT_OF(counters); i++)
            if (str_equal(counters[i].inside, inside) && json_key_is(key, counters[i].name))
                read_counter(r, &counters[i], raw);
        if (!inside.len && raw.len && raw.ptr[0] == '{')
            read_usage(r, raw, key);
        else if (!inside.len && raw.len && raw.ptr[0] == '"')
            read_billing(r, key, raw);
    }
}

/* Copied: an event of several data lines is gone when the next one comes. */
static void read_text(struct reading *r, struct str raw, size_t max, struct str *out)
{
    struct str text = json_read_text(raw, max, r->arena);
    if (text.len)
        *out = arena_str(r->arena, text);
}

static void read_error(struct reading *r, struct str raw)
{
    if (!raw.len || raw.ptr[0] == 'n' || raw.ptr[0] == 'f')
        return; /* null, false */
    r->facts->is_error = true;
    read_text(r, raw, MESSAGE_MAX_BYTES, &r->facts->error_message);
    read_text(r, json_member(raw, STR("type")), NAME_MAX_BYTES, &r->facts->error_type);
    read_text(r, json_member(raw, STR("message")), MESSAGE_MAX_BYTES, &r->facts->error_message);
}

uint64_t spawn_hash(struct str prompt)
{
    return XXH3_64bits(prompt.ptr ? prompt.ptr : "", prompt.len);
}

uint64_t spawn_first(struct str prompt)
{
    return spawn_hash(str_head(prompt, SPAWN_FIRST_BYTES));
}

bool spawn_of_input(struct str input, struct arena *arena, struct spawn *out)
{
    struct str type = json_read_text(json_member(input, STR("subagent_type")), NAME_MAX_BYTES, arena);
    struct str prompt = json_read_text(json_member(input, STR("prompt")), SPAWN_INPUT_MAX, arena);
    struct str background = json_member(input, STR("run_in_background"));
    *out = (struct spawn){arena_str(arena, type), spawn_hash(prompt), spawn_first(prompt),
                          str_equal(background, STR("true"))};
    return type.len && prompt.len;
}

static void note_spawn(struct reading *r, struct str input)
{
    struct answer_facts *f = r->facts;
    if (f->spawn_count < SPAWNS_MAX && spawn_of_input(input, r->arena, &f->spawns[f->spawn_count]))
        f->spawn_count++;
}

static bool is_spawn_tool(struct str name)
{
    return str_equal(name, STR("Agent")) || str_equal(name, STR("Task"));
}

bool spawn_is_call(struct str block, struct arena *arena)
{
    return str_equal(json_member(block, STR("type")), STR("\"tool_use\"")) &&
           is_spawn_tool(json_read_text(json_member(block, STR("name")), TOOL_NAME_MAX, arena));
}

/* True when it begins a sub-agent. */
static bool count_tool_use(struct reading *r, struct str block)
{
    if (!str_equal(json_member(block, STR("type")), STR("\"tool_use\"")))
        return false;
    r->facts->tool_use_count++;
    struct str name = json_read_text(json_member(block, STR("name")), TOOL_NAME_MAX, r->arena);
    tool_list_add(&r->facts->tools, arena_str(r->arena, name), 1);
    return is_spawn_tool(name);
}

static void read_content(struct reading *r, struct str raw)
{
    struct json_walk w;
    json_walk_init(&w, raw);
    if (!json_enter(&w, '['))
        return;
    r->facts->tool_use_count = 0;
    r->facts->tools.len = 0;
    while (json_next_element(&w)) {
        struct str block = json_take(&w);
        if (count_tool_use(r, block))
            note_spawn(r, json_member(block, STR("input")));
    }
}

/* One member of a message, or of what stands in for one. */
static void read_message_member(struct reading *r, struct str key, struct str raw)
{
    if (json_key_is(key, STR("model")))
        read_text(r, raw, NAME_MAX_BYTES, &r->facts->model);
    else if (json_key_is(key, STR("stop_reason")))
        read_text(r, raw, NAME_MAX_BYTES, &r->facts->stop_reason);
    else if (json_key_is(key, STR("usage")))
        read_usage(r, raw, STR_NONE);
    else if (json_key_is(key, STR("content")))
        read_content(r, raw);
}

static void read_message(struct reading *r, struct str raw)
{
    struct json_walk w;
    struct str key;
    json_walk_init(&w, raw);
    if (!json_enter(&w, '{'))
        return;
    while (json_next_key(&w, &key))
        read_message_member(r, key, json_take(&w));
}

static int64_t index_of(struct str data)
{
    int64_t index = UNKNOWN;
    json_read_int(json_member(data, STR("index")), INT32_MAX, &index);
    return index;
}

/* How nearly all deltas begin, with a digit and a comma behind; then type and index are known. */
static const char usual_delta[] = "{\"type\":\"content_block_delta\",\"index\":";
enum { USUAL_LEN = sizeof usual_delta - 1 };

static bool is_usual_delta(struct str data)
{
    return data.len > USUAL_LEN + 2 && data.ptr[USUAL_LEN + 1] == ',' &&
           memcmp(data.ptr, usual_delta, USUAL_LEN) == 0;
}

static void gather_input(struct reading *r, struct str data)
{
    struct str raw = json_member(json_member(data, STR("delta")), STR("partial_json"));
    r->is_spawning = buf_append(&r->input, json_read_text(raw, SPAWN_INPUT_MAX, r->arena)) ==
                     ERR_OK;
}

static void on_delta(struct reading *r, struct str data, size_t start)
{
    int64_t index = is_usual_delta(data) ? data.ptr[USUAL_LEN] - '0' : index_of(data);
    if (r->facts->first_token_at == SIZE_MAX)
        r->facts->first_token_at = start;
    violation(r, index < 0 || index != r->open || data.ptr[data.len - 1] != '}');
    if (r->is_spawning)
        gather_input(r, data);
}

static void on_message_start(struct reading *r, struct str data, size_t start)
{
    (void)start;
    violation(r, r->is_begun);
    r->is_begun = true;
    struct str message = json_member(data, STR("message"));
    violation(r, !message.len || message.ptr[0] != '{');
    r->facts->tool_use_count = MAX_OF(r->facts->tool_use_count, 0);
    read_message(r, message);
}

static void on_block_start(struct reading *r, struct str data, size_t start)
{
    (void)start;
    int64_t index = index_of(data);
    violation(r, index != r->next || r->open != UNKNOWN);
    r->open = index;
    r->next = index >= 0 ? index + 1 : r->next;
    r->facts->tool_use_count = MAX_OF(r->facts->tool_use_count, 0);
    buf_clear(&r->input);
    r->is_spawning = count_tool_use(r, json_member(data, STR("content_block")));
}

static void on_block_stop(struct reading *r, struct str data, size_t start)
{
    (void)start;
    int64_t index = index_of(data);
    violation(r, index < 0 || index != r->open);
    r->open = UNKNOWN;
    if (r->is_spawning)
        note_spawn(r, buf_str(&r->input));
    r->is_spawning = false;
}

static void on_message_delta(struct reading *r, struct str data, size_t start)
{
    (void)start;
    violation(r, r->open != UNKNOWN);
    read_message(r, json_member(data, STR("delta")));
    read_usage(r, json_member(data, STR("usage")), STR_NONE);
}

static void on_message_stop(struct reading *r, struct str data, size_t start)
{
    (void)data;
    (void)start;
    violation(r, r->open != UNKNOWN);
    r->is_over = r->facts->is_complete = true;
}

static void on_error(struct reading *r, struct str data, size_t start)
{
    (void)start;
    struct str error = json_member(data, STR("error"));
    r->facts->is_error = true;
    read_error(r, error.len ? error : data);
}

static void on_ping(struct reading *r, struct str data, size_t start)
{
    (void)r;
    (void)data;
    (void)start;
}

enum place { ANYWHERE, FIRST, INSIDE }; /* where in a stream an event may stand */

static const struct kind {
    struct str name;
    void (*read)(struct reading *r, struct str data, size_t start);
    enum place place;
} kinds[] = {
    /* the first is the usual delta's */
#define KIND(name, read, place)                                                                    \
    {                                                                                              \
        {name, sizeof(name) - 1}, read, place                                                      \
    }
    KIND("content_block_delta", on_delta, INSIDE),
    KIND("content_block_start", on_block_start, INSIDE),
    KIND("content_block_stop", on_block_stop, INSIDE),
    KIND("message_start", on_message_start, FIRST),
    KIND("message_delta", on_message_delta, INSIDE),
    KIND("message_stop", on_message_stop, INSIDE),
    KIND("ping", on_ping, ANYWHERE),
    KIND("error", on_error, ANYWHERE),
#undef KIND
};

struct str answer_event_type(const struct sse_event *event)
{
    static const struct str usual = {"{\"type\":\"", 9};
    struct str data = event->data;
    if (str_starts(data, usual)) {
        struct str rest = str_from(data, usual.len);
        return str_head(rest, str_find(rest, '"'));
    }
    struct str raw = data.len && data.ptr[0] == '{' ? json_member(data, STR("type")) : STR_NONE;
    return raw.len > 2 ? str_make(raw.ptr + 1, raw.len - 2) : event->name;
}

static const struct kind *find_kind(const struct sse_event *event)
{
    if (is_usual_delta(event->data))
        return &kinds[0];
    struct str type = answer_event_type(event);
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (str_equal(type, kinds[i].name))
            return &kinds[i];
    return NULL;
}

/* Chat Completions' chunks have no type; an error among them is all that they have then. */
static void on_event_of_others(struct reading *r, const struct sse_event *event)
{
    struct str data = event->data;
    bool is_chat = str_equal(data, STR("[DONE]")) ||
                   answer_chat_read(data, event->start, r->arena, r->facts);
    if (!is_chat && json_member(data, STR("error")).len) {
        on_error(r, data, event->start);
        is_chat = true;
    }
    r->is_known |= is_chat;
    r->is_strange |= !is_chat;
}

static void on_event(void *owner, const struct sse_event *event)
{
    struct reading *r = owner;
    if (!event->data.len)
        return;
    const struct kind *kind = find_kind(event);
    if (!kind) {
        on_event_of_others(r, event);
        return;
    }
    r->is_known = true;
    violation(r, kind->place != ANYWHERE && r->is_over);
    violation(r, kind->place == INSIDE && !r->is_begun);
    kind->read(r, event->data, event->start);
}

/* Can this be the beginning of an event stream, however short? */
static bool is_stream_like(struct str body)
{
    if (str_starts(body, STR("\xEF\xBB\xBF")))
        body = str_from(body, 3);
    return !body.len || (body.ptr[0] && strchr("edir:\r\n", body.ptr[0]));
}

static void read_stream(struct reading *r, struct str body)
{
    struct sse_parser parser;
    sse_parser_init(&parser, body.len);
    bool is_broken = sse_parser_feed(&parser, body, on_event, r) != ERR_OK;
    if (is_broken || (!r->is_known && (r->is_strange || !is_stream_like(body))))
        r->facts->flags |= RECORD_RESPONSE_INVALID;
    sse_parser_release(&parser);
}

static void read_json(struct reading *r, struct str body)
{
    struct json_walk w;
    struct str key;
    bool is_chat = false;
    json_walk_init(&w, body);
    if (json_enter(&w, '{'))
        while (json_next_key(&w, &key)) {
            struct str raw = json_take(&w);
            is_chat |= json_key_is(key, STR("choices"));
            if (json_key_is(key, STR("error")))
                read_error(r, raw);
            else
                read_message_member(r, key, raw);
        }
    else
        json_take(&w);
    if (json_peek(&w) >= 0 || w.flags & JSON_SCAN_INVALID)
        r->facts->flags |= RECORD_RESPONSE_INVALID;
    else if (!is_chat || answer_chat_read(body, 0, r->arena, r->facts))
        r->facts->is_complete = true;
}

bool answer_is_stream(struct str body, bool is_sse)
{
    size_t at = str_starts(body, STR("\xEF\xBB\xBF")) ? 3 : 0;
    while (at < body.len && strchr(" \t\r\n", body.ptr[at]) && body.ptr[at])
        at++;
    struct str start = str_from(body, at);
    if (start.len && (start.ptr[0] == '{' || start.ptr[0] == '['))
        return false;
    return is_sse || str_starts(start, STR("event:")) || str_starts(start, STR("data:"));
}

void answer_read(struct str body, bool is_sse, struct arena *arena, struct answer_facts *facts)
{
    *facts = (struct answer_facts){
        .usage = {UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN},
        .tool_use_count = UNKNOWN,
        .first_token_at = SIZE_MAX,
    };
    struct reading r = {.facts = facts, .arena = arena, .open = UNKNOWN};
    if (!body.len)
        return;
    buf_init(&r.input, SPAWN_INPUT_MAX);
    if (answer_is_stream(body, is_sse))
        read_stream(&r, body);
    else
        read_json(&r, body);
    buf_release(&r.input);
}

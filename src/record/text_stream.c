/*
 * text_stream.c — the texts of an answer: whole, or put together from a stream's deltas.
 *
 * Blocks follow one another in a stream; a delta belongs to the block that began last.
 */
#include "record/answer.h"
#include "record/answer_event.h"
#include "record/json_walk.h"
#include "record/text_part.h"

enum block {
    OPEN,              /* the open block */
    CHOICE, REASONING, /* OpenAI: there are no blocks */
};

struct stream {
    struct text_reader *reader;
    struct str type, tool; /* of the open block; in the arena */
};

static void grow(struct stream *s, enum block block, struct str raw)
{
    struct str more = json_read_text(raw, TEXT_BYTES_MAX, s->reader->arena);
    if (buf_append(&s->reader->blocks[block], more)) {
        /* past the ceiling: left out */
    }
}

static void tell(struct stream *s, enum block block, enum text_kind kind)
{
    struct buf *b = &s->reader->blocks[block];
    text_tell(s->reader, kind, STR_NONE, buf_str(b));
    buf_clear(b);
}

static void end_block(struct stream *s)
{
    struct buf *open = &s->reader->blocks[OPEN];
    if (s->tool.len)
        text_tell_input(s->reader, s->tool, buf_str(open));
    else
        tell(s, OPEN, str_equal(s->type, STR("thinking")) ? TEXT_THINKING : TEXT_ASSISTANT);
    buf_clear(open);
    s->type = s->tool = STR_NONE;
}

static void begin_block(struct stream *s, struct str block)
{
    end_block(s);
    struct text_reader *r = s->reader;
    s->type = text_name(r, json_member(block, STR("type")));
    if (str_ends(s->type, STR("tool_result"))) {
        /* a server tool's comes whole */
        struct str list = arena_printf(r->arena, "{\"role\":\"assistant\",\"content\":[%.*s]}",
                                       STR_ARGS(block));
        text_read_message(r, list);
        s->type = STR_NONE;
    } else if (str_ends(s->type, STR("tool_use"))) {
        s->tool = text_name(r, json_member(block, STR("name")));
        text_note_call(r, text_name(r, json_member(block, STR("id"))), s->tool);
    } else {
        grow(s, OPEN, json_member(block, STR("text")));
        grow(s, OPEN, json_member(block, STR("thinking")));
    }
}

static void on_delta(struct stream *s, struct str delta)
{
    static const struct str members[] = {{"text", 4}, {"partial_json", 12}, {"thinking", 8}};
    for (size_t i = 0; i < COUNT_OF(members); i++)
        grow(s, OPEN, json_member(delta, members[i]));
}

static struct str first_element(struct str list)
{
    struct json_walk w;
    json_walk_init(&w, list);
    return json_enter(&w, '[') && json_next_element(&w) ? json_take(&w) : STR_NONE;
}

/* A chunk of a chat completion: only its first choice, as clients do. */
static void on_choice(struct stream *s, struct str data)
{
    struct str delta = json_member(first_element(json_member(data, STR("choices"))), STR("delta"));
    struct str call = first_element(json_member(delta, STR("tool_calls")));
    struct str function = json_member(call, STR("function"));
    struct str name = text_name(s->reader, json_member(function, STR("name")));
    grow(s, CHOICE, json_member(delta, STR("content")));
    grow(s, REASONING, json_member(delta, STR("reasoning_content")));
    if (name.len) {
        end_block(s);
        s->type = s->tool = name;
        text_note_call(s->reader, text_name(s->reader, json_member(call, STR("id"))), name);
    }
    grow(s, OPEN, json_member(function, STR("arguments")));
}

static void on_event(void *owner, const struct sse_event *event)
{
    struct stream *s = owner;
    struct str data = event->data, type = answer_event_type(event);
    if (str_equal(type, STR("content_block_delta")))
        on_delta(s, json_member(data, STR("delta")));
    else if (str_equal(type, STR("content_block_start")))
        begin_block(s, json_member(data, STR("content_block")));
    else if (str_equal(type, STR("content_block_stop")))
        end_block(s);
    else if (str_equal(type, STR("response.completed")))
        text_read_list(s->reader, json_member(json_member(data, STR("response")), STR("output")));
    else if (!type.len)
        on_choice(s, data);
}

static void read_stream(struct text_reader *r, struct str body)
{
    struct stream s = {.reader = r};
    struct sse_parser parser;
    sse_parser_init(&parser, body.len);
    if (sse_parser_feed(&parser, body, on_event, &s)) {
        /* a line past all bounds: what came before it counts */
    }
    sse_parser_release(&parser);
    end_block(&s);
    tell(&s, REASONING, TEXT_THINKING);
    tell(&s, CHOICE, TEXT_ASSISTANT);
}

static void read_json(struct text_reader *r, struct str body)
{
    struct str choice = first_element(json_member(body, STR("choices")));
    if (choice.len)
        text_read_message(r, json_member(choice, STR("message")));
    else if (json_member(body, STR("output")).len)
        text_read_list(r, json_member(body, STR("output")));
    else
        text_read_content(r, TEXT_ASSISTANT, json_member(body, STR("content")));
}

void text_read_answer(struct text_reader *r, struct str body, bool is_sse)
{
    if (!body.len)
        return;
    if (answer_is_stream(body, is_sse))
        read_stream(r, body);
    else
        read_json(r, body);
}

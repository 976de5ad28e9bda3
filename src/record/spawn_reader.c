/*
 * spawn_reader.c — events of tool calls, put together.
 */
#include "record/spawn_reader.h"

#include "record/json_walk.h"

void spawn_reader_init(struct spawn_reader *r, bool is_stream, spawn_fn *fn, void *owner)
{
    *r = (struct spawn_reader){.is_stream = is_stream, .fn = fn, .owner = owner};
    sse_parser_init(&r->sse, SPAWN_EVENT_MAX);
    buf_init(&r->whole, SPAWN_ANSWER_MAX);
    buf_init(&r->input, SPAWN_INPUT_MAX);
    arena_init(&r->arena);
}

void spawn_reader_release(struct spawn_reader *r)
{
    sse_parser_release(&r->sse);
    buf_release(&r->whole);
    buf_release(&r->input);
    arena_release(&r->arena);
}

static void tell(struct spawn_reader *r, struct str input)
{
    struct spawn spawn;
    if (spawn_of_input(input, &r->arena, &spawn))
        r->fn(&spawn, r->owner);
    arena_clear(&r->arena);
}

static void on_block_start(struct spawn_reader *r, struct str data)
{
    struct str block = json_member(data, STR("content_block"));
    buf_clear(&r->input);
    r->is_spawning = spawn_is_call(block, &r->arena);
    arena_clear(&r->arena);
}

static void on_delta(struct spawn_reader *r, struct str data)
{
    struct str raw = json_member(json_member(data, STR("delta")), STR("partial_json"));
    struct str part = json_read_text(raw, SPAWN_INPUT_MAX, &r->arena);
    r->is_spawning = buf_append(&r->input, part) == ERR_OK;
    arena_clear(&r->arena);
}

static void on_event(void *owner, const struct sse_event *event)
{
    struct spawn_reader *r = owner;
    struct str type = event->name;
    if (str_equal(type, STR("content_block_start"))) {
        on_block_start(r, event->data);
    } else if (r->is_spawning && str_equal(type, STR("content_block_delta"))) {
        on_delta(r, event->data);
    } else if (r->is_spawning && str_equal(type, STR("content_block_stop"))) {
        tell(r, buf_str(&r->input));
        r->is_spawning = false;
    }
}

void spawn_reader_feed(struct spawn_reader *r, struct str bytes)
{
    if (r->has_failed)
        return;
    enum err err = r->is_stream ? sse_parser_feed(&r->sse, bytes, on_event, r)
                                : buf_append(&r->whole, bytes);
    r->has_failed = err != ERR_OK;
}

void spawn_reader_end(struct spawn_reader *r)
{
    if (r->is_stream || r->has_failed)
        return;
    struct answer_facts facts = {0};
    answer_read(buf_str(&r->whole), false, &r->arena, &facts);
    for (size_t i = 0; i < facts.spawn_count; i++)
        r->fn(&facts.spawns[i], r->owner);
}

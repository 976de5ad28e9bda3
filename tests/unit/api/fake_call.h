/*
 * fake_call.h — a call without a connection: what was answered is kept to be looked at.
 */
#ifndef TESTS_FAKE_CALL_H
#define TESTS_FAKE_CALL_H

#include "check.h"

#include "base/buf.h"
#include "io/loop.h"
#include "server/call.h"

struct call {
    struct arena arena;
    struct head head;
    struct loop *loop;
    struct str path, query;
    /* the answer */
    int answers, status;
    struct buf body, headers;
    char type[64];
    /* the stream */
    bool is_full, is_gone, is_ended, is_broken;
    void (*on_gone)(void *owner);
    void (*on_room)(void *owner);
    void *owner;
};

static inline void fake_init(struct call *c, struct loop *l, const char *method, const char *target)
{
    *c = (struct call){.loop = l};
    arena_init(&c->arena);
    buf_init(&c->body, 64 << 20);
    buf_init(&c->headers, 1 << 20);
    struct str t = str_of(target);
    size_t mark = str_find(t, '?');
    c->head.method = str_of(method);
    c->head.target = t;
    c->path = str_head(t, mark);
    c->query = str_from(t, mark + 1);
}

static inline void fake_release(struct call *c)
{
    arena_release(&c->arena);
    buf_release(&c->body);
    buf_release(&c->headers);
}

static inline bool fake_has(const struct buf *b, const char *text)
{
    return str_contains_nocase(buf_str(b), str_of(text));
}

/* The client goes away. */
static inline void fake_leave(struct call *c)
{
    c->is_gone = true;
    c->on_gone(c->owner);
}

/* --- what the tested code calls --- */

const struct head *call_head(const struct call *c)
{
    return &c->head;
}

struct str call_method(const struct call *c)
{
    return c->head.method;
}

struct str call_path(const struct call *c)
{
    return c->path;
}

struct str call_query(const struct call *c)
{
    return c->query;
}

struct arena *call_arena(struct call *c)
{
    return &c->arena;
}

struct loop *call_loop(struct call *c)
{
    return c->loop;
}

static void fake_answer(struct call *c, const struct reply *r, struct str body)
{
    c->answers++;
    c->status = r->status;
    strncpy(c->type, r->content_type, sizeof c->type - 1);
    assert_int_equal(buf_append(&c->headers, r->headers), ERR_OK);
    assert_int_equal(buf_append(&c->body, body), ERR_OK);
}

void call_reply_give(struct call *c, const struct reply *r, char *body, size_t len)
{
    fake_answer(c, r, str_make(body, len));
    free(body);
}

void call_reply_static(struct call *c, const struct reply *r, struct str body)
{
    fake_answer(c, r, body);
}

void call_stream_begin(struct call *c, const struct reply *r, void (*on_gone)(void *owner),
                       void *owner)
{
    fake_answer(c, r, STR_NONE);
    c->on_gone = on_gone;
    c->owner = owner;
}

bool call_stream_write(struct call *c, struct str bytes)
{
    assert_false(c->is_gone || c->is_ended);
    if (c->is_full)
        return false;
    assert_int_equal(buf_append(&c->body, bytes), ERR_OK);
    return true;
}

void call_stream_on_room(struct call *c, void (*on_room)(void *owner))
{
    c->on_room = on_room;
}

bool call_stream_is_full(const struct call *c)
{
    return c->is_full;
}

void call_stream_break(struct call *c)
{
    assert_false(c->is_gone || c->is_ended);
    c->is_broken = true;
    fake_leave(c);
}

void call_stream_end(struct call *c)
{
    assert_false(c->is_gone || c->is_ended);
    c->is_ended = true;
    fake_leave(c);
}

#endif

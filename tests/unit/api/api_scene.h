/*
 * api_scene.h — an api to ask through a fake call, its last answer to be looked into, and, where a
 * test wants one, a real store below it.
 */
#ifndef TESTS_API_SCENE_H
#define TESTS_API_SCENE_H

#include "fake_call.h"
#include "fake_loop.h"

#include <yyjson.h>

#include "../store/place.h"
#include "api/api.h"
#include "base/mem.h"

struct scene {
    struct place place;
    struct store *store;
    struct api *api;
    struct arena arena;
    struct loop loop;
    struct call call;
    yyjson_doc *doc; /* the last answer's body, where that is JSON */
};

/* A row that is as old as its number is low. */
static inline struct record numbered_row(int number, enum ending state)
{
    struct record r;
    record_init(&r);
    r.id = uuid_floor(1763685787000000 + number * 1000);
    r.state = state;
    r.started_us = 1763685787000000 + number * 1000;
    return r;
}

/* Opens an empty store in a place of its own; scene_close_store() removes both. */
static inline void scene_open_store(struct scene *s)
{
    struct fail why = {0};
    place_make(&s->place);
    assert_int_equal(store_open(&s->store, &s->place.options, &why), ERR_OK);
}

static inline void scene_close_store(struct scene *s)
{
    store_close(s->store);
    place_remove(&s->place);
}

static inline void scene_forget(struct scene *s)
{
    if (s->call.answers)
        fake_release(&s->call);
    yyjson_doc_free(s->doc);
    s->doc = NULL;
    s->call.answers = 0;
}

/* The api goes before the store below it. */
static inline void scene_release(struct scene *s)
{
    scene_forget(s);
    api_free(s->api);
    arena_release(&s->arena);
}

/* `confirmation`: what X-Confirm-Delete says; NULL for none. */
static inline void ask_with(struct scene *s, int status, const char *method, const char *target,
                            const char *confirmation)
{
    scene_forget(s);
    fake_init(&s->call, &s->loop, method, target);
    if (confirmation)
        head_add(&s->call.head, &s->call.arena, STR("x-confirm-delete"), str_of(confirmation));
    api_handle(&s->call, s->api);
    fake_run(&s->loop);
    assert_int_equal(s->call.answers, 1);
    if (s->call.status != status)
        fail_msg("%s: %d %.*s", target, s->call.status, STR_ARGS(buf_str(&s->call.body)));
    if (strcmp(s->call.type, "application/json") != 0)
        return;
    s->doc = yyjson_read(s->call.body.ptr, s->call.body.len, 0);
    assert_non_null(s->doc);
}

static inline void ask(struct scene *s, int status, const char *target)
{
    ask_with(s, status, "GET", target, NULL);
}

static inline yyjson_val *at(struct scene *s, const char *pointer)
{
    yyjson_val *value = yyjson_doc_ptr_get(s->doc, pointer);
    if (!value)
        fail_msg("there is no %s in %.*s", pointer, STR_ARGS(buf_str(&s->call.body)));
    return value;
}

static inline const char *text_at(struct scene *s, const char *pointer)
{
    return yyjson_get_str(at(s, pointer));
}

#endif

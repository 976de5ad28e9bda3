/*
 * search_scene.h — a store and its search index for a test: says things, indexes them, asks.
 */
#ifndef TESTS_STORE_SEARCH_SCENE_H
#define TESTS_STORE_SEARCH_SCENE_H

#include <stdio.h>
#include <unistd.h>

#include "store_scene.h"
#include "store/search_private.h"

static const int64_t base_us = INT64_C(496000) * 3600 * 1000000;

struct fixture {
    struct store_scene s;
    char dir[64], search_dir[96];
    struct search *search;
    /* of the last question */
    struct search_hit hits[64];
    int count;
    struct search_end end;
};

static inline void open_search(struct fixture *x)
{
    x->search = search_new(x->s.store, x->search_dir);
    x->search->look_ns = UINT64_C(60000000000); /* however slow the machine is */
}

static inline void open_store(struct fixture *x)
{
    scene_open(&x->s);
    open_search(x);
}

static inline void close_store(struct fixture *x)
{
    search_free(x->search);
    scene_close(&x->s);
}

static inline int setup(void **state)
{
    struct fixture *x = MEM_NEW(struct fixture);
    snprintf(x->dir, sizeof x->dir, "/tmp/test_search.XXXXXX");
    assert_non_null(mkdtemp(x->dir));
    snprintf(x->search_dir, sizeof x->search_dir, "%s/search", x->dir);
    scene_begin(&x->s);
    open_search(x);
    *state = x;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *x = *state;
    search_free(x->search);
    scene_end(&x->s);
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", x->dir);
    assert_int_equal(system(command), 0);
    free(x);
    return 0;
}

/* --- saying --- */

/* One exchange of `session` ("" none); bodies as given. Committed, not yet indexed. */
static inline struct uuid say_at(struct fixture *x, int64_t at_us, const char *session, const char *request,
                          const char *response)
{
    struct record r = maker_record(at_us);
    r.session_id = str_of(session);
    r.title = STR("A title");
    maker_add(&x->s.maker, &r, str_of(request), str_of(response));
    scene_commit(&x->s);
    return r.id;
}

/* A user's text and the assistant's. */
static inline struct uuid say_texts_at(struct fixture *x, int64_t at_us, const char *session,
                                       const char *user, const char *assistant)
{
    char request[2048], response[2048];
    snprintf(request, sizeof request, "{\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}]}",
             user);
    snprintf(response, sizeof response,
             "{\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"%s\"}]}", assistant);
    return say_at(x, at_us, session, request, response);
}

static inline struct uuid say(struct fixture *x, const char *session, const char *user,
                              const char *assistant)
{
    return say_texts_at(x, base_us + 1, session, user, assistant);
}

static inline void index_all(struct fixture *x)
{
    struct search_counters n;
    struct fail f = {0};
    for (int i = 0; i < 1000; i++) {
        search_step(x->search);
        if (search_count(x->search, x->s.reader, &n, &f))
            fail_msg("%s", f.detail);
        assert_int_equal(n.failures, 0);
        if (!n.waiting)
            return;
    }
    fail_msg("the index never caught up");
}

static inline struct search_counters counters(struct fixture *x)
{
    struct search_counters n;
    struct fail f = {0};
    assert_int_equal(search_count(x->search, x->s.reader, &n, &f), ERR_OK);
    return n;
}

/* --- asking --- */

static inline void keep(const struct search_hit *hit, void *owner)
{
    struct fixture *x = owner;
    assert_true(x->count < (int)COUNT_OF(x->hits));
    x->hits[x->count++] = *hit;
}

static inline int find(struct fixture *x, struct search_ask ask)
{
    struct fail f = {0};
    x->count = 0;
    ask.limit = ask.limit ? ask.limit : 50;
    arena_clear(&x->s.arena);
    assert_int_equal(search_find(x->search, x->s.reader, &ask, &x->s.arena, keep, x, &x->end, &f),
                     ERR_OK);
    assert_true(x->end.is_complete);
    return x->count;
}

static inline int ask(struct fixture *x, const char *question)
{
    return find(x, (struct search_ask){.question = str_of(question)});
}

static inline int ask_in(struct fixture *x, const char *question, const char *session)
{
    return find(x, (struct search_ask){.question = str_of(question),
                                       .session_id = str_of(session)});
}

#endif

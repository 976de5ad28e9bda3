/*
 * store_scene.h — a store of one test's own, a reader of it, and who fills it.
 */
#ifndef TESTS_STORE_STORE_SCENE_H
#define TESTS_STORE_STORE_SCENE_H

#include "batches.h"
#include "place.h"
#include "store/store_private.h"

struct store_scene {
    struct place place;
    struct store *store;
    struct store_reader *reader;
    struct store_reader *patient; /* where the other gives up after so much time */
    struct batch_maker maker;
    struct arena arena; /* for what is read */
};

static inline void scene_open(struct store_scene *s)
{
    struct fail f = {0};
    assert_int_equal(store_open(&s->store, &s->place.options, &f), ERR_OK);
    s->reader = store_reader_new(s->store);
    s->patient = store_reader_new(s->store);
    store_reader_be_patient(s->patient);
    maker_init(&s->maker, s->store);
}

/* What is stored stays. */
static inline void scene_close(struct store_scene *s)
{
    maker_release(&s->maker);
    store_reader_free(s->reader);
    store_reader_free(s->patient);
    store_close(s->store);
}

static inline void scene_begin(struct store_scene *s)
{
    place_make(&s->place);
    arena_init(&s->arena);
    scene_open(s);
}

static inline void scene_end(struct store_scene *s)
{
    scene_close(s);
    arena_release(&s->arena);
    place_remove(&s->place);
}

/* For a test that needs no more than this. */
static inline int scene_setup(void **state)
{
    struct store_scene *s = MEM_NEW(struct store_scene);
    scene_begin(s);
    *state = s;
    return 0;
}

static inline int scene_teardown(void **state)
{
    scene_end(*state);
    free(*state);
    return 0;
}

/* --- filling it --- */

/* What was added. */
static inline void scene_commit(struct store_scene *s)
{
    struct fail f = {0};
    assert_int_equal(store_commit(s->store, maker_batch(&s->maker), &f), ERR_OK);
    maker_next(&s->maker);
}

/* Bytes that no compression makes smaller; malloc'ed. */
static inline struct str scene_random(uint64_t *seed, size_t len)
{
    char *bytes = mem_alloc(len);
    for (size_t i = 0; i < len; i++) {
        *seed = *seed * 6364136223846793005u + 1442695040888963407u;
        bytes[i] = (char)(*seed >> 56);
    }
    return str_make(bytes, len);
}

/* --- asking --- */

static inline int64_t scene_number(struct store_scene *s, const char *sql)
{
    return database_number(&s->store->db, sql, -1);
}

static inline void assert_totals(struct store_scene *s)
{
    assert_int_equal(scene_number(s, "SELECT blocks FROM totals"),
                     scene_number(s, "SELECT count(*) FROM blocks"));
    assert_int_equal(scene_number(s, "SELECT stored_bytes FROM totals"),
                     scene_number(s, "SELECT coalesce(sum(length(data)), 0) FROM blocks"));
    assert_int_equal(scene_number(s, "SELECT requests FROM totals"),
                     scene_number(s, "SELECT count(*) FROM requests"));
    assert_int_equal(scene_number(s, "SELECT pieces FROM totals"),
                     scene_number(s, "SELECT count(*) FROM pieces"));
}

/* ERR_OK: it is `want`. */
static inline enum err scene_body(struct store_reader *r, const struct uuid *id,
                                  enum body_side side, struct str want)
{
    struct buf body;
    struct fail f = {0};
    buf_init(&body, 1 << 20);
    enum err err = store_body(r, id, side, &body, &f);
    if (!err)
        assert_str_equal(buf_str(&body), want);
    buf_release(&body);
    return err;
}

static inline void assert_body(struct store_scene *s, const struct uuid *id, enum body_side side,
                               struct str want)
{
    assert_int_equal(scene_body(s->reader, id, side, want), ERR_OK);
}

#endif

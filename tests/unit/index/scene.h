/*
 * scene.h — a journal's folder written by hand, a store behind an indexer, and questions to both.
 */
#ifndef TESTS_INDEX_SCENE_H
#define TESTS_INDEX_SCENE_H

#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uv.h>

#include "base/mem.h"
#include "index/indexer.h"
#include "store/erase.h"
#include "store/place.h"
#include "store/store.h"
#include "store/store_threads.h"

struct scene {
    char dir[64], journal[96];
    struct place place;
    struct store *store;
    struct store_reader *reader;
    struct index_store port;
    struct indexer_counters counters; /* of the last run */
    enum err refuse;                  /* what commits fail with, while `refusals` lasts */
    atomic_int refusals;
    int accepted;                     /* commits before that */
    struct uuid poison;               /* a row that is always refused */
    bool has_poison;
    atomic_int maintained;            /* so often: it was quiet for a second */
    atomic_int questions;             /* whether a row is there */
    /* What the question with this number fails with; ERR_OK: it is answered. May be NULL. */
    enum err (*before_answer)(struct scene *s, int question);
    /* Told in the store's commit, on the indexer's thread. May be NULL. */
    void (*on_commit)(struct scene *s);
    uv_sem_t told;                    /* that the store is ready, where it waits for that */
    struct buf segment;               /* being written */
    struct uuid boot;
    uint64_t mono_ns;                 /* of the next frame; grows by a millisecond */
};

/* --- the store as the indexer sees it --- */

static inline bool port_find_piece(void *owner, const struct piece_key *key, struct piece_at *at)
{
    return store_find_piece(((struct scene *)owner)->store, key, at);
}

static inline enum err port_has(void *owner, const struct uuid *id, bool *is_there,
                                struct fail *f)
{
    struct scene *s = owner;
    int question = atomic_fetch_add(&s->questions, 1);
    enum err err = s->before_answer ? s->before_answer(s, question) : ERR_OK;
    return err ? fail(f, err, "not answered for the test") : store_has(s->store, id, is_there, f);
}

static inline uint64_t port_next_block(void *owner)
{
    return store_next_block(((struct scene *)owner)->store);
}

static inline enum err port_commit(void *owner, const struct batch *batch, struct fail *f)
{
    struct scene *s = owner;
    if (s->accepted > 0) {
        s->accepted--;
    } else if (s->refusals > 0) {
        s->refusals--;
        return fail(f, s->refuse, "refused for the test");
    }
    for (size_t i = 0; s->has_poison && i < batch->row_count; i++)
        if (uuid_equal(&batch->rows[i].record.id, &s->poison))
            return fail(f, ERR_PARSE, "poison");
    enum err err = store_commit(s->store, batch, f);
    if (s->on_commit)
        s->on_commit(s);
    return err;
}

static inline enum err port_journal_marks(void *owner, struct buf *out, struct fail *f)
{
    return store_journal_marks(((struct scene *)owner)->store, out, f);
}

static inline void port_maintain(void *owner)
{
    struct scene *s = owner;
    s->maintained++;
    store_maintain(s->store);
}

static inline bool port_find_turn(void *owner, int64_t turn, struct known_turn *out)
{
    return store_find_turn(((struct scene *)owner)->store, turn, out);
}

static inline void port_session_turns(void *owner, struct str session, struct str agent, int max,
                                      known_turn_fn *fn, void *fn_owner)
{
    store_session_turns(((struct scene *)owner)->store, session, agent, max, fn, fn_owner);
}

static inline void scene_open_store(struct scene *s)
{
    struct fail f = {0};
    assert_int_equal(store_open(&s->store, &s->place.options, &f), ERR_OK);
    s->reader = store_reader_new(s->store);
    s->port = (struct index_store){s, store_secret(s->store), port_find_piece, port_has,
                                   port_next_block, port_commit, port_journal_marks, port_maintain,
                                   port_find_turn, port_session_turns};
}

static inline void scene_close_store(struct scene *s)
{
    store_reader_free(s->reader);
    store_close(s->store);
}

static inline int scene_setup(void **state)
{
    struct scene *s = MEM_NEW(struct scene);
    snprintf(s->dir, sizeof s->dir, "/tmp/test_index.XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    snprintf(s->journal, sizeof s->journal, "%s/journal", s->dir);
    assert_int_equal(mkdir(s->journal, 0700), 0);
    buf_init(&s->segment, 256 << 20);
    place_make(&s->place);
    s->boot = uuid_new();
    s->mono_ns = 1000000000;
    scene_open_store(s);
    *state = s;
    return 0;
}

static inline int scene_teardown(void **state)
{
    struct scene *s = *state;
    scene_close_store(s);
    place_remove(&s->place);
    buf_release(&s->segment);
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", s->dir);
    assert_int_equal(system(command), 0);
    free(s);
    return 0;
}

/* --- writing a segment --- */

static inline void scene_segment(struct scene *s, uint64_t number)
{
    char head[SEGMENT_HEAD_BYTES];
    struct segment_head h = {.boot = s->boot, .number = number, .mono_ns = s->mono_ns};
    segment_head_write(head, &h);
    buf_clear(&s->segment);
    assert_int_equal(buf_append(&s->segment, str_make(head, sizeof head)), ERR_OK);
}

static inline void scene_write_bytes(struct scene *s, uint64_t number, struct str bytes)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%016llx.seg", s->journal, (unsigned long long)number);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    if (bytes.len)
        assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, file), bytes.len);
    assert_int_equal(fclose(file), 0);
}

static inline void scene_write(struct scene *s, uint64_t number)
{
    scene_write_bytes(s, number, buf_str(&s->segment));
}

/* Files of the journal with `part` in their names. */
static inline int scene_files(const struct scene *s, const char *part)
{
    int count = 0;
    DIR *dir = opendir(s->journal);
    assert_non_null(dir);
    for (const struct dirent *e; (e = readdir(dir));)
        count += e->d_name[0] != '.' && strstr(e->d_name, part);
    closedir(dir);
    return count;
}

/* An exchange as a test writes it. */
struct script {
    struct uuid id;
    uint32_t seq;
};

static inline struct script script_new(void)
{
    return (struct script){.id = uuid_new()};
}

static inline void put_frame(struct scene *s, struct script *x, enum frame_type type,
                             uint8_t flags, struct str payload)
{
    char head[FRAME_HEAD_BYTES];
    struct frame f = {.type = type, .flags = flags, .seq = x->seq++, .id = x->id,
                      .mono_ns = s->mono_ns, .payload = payload};
    s->mono_ns += 1000000;
    frame_write_head(head, &f, payload, STR_NONE);
    assert_int_equal(buf_append(&s->segment, str_make(head, sizeof head)), ERR_OK);
    assert_int_equal(buf_append(&s->segment, payload), ERR_OK);
}

static inline void put_begin_head(struct scene *s, struct script *x, struct str head)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    struct frame_begin begin = {INT64_C(1795000000000000), STR("127.0.0.1:50000"),
                                STR("anthropic"), head};
    assert_int_equal(frame_begin_write(&b, &begin), ERR_OK);
    put_frame(s, x, FRAME_BEGIN, 0, buf_str(&b));
    buf_release(&b);
}

static inline void put_begin(struct scene *s, struct script *x)
{
    put_begin_head(s, x, STR("POST /v1/messages?beta=true HTTP/1.1\r\nHost: localhost\r\n"
                             "X-Claude-Code-Session-Id: session-1\r\n"
                             "User-Agent: claude-cli/2.1.329\r\n"));
}

static inline void put_request(struct scene *s, struct script *x, struct str body)
{
    for (; body.len > 65536; body = str_from(body, 65536))
        put_frame(s, x, FRAME_REQ_BODY, 0, str_head(body, 65536));
    put_frame(s, x, FRAME_REQ_BODY, FRAME_LAST, body);
}

static inline void put_response_head(struct scene *s, struct script *x, struct str head)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    struct frame_resp_head h = {.head = head, .upstream_addr = STR("127.0.0.1:443"),
                                .is_reused = true, .sent_us = 77};
    assert_int_equal(frame_resp_head_write(&b, &h), ERR_OK);
    put_frame(s, x, FRAME_RESP_HEAD, 0, buf_str(&b));
    buf_release(&b);
}

static inline void put_json_head(struct scene *s, struct script *x)
{
    put_response_head(s, x, STR("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                "request-id: req_1\r\n"));
}

static inline void put_response(struct scene *s, struct script *x, struct str body)
{
    for (; body.len > 65536; body = str_from(body, 65536))
        put_frame(s, x, FRAME_RESP_BODY, 0, str_head(body, 65536));
    put_frame(s, x, FRAME_RESP_BODY, 0, body);
}

static inline void put_end(struct scene *s, struct script *x, enum ending ending, size_t request,
                           size_t response)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    struct frame_end end = {.ending = ending, .request_bytes = request,
                            .response_bytes = response, .client_bytes = response};
    assert_int_equal(frame_end_write(&b, &end), ERR_OK);
    put_frame(s, x, FRAME_END, 0, buf_str(&b));
    buf_release(&b);
}

static inline void put_all(struct scene *s, struct script *x, struct str request,
                           struct str response)
{
    put_begin(s, x);
    put_request(s, x, request);
    put_json_head(s, x);
    put_response(s, x, response);
    put_end(s, x, ENDING_COMPLETE, request.len, response.len);
}

/* --- running, asking --- */

static inline void scene_run(struct scene *s)
{
    struct indexer *x = indexer_new(&s->port, s->journal);
    struct fail f = {0};
    assert_int_equal(indexer_start(x, NULL, &f), ERR_OK);
    indexer_stop(x);
    indexer_count(x, &s->counters);
    indexer_free(x);
    s->boot = uuid_new(); /* what is written next, another process writes */
}

static inline int64_t scene_count(struct scene *s)
{
    int64_t count;
    struct fail f = {0};
    assert_int_equal(store_count(s->reader, &(struct request_filter){0}, &count, &(bool){0}, &f), ERR_OK);
    return count;
}

static inline bool scene_has(struct scene *s, const struct script *x)
{
    bool is_there;
    struct fail f = {0};
    assert_int_equal(store_has(s->store, &x->id, &is_there, &f), ERR_OK);
    return is_there;
}

static inline struct record scene_get(struct scene *s, const struct script *x, struct arena *arena,
                                      struct record_detail *detail)
{
    struct record row;
    struct fail f = {0};
    assert_int_equal(store_get(s->reader, &x->id, arena, &row, detail, &f), ERR_OK);
    return row;
}

/* As who uses the proxy would. */
static inline void scene_delete(struct scene *s, const struct script *x)
{
    struct eraser e;
    struct fail f = {0};
    eraser_init(&e, s->store, NULL, s->reader, ERASE_MARKS_EXACT);
    assert_int_equal(eraser_one(&e, &x->id, &f), ERR_OK);
}

static inline enum ending scene_state(struct scene *s, const struct script *x)
{
    struct arena arena;
    arena_init(&arena);
    enum ending state = scene_get(s, x, &arena, NULL).state;
    arena_release(&arena);
    return state;
}

static inline void assert_bodies(struct scene *s, const struct script *x, struct str request,
                                 struct str response)
{
    struct buf out;
    struct fail f = {0};
    buf_init(&out, 256 << 20);
    assert_int_equal(store_body(s->reader, &x->id, BODY_REQUEST, &out, &f), ERR_OK);
    assert_str_equal(buf_str(&out), request);
    buf_clear(&out);
    assert_int_equal(store_body(s->reader, &x->id, BODY_RESPONSE, &out, &f), ERR_OK);
    assert_str_equal(buf_str(&out), response);
    buf_release(&out);
}

#define SCENE_TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

#endif

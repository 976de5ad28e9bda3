/*
 * test_indexer.c — a journal becomes records: whole, interleaved, torn, damaged, twice.
 */
#include "check.h"

#include "base/log.h"
#include "scene.h"

#define REQUEST                                                                                    \
    STR("{\"model\":\"claude-opus-5\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}],"    \
        "\"max_tokens\":32,\"stream\":false}")
#define ANSWER                                                                                     \
    STR("{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-o\","     \
        "\"content\":[{\"type\":\"text\",\"text\":\"hi\"}],\"stop_reason\":\"end_turn\","          \
        "\"usage\":{\"input_tokens\":3,\"output_tokens\":5}}")

static void a_row_says_what_happened(void **state)
{
    struct scene *s = *state;
    struct script x = script_new();
    scene_segment(s, 1);
    put_begin_head(s, &x, STR("POST /v1/messages?beta=true HTTP/1.1\r\nHost: localhost\r\n"
                              "x-claude-code-session-id:  s-1 \r\nX-Claude-Code-Agent-Id: a-1\r\n"
                              "X-Claude-Code-Parent-Agent-Id: p-1\r\nUser-Agent: cli/2\r\n"));
    put_request(s, &x, REQUEST);
    put_json_head(s, &x);
    put_response(s, &x, str_head(ANSWER, 50));
    put_response(s, &x, str_from(ANSWER, 50));
    put_end(s, &x, ENDING_COMPLETE, REQUEST.len, ANSWER.len);
    scene_write(s, 1);
    scene_run(s);
    struct arena arena;
    arena_init(&arena);
    struct record_detail d;
    struct record r = scene_get(s, &x, &arena, &d);
    assert_int_equal(r.state, ENDING_COMPLETE);
    assert_int_equal(r.status, 200);
    assert_str_equal(r.method, STR("POST"));
    assert_str_equal(r.path, STR("/v1/messages"));
    assert_str_equal(r.query, STR("beta=true"));
    assert_str_equal(r.session_id, STR("s-1"));
    assert_str_equal(r.agent_id, STR("a-1"));
    assert_str_equal(r.parent_agent_id, STR("p-1"));
    assert_str_equal(r.client, STR("cli/2"));
    assert_str_equal(r.client_addr, STR("127.0.0.1:50000"));
    assert_str_equal(r.provider, STR("anthropic"));
    assert_str_equal(r.upstream_request_id, STR("req_1"));
    assert_str_equal(r.model, STR("claude-opus-5"));
    assert_str_equal(r.response_model, STR("claude-o"));
    assert_str_equal(r.title, STR("hello"));
    assert_str_equal(r.stop_reason, STR("end_turn"));
    assert_int_equal(r.max_tokens, 32);
    assert_int_equal(r.message_count, 1);
    assert_int_equal(r.usage.input_tokens, 3);
    assert_int_equal(r.usage.output_tokens, 5);
    assert_int_equal(r.usage.cache_read_input_tokens, UNKNOWN);
    assert_int_equal(r.started_us, INT64_C(1795000000000000));
    assert_int_equal(r.ttfb_us, 2000);
    assert_int_equal(r.duration_us, 5000);
    assert_int_equal(r.chunk_count, 2);
    assert_int_equal(r.request_bytes, REQUEST.len);
    assert_int_equal(r.response_bytes, ANSWER.len);
    assert_int_equal(r.client_bytes, ANSWER.len);
    assert_int_equal(r.flags, RECORD_IS_REUSED);
    assert_int_equal(d.timeline_len, 2);
    assert_int_equal(d.timeline[0].offset_us, 3000);
    assert_int_equal(d.timeline[0].bytes, 50);
    assert_int_equal(d.timeline[1].offset_us, 4000);
    assert_int_equal(d.sent_us, 77);
    assert_str_equal(d.upstream_addr, STR("127.0.0.1:443"));
    assert_true(str_starts(d.request_head, STR("POST /v1/messages?beta=true")));
    assert_true(str_starts(d.response_head, STR("HTTP/1.1 200 OK")));
    assert_bodies(s, &x, REQUEST, ANSWER);
    assert_int_equal(scene_files(s, "seg"), 0);
    arena_release(&arena);
}

static void endings_are_refined(void **state)
{
    struct scene *s = *state;
    struct script refused = script_new(), failed = script_new(), cut = script_new(),
                  ours = script_new();
    struct str sse_error = STR("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
                               "\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n");
    struct str sse_cut = STR("event: message_start\ndata: {\"type\":\"message_start\",\"message\":"
                             "{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":"
                             "\"claude-x\",\"content\":[],\"usage\":{\"input_tokens\":1}}}\n\n");
    struct str stream_head = STR("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n");
    scene_segment(s, 1);
    put_begin(s, &refused);
    put_request(s, &refused, REQUEST);
    put_response_head(s, &refused, STR("HTTP/1.1 429 Too Many\r\n"));
    put_end(s, &refused, ENDING_COMPLETE, REQUEST.len, 0);
    put_begin(s, &failed);
    put_request(s, &failed, REQUEST);
    put_response_head(s, &failed, stream_head);
    put_response(s, &failed, sse_error);
    put_end(s, &failed, ENDING_COMPLETE, REQUEST.len, sse_error.len);
    put_begin(s, &cut);
    put_request(s, &cut, REQUEST);
    put_response_head(s, &cut, stream_head);
    put_response(s, &cut, sse_cut);
    put_end(s, &cut, ENDING_COMPLETE, REQUEST.len, sse_cut.len);
    put_begin(s, &ours);
    put_request(s, &ours, STR_NONE);
    put_end(s, &ours, ENDING_REJECTED, 0, 0);
    scene_write(s, 1);
    scene_run(s);
    struct arena arena;
    arena_init(&arena);
    assert_int_equal(scene_state(s, &refused), ENDING_UPSTREAM_ERROR);
    struct record r = scene_get(s, &failed, &arena, NULL);
    assert_int_equal(r.state, ENDING_UPSTREAM_ERROR);
    assert_str_equal(r.error_type, STR("overloaded_error"));
    assert_str_equal(r.error_message, STR("Overloaded"));
    assert_true(r.is_stream);
    assert_int_equal(scene_state(s, &cut), ENDING_UPSTREAM_TRUNCATED);
    assert_int_equal(scene_state(s, &ours), ENDING_REJECTED);
    assert_bodies(s, &ours, STR_NONE, STR_NONE);
    arena_release(&arena);
}

static void interleaved_and_out_of_order(void **state)
{
    struct scene *s = *state;
    enum { COUNT = 20 };
    struct script x[COUNT];
    char request[COUNT][64], answer[COUNT][64];
    scene_segment(s, 1);
    for (int i = 0; i < COUNT; i++) {
        x[i] = script_new();
        snprintf(request[i], 64, "{\"n\": %d}", i);
        snprintf(answer[i], 64, "answer %d", i);
        put_begin(s, &x[i]);
    }
    for (int i = 0; i < COUNT; i++)
        put_request(s, &x[i], str_of(request[i]));
    scene_write(s, 1);
    scene_segment(s, 2);
    for (size_t at = 0; at < 8; at++)
        for (int i = 0; i < COUNT; i++)
            put_response(s, &x[i], str_make(answer[i] + at, 1));
    for (int i = COUNT; i-- > 0;)
        put_end(s, &x[i], ENDING_CLIENT_DISCONNECTED, strlen(request[i]), 8);
    scene_write(s, 2);
    scene_run(s);
    assert_int_equal(scene_count(s), COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(scene_state(s, &x[i]), ENDING_CLIENT_DISCONNECTED);
        assert_bodies(s, &x[i], str_of(request[i]), str_make(answer[i], 8));
    }
    assert_int_equal(s->counters.orphan_frames, 0);
    assert_int_equal(scene_files(s, "seg"), 0);
}

static void what_was_running_crashed(void **state)
{
    struct scene *s = *state;
    struct script begun = script_new(), asked = script_new(), half = script_new();
    scene_segment(s, 1);
    put_begin(s, &begun);
    put_begin(s, &asked);
    put_request(s, &asked, REQUEST);
    put_begin(s, &half);
    put_frame(s, &half, FRAME_REQ_BODY, 0, STR("{\"model\":"));
    put_json_head(s, &asked);
    put_response(s, &asked, STR("{\"id"));
    scene_write(s, 1);
    scene_run(s);
    assert_int_equal(scene_count(s), 3);
    assert_int_equal(scene_state(s, &begun), ENDING_PROXY_CRASH);
    assert_int_equal(scene_state(s, &asked), ENDING_PROXY_CRASH);
    assert_bodies(s, &asked, REQUEST, STR("{\"id"));
    assert_bodies(s, &half, STR("{\"model\":"), STR_NONE);
    struct arena arena;
    arena_init(&arena);
    assert_int_equal(scene_get(s, &asked, &arena, NULL).duration_us, 5000);
    arena_release(&arena);
    assert_int_equal(scene_files(s, "seg"), 0);
}

/* Two exchanges, the second of which may suffer. */
static size_t write_two(struct scene *s, struct script *first, struct script *second)
{
    *first = script_new();
    *second = script_new();
    scene_segment(s, 1);
    put_all(s, first, REQUEST, ANSWER);
    size_t middle = s->segment.len;
    put_all(s, second, STR("[1]"), STR("[2]"));
    return middle;
}

static void torn_at_every_byte(void **state)
{
    struct scene *s = *state;
    struct script first, second;
    for (size_t cut = 0;; cut++) {
        size_t middle = write_two(s, &first, &second);
        size_t len = s->segment.len;
        if (cut > len)
            break;
        scene_write_bytes(s, 1, str_head(buf_str(&s->segment), cut));
        scene_run(s);
        if (cut >= middle)
            assert_bodies(s, &first, REQUEST, ANSWER);
        if (cut < len && scene_has(s, &second))
            assert_int_equal(scene_state(s, &second), ENDING_PROXY_CRASH);
        if (cut == len) {
            assert_bodies(s, &second, STR("[1]"), STR("[2]"));
            assert_int_equal(scene_state(s, &second), ENDING_COMPLETE);
        }
        assert_true(s->counters.torn_tails <= 1);
        assert_int_equal(s->counters.damaged_frames, 0);
        assert_int_equal(scene_files(s, "seg"), 0);
    }
}

static void a_flipped_byte_costs_one_exchange(void **state)
{
    struct scene *s = *state;
    struct script before, hurt, after;
    for (size_t flip = 0;; flip++) {
        before = script_new();
        hurt = script_new();
        after = script_new();
        scene_segment(s, 1);
        put_all(s, &before, REQUEST, ANSWER);
        size_t start = s->segment.len;
        put_all(s, &hurt, STR("[1]"), STR("[2]"));
        size_t end = s->segment.len;
        put_all(s, &after, REQUEST, STR("[3]"));
        if (start + flip >= end)
            break;
        s->segment.ptr[start + flip] ^= 0x20;
        scene_write(s, 1);
        scene_run(s);
        assert_bodies(s, &before, REQUEST, ANSWER);
        assert_bodies(s, &after, REQUEST, STR("[3]"));
        assert_int_equal(scene_state(s, &after), ENDING_COMPLETE);
        assert_int_equal(s->counters.damaged_frames, 1);
        if (scene_has(s, &hurt)) {
            struct arena arena;
            arena_init(&arena);
            struct record r = scene_get(s, &hurt, &arena, NULL);
            assert_true(r.flags & RECORD_BODY_TRUNCATED || r.state == ENDING_PROXY_CRASH);
            arena_release(&arena);
        } else {
            assert_true(s->counters.orphan_frames > 0);
        }
        char path[160];
        snprintf(path, sizeof path, "%s/%016llx.seg.damaged", s->journal, 1ull);
        assert_int_equal(unlink(path), 0); /* it was kept for whoever wants to look */
    }
}

static void garbage_is_survived(void **state)
{
    struct scene *s = *state;
    struct script x = script_new();
    scene_write_bytes(s, 1, STR("not a segment at all, but long enough to hold a header, surely "
                                "CCPJ CCPJ CCPJ"));
    scene_write_bytes(s, 2, STR_NONE);
    scene_segment(s, 3);
    put_all(s, &x, REQUEST, ANSWER);
    assert_int_equal(buf_append(&s->segment, STR("\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")),
                     ERR_OK);
    scene_write(s, 3);
    char link[160];
    snprintf(link, sizeof link, "%s/%016x.seg", s->journal, 4);
    assert_int_equal(symlink("/etc/passwd", link), 0);
    scene_run(s);
    assert_int_equal(scene_count(s), 1);
    assert_bodies(s, &x, REQUEST, ANSWER);
    assert_int_equal(s->counters.torn_tails, 2);
    assert_int_equal(scene_files(s, "seg"), 1); /* the link is not ours to delete */
}

/* Zeros end a segment in order; what stands behind them was another segment's. */
static void room_never_used_is_no_damage(void **state)
{
    struct scene *s = *state;
    struct script x = script_new(), former = script_new();
    char zeros[64] = {0};
    scene_segment(s, 1);
    put_all(s, &x, REQUEST, ANSWER);
    assert_int_equal(buf_append(&s->segment, str_make(zeros, sizeof zeros)), ERR_OK);
    put_all(s, &former, REQUEST, ANSWER);
    scene_write(s, 1);
    scene_run(s);
    assert_int_equal(scene_count(s), 1);
    assert_bodies(s, &x, REQUEST, ANSWER);
    assert_int_equal(s->counters.torn_tails, 0);
    assert_int_equal(s->counters.damaged_frames, 0);
    assert_int_equal(scene_files(s, "seg"), 0);
}

static void strays_are_counted(void **state)
{
    struct scene *s = *state;
    struct script lost = script_new(), twice = script_new();
    scene_segment(s, 1);
    lost.seq = 1;
    put_request(s, &lost, REQUEST); /* its BEGIN is missing */
    put_end(s, &lost, ENDING_COMPLETE, REQUEST.len, 0);
    put_all(s, &twice, REQUEST, ANSWER);
    put_end(s, &twice, ENDING_UPSTREAM_RESET, 1, 1); /* and a second END */
    scene_write(s, 1);
    scene_run(s);
    assert_int_equal(scene_count(s), 1);
    assert_int_equal(scene_state(s, &twice), ENDING_COMPLETE);
    assert_int_equal(s->counters.orphan_frames, 3);
}

static void taken_in_twice_counts_once(void **state)
{
    struct scene *s = *state;
    struct script a = script_new(), b = script_new();
    scene_segment(s, 1);
    put_all(s, &a, REQUEST, ANSWER);
    put_begin(s, &b);
    put_request(s, &b, REQUEST);
    scene_write(s, 1);
    scene_write(s, 2); /* the same bytes under another number */
    scene_run(s);
    assert_int_equal(scene_count(s), 2);
    scene_write(s, 2); /* as after a crash between commit and deletion */
    scene_run(s);
    assert_int_equal(scene_count(s), 2);
    assert_int_equal(s->counters.exchanges, 0);
    assert_int_equal(s->counters.orphan_frames, 0);
    scene_write(s, 3); /* as out of a copy of the folder */
    scene_run(s);
    assert_int_equal(scene_count(s), 2);
    assert_int_equal(s->counters.orphan_frames, 0);
    assert_bodies(s, &a, REQUEST, ANSWER);
    assert_bodies(s, &b, REQUEST, STR_NONE);
    assert_int_equal(scene_files(s, "seg"), 0);
}

/* The first segment was deleted after its commit, the second was not. */
static void a_tail_without_its_beginning(void **state)
{
    struct scene *s = *state;
    struct script x = script_new();
    scene_segment(s, 1);
    put_begin(s, &x);
    put_request(s, &x, REQUEST);
    scene_write(s, 1);
    scene_segment(s, 2);
    put_json_head(s, &x);
    put_response(s, &x, ANSWER);
    put_end(s, &x, ENDING_COMPLETE, REQUEST.len, ANSWER.len);
    scene_write(s, 2);
    scene_run(s);
    scene_write(s, 2);
    scene_run(s);
    assert_int_equal(s->counters.orphan_frames, 0);
    assert_int_equal(scene_count(s), 1);
    assert_int_equal(scene_state(s, &x), ENDING_COMPLETE);
    assert_int_equal(scene_files(s, "seg"), 0);
}

static void a_busy_store_loses_nothing(void **state)
{
    struct scene *s = *state;
    struct script x = script_new();
    scene_segment(s, 1);
    put_all(s, &x, REQUEST, ANSWER);
    scene_write(s, 1);
    s->refuse = ERR_BUSY;
    s->refusals = 1000;
    scene_run(s);
    assert_int_equal(scene_count(s), 0);
    assert_true(s->counters.failed_commits > 0);
    assert_int_equal(scene_files(s, "seg"), 1);
    s->refusals = 2;
    scene_run(s);
    assert_bodies(s, &x, REQUEST, ANSWER);
    assert_int_equal(scene_files(s, "seg"), 0);
}

static void poison_is_set_apart(void **state)
{
    struct scene *s = *state;
    enum { COUNT = 9 };
    struct script x[COUNT];
    scene_segment(s, 1);
    for (int i = 0; i < COUNT; i++) {
        x[i] = script_new();
        put_all(s, &x[i], REQUEST, ANSWER);
    }
    scene_write(s, 1);
    s->poison = x[4].id;
    s->has_poison = true;
    struct indexer *indexer = indexer_new(&s->port, s->journal);
    struct fail f = {0};
    assert_int_equal(indexer_start(indexer, NULL, &f), ERR_OK);
    for (int i = 0; i < 1000 && scene_count(s) < COUNT - 1; i++)
        usleep(10000);
    indexer_stop(indexer);
    indexer_count(indexer, &s->counters);
    indexer_free(indexer);
    assert_int_equal(s->counters.poisoned, 1);
    assert_int_equal(scene_count(s), COUNT - 1);
    for (int i = 0; i < COUNT; i++)
        if (i != 4)
            assert_bodies(s, &x[i], REQUEST, ANSWER);
}

static enum err ready_when_told(void *owner, struct fail *f)
{
    (void)f;
    struct scene *s = owner;
    uv_sem_wait(&s->told);
    return ERR_OK;
}

static void what_waits_is_told_from_the_start(void **state)
{
    struct scene *s = *state;
    struct script x = script_new();
    scene_segment(s, 1);
    put_begin(s, &x);
    scene_write(s, 1);
    assert_int_equal(uv_sem_init(&s->told, 0), 0);
    s->port.ready = ready_when_told;
    struct indexer *indexer = indexer_new(&s->port, s->journal);
    struct fail f = {0};
    assert_int_equal(indexer_start(indexer, NULL, &f), ERR_OK);
    indexer_count(indexer, &s->counters);
    uint64_t lag_bytes = s->counters.lag_bytes;
    uv_sem_post(&s->told);
    indexer_stop(indexer);
    indexer_free(indexer);
    uv_sem_destroy(&s->told);
    assert_true(lag_bytes > 0);
}

int main(void)
{
    log_setup(LOG_ERROR, LOG_TEXT); /* the damage is ours */
    const struct CMUnitTest tests[] = {
        SCENE_TEST(a_row_says_what_happened),
        SCENE_TEST(endings_are_refined),
        SCENE_TEST(interleaved_and_out_of_order),
        SCENE_TEST(what_was_running_crashed),
        SCENE_TEST(torn_at_every_byte),
        SCENE_TEST(a_flipped_byte_costs_one_exchange),
        SCENE_TEST(garbage_is_survived),
        SCENE_TEST(room_never_used_is_no_damage),
        SCENE_TEST(strays_are_counted),
        SCENE_TEST(taken_in_twice_counts_once),
        SCENE_TEST(a_tail_without_its_beginning),
        SCENE_TEST(a_busy_store_loses_nothing),
        SCENE_TEST(poison_is_set_apart),
        SCENE_TEST(what_waits_is_told_from_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_store.c — what every store must do, whatever engine is behind it: rows and bodies come
 * back, filters find, sums add up, a batch counts once.
 */
#include "check.h"

#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "store_scene.h"
#include "store/store_threads.h"

static const int64_t hour_us = INT64_C(3600) * 1000000;
static const int64_t base_us = INT64_C(496000) * 3600 * 1000000; /* a whole hour in 2026 */

static void row_comes_back(void **state)
{
    struct store_scene *x = *state;
    struct record in = maker_record(base_us + 1);
    in.query = STR("beta=true");
    in.response_model = STR("claude-opus-5-20260901");
    in.session_id = STR("s1");
    in.agent_id = STR("a1");
    in.parent_agent_id = STR("p1");
    in.client = STR("claude-cli/2.1.329");
    in.client_addr = STR("127.0.0.1:53124");
    in.upstream_request_id = STR("req_1");
    in.stop_reason = STR("end_turn");
    in.error_type = STR("t");
    in.error_message = STR("m");
    in.title = STR("Fix it");
    in.agent_type = STR("reviewer");
    in.class = STR("agent");
    in.class_by = STR("header");
    in.agent_by = STR("spawn");
    in.route = STR("subagents.mappings.reviewer");
    in.route_target = STR("openai:gpt-4o");
    in.shadow_cost_usd_micro = 77;
    in.is_stream = true;
    in.flags = RECORD_IS_REUSED | RECORD_BODY_TRUNCATED;
    in.ttfb_us = 12;
    in.usage.output_tokens = 0;
    in.usage.cache_read_input_tokens = INT64_C(1) << 40;
    in.chunk_count = 3;
    bool is_there;
    struct fail f = {0};
    maker_add(&x->maker, &in, STR("request"), STR("response"));
    scene_commit(x);
    assert_int_equal(store_has(x->store, &in.id, &is_there, &f), ERR_OK);
    assert_true(is_there);
    struct record out;
    struct record_detail detail;
    struct arena arena;
    arena_init(&arena);
    assert_int_equal(store_get(x->reader, &in.id, &arena, &out, &detail, &f), ERR_OK);
    assert_true(uuid_equal(&in.id, &out.id));
    struct str *const want[] = {&in.method, &in.path, &in.query, &in.provider, &in.model,
                                &in.response_model, &in.session_id, &in.agent_id,
                                &in.parent_agent_id, &in.client, &in.client_addr,
                                &in.upstream_request_id, &in.stop_reason, &in.error_type,
                                &in.error_message, &in.title, &in.agent_type, &in.class,
                                &in.class_by, &in.agent_by, &in.route, &in.route_target};
    struct str *const got[] = {&out.method, &out.path, &out.query, &out.provider, &out.model,
                               &out.response_model, &out.session_id, &out.agent_id,
                               &out.parent_agent_id, &out.client, &out.client_addr,
                               &out.upstream_request_id, &out.stop_reason, &out.error_type,
                               &out.error_message, &out.title, &out.agent_type, &out.class,
                               &out.class_by, &out.agent_by, &out.route, &out.route_target};
    for (size_t i = 0; i < COUNT_OF(want); i++)
        assert_str_equal(*got[i], *want[i]);
    assert_true(out.is_stream);
    assert_int_equal(out.flags, in.flags);
    assert_int_equal(out.status, 200);
    assert_int_equal(out.ttfb_us, 12);
    assert_int_equal(out.connect_us, UNKNOWN);
    assert_int_equal(out.shadow_cost_usd_micro, 77);
    assert_int_equal(out.usage.input_tokens, UNKNOWN);
    assert_int_equal(out.usage.output_tokens, 0);
    assert_int_equal(out.usage.cache_read_input_tokens, INT64_C(1) << 40);
    assert_int_equal(out.chunk_count, 3);
    assert_str_equal(detail.response_head, STR("HTTP/1.1 200 OK\r\n"));
    assert_int_equal(detail.timeline_len, 1);
    struct uuid other = uuid_new();
    assert_int_equal(store_get(x->reader, &other, &arena, &out, NULL, &f), ERR_NOT_FOUND);
    assert_int_equal(store_has(x->store, &other, &is_there, &f), ERR_OK);
    assert_false(is_there);
    arena_release(&arena);
}

static void bodies_come_back(void **state)
{
    struct store_scene *x = *state;
    struct record r[200];
    char text[200][64];
    for (int i = 0; i < 200; i++) { /* more blocks than one chain has, read while it grows */
        r[i] = maker_record(base_us + i);
        snprintf(text[i], sizeof text[i], "{\"request\": %d, \"zero\": \"%c\"}", i, i);
        maker_add(&x->maker, &r[i], str_of(text[i]), i % 2 ? str_of(text[i]) : STR_NONE);
        scene_commit(x);
        if (i % 7 == 0)
            assert_body(x, &r[i / 2].id, BODY_REQUEST, str_of(text[i / 2]));
    }
    for (int i = 0; i < 200; i++) {
        assert_body(x, &r[i].id, BODY_REQUEST, str_of(text[i]));
        assert_body(x, &r[i].id, BODY_RESPONSE, i % 2 ? str_of(text[i]) : STR_NONE);
    }
}

static void a_wrong_hash_is_corrupt(void **state)
{
    struct store_scene *x = *state;
    struct record r = maker_record(base_us);
    maker_add(&x->maker, &r, STR("a unique request body"), STR("x"));
    char *at = memmem(x->maker.raw.ptr, x->maker.raw.len, "unique", 6);
    assert_non_null(at);
    *at = 'U';
    scene_commit(x);
    struct buf out;
    buf_init(&out, 100);
    assert_int_equal(buf_append(&out, STR("before")), ERR_OK);
    struct fail f = {0};
    assert_int_equal(store_body(x->reader, &r.id, BODY_REQUEST, &out, &f), ERR_CORRUPT);
    assert_str_equal(buf_str(&out), STR("before"));
    assert_body(x, &r.id, BODY_RESPONSE, STR("x"));
    buf_release(&out);
}

static void commits_count_once(void **state)
{
    struct store_scene *x = *state;
    struct record r = maker_record(base_us);
    r.session_id = STR("s");
    r.agent_id = STR("a");
    maker_add(&x->maker, &r, STR("abc"), STR("de"));
    struct batch *b = maker_batch(&x->maker);
    b->piece_count = 1;
    b->pieces[0] = (struct batch_piece){{1, 2, 3}, {b->blocks[0].number, 0, 3}};
    struct fail f = {0};
    for (int i = 0; i < 3; i++)
        assert_int_equal(store_commit(x->store, b, &f), ERR_OK);
    struct store_size size;
    assert_int_equal(store_measure(x->reader, &size, &f), ERR_OK);
    assert_int_equal(size.requests, 1);
    assert_int_equal(size.sessions, 1);
    assert_int_equal(size.pieces, 1);
    assert_int_equal(size.blocks, 1);
    assert_int_equal(size.raw_bytes, 5);
    assert_true(size.stored_bytes > 0 && size.file_bytes > 0);
    struct piece_at at;
    assert_true(store_find_piece(x->store, &(struct piece_key){1, 2, 3}, &at));
    assert_int_equal(at.len, 3);
    assert_int_equal(at.block, b->blocks[0].number);
    assert_false(store_find_piece(x->store, &(struct piece_key){1, 2, 4}, &at));
    assert_int_equal(store_next_block(x->store), b->blocks[0].number + 1);
}

/* --- filters --- */

struct seen {
    struct uuid ids[256];
    int count;
};

static void see(const struct record *row, void *owner)
{
    struct seen *s = owner;
    s->ids[s->count++] = row->id;
}

static void assert_found(struct store_scene *x, struct request_filter filter, int want)
{
    struct seen seen = {.count = 0};
    int64_t count;
    bool is_known;
    struct fail f = {0};
    assert_int_equal(store_list(x->reader, &filter, NULL, 500, see, &seen, &f), ERR_OK);
    assert_int_equal(seen.count, want);
    struct seen in_slices = {.count = 0};
    struct uuid stopped = {{1}};
    assert_int_equal(store_list_a_while(x->patient, &filter, NULL, 500, see, &in_slices, &stopped,
                                        &f), ERR_OK);
    assert_int_equal(in_slices.count, want);
    assert_memory_equal(in_slices.ids, seen.ids, sizeof seen.ids[0] * (size_t)want);
    assert_memory_equal(stopped.bytes, (struct uuid){{0}}.bytes, 16);
    assert_int_equal(store_count(x->patient, &filter, &count, &is_known, &f), ERR_OK);
    assert_true(is_known);
    assert_int_equal(count, want);
}

static void fill(struct store_scene *x)
{
    for (int i = 0; i < 12; i++) {
        struct record r = maker_record(base_us + i * hour_us);
        r.status = i < 8 ? 200 : i < 10 ? 429 : 529;
        r.state = i < 8 ? ENDING_COMPLETE : ENDING_UPSTREAM_ERROR;
        r.session_id = i % 2 ? STR("Session-odd") : STR("session-even");
        r.agent_id = i % 3 ? STR_NONE : STR("agent-7");
        r.agent_type = i == 1 ? STR("old-agent") : STR_NONE; /* of a client that sends no ids */
        r.class = i < 3 ? STR("title") : STR("main");
        r.route = i == 4 ? STR("routing.rules.1") : STR_NONE;
        r.model = i % 4 ? STR("claude-opus-5") : STR("claude_haiku%5");
        r.response_model = i == 1 ? STR("other-model") : STR_NONE;
        r.title = i == 3 ? STR("Fix the Ünicode 100% \\ test_case") : STR("hello");
        r.error_message = i == 9 ? STR("Number of requests exceeded") : STR_NONE;
        r.upstream_request_id = i == 5 ? STR("req_abc") : STR_NONE;
        r.usage.output_tokens = 10;
        r.ttfb_us = i ? 100 : UNKNOWN;
        maker_add(&x->maker, &r, STR("12345"), STR("678"));
    }
    scene_commit(x);
}

static void filters_find(void **state)
{
    struct store_scene *x = *state;
    fill(x);
    assert_found(x, (struct request_filter){0}, 12);
    assert_found(x, (struct request_filter){.model = STR("claude-opus-5")}, 9);
    assert_found(x, (struct request_filter){.model = STR("other-model")}, 1);
    assert_found(x, (struct request_filter){.model = STR("claude")}, 0);
    assert_found(x, (struct request_filter){.session_id = STR("Session-odd")}, 6);
    assert_found(x, (struct request_filter){.session_id = STR("session-odd")}, 0);
    assert_found(x, (struct request_filter){.agent_id = STR("agent-7")}, 4);
    assert_found(x, (struct request_filter){.agent_id = STR("main")}, 7);
    assert_found(x, (struct request_filter){.agent_id = STR("sub")}, 5);
    assert_found(x, (struct request_filter){.class = STR("title")}, 3);
    assert_found(x, (struct request_filter){.class = STR("title"), .status = 2}, 3);
    assert_found(x, (struct request_filter){.class = STR("fork")}, 0);
    assert_found(x, (struct request_filter){.route = STR("routing.rules.1")}, 1);
    assert_found(x, (struct request_filter){.provider = STR("anthropic")}, 12);
    assert_found(x, (struct request_filter){.status = 429}, 2);
    assert_found(x, (struct request_filter){.status = 5}, 2);
    assert_found(x, (struct request_filter){.status = 4}, 2);
    assert_found(x, (struct request_filter){.has_state = true, .state = ENDING_COMPLETE}, 8);
    assert_found(x, (struct request_filter){.has_state = true, .state = ENDING_UPSTREAM_ERROR}, 4);
    assert_found(x, (struct request_filter){.has_state = true, .state = ENDING_REJECTED}, 0);
}

/* Days without any are not looked at; none is left out for it, whatever the pages. */
static void seldom_ones_are_found(void **state)
{
    struct store_scene *x = *state;
    struct uuid rare[MAKER_ROWS];
    int count = 0;
    for (int i = 0; i < 60; i++) { /* months; and days with both, with one, with none */
        struct record r = maker_record(base_us + (i / 3) * 55 * hour_us + (i % 3) * hour_us / 4);
        bool is_rare = i % 7 == 1 || i > 56;
        r.model = is_rare ? STR("rare") : STR("common");
        maker_add(&x->maker, &r, STR("12345"), STR("678"));
        if (is_rare)
            rare[count++] = r.id;
        if (i == 20 || i == 40) /* what is known of days is partly folded, partly not */
            scene_commit(x);
    }
    scene_commit(x);
    for (int limit = 1; limit < 12; limit += 3) {
        struct seen seen = {.count = 0};
        struct fail f = {0};
        int before;
        do {
            before = seen.count;
            assert_int_equal(store_list(x->reader, &(struct request_filter){.model = STR("rare")},
                                        before ? &seen.ids[before - 1] : NULL, limit, see, &seen,
                                        &f), ERR_OK);
        } while (seen.count == before + limit);
        assert_int_equal(seen.count, count);
        for (int i = 0; i < count; i++)
            assert_true(uuid_equal(&seen.ids[i], &rare[count - 1 - i]));
    }
    assert_found(x, (struct request_filter){.model = STR("rare"), .start_us = base_us + 100 * hour_us,
                                            .end_us = base_us + 400 * hour_us}, 3);
}

static void texts_are_found(void **state)
{
    struct store_scene *x = *state;
    fill(x);
    const struct {
        const char *text;
        int count;
    } cases[] = {
        {"fix THE", 1}, {"100%", 1}, {"%", 4}, {"_", 4}, {"\\", 1}, {"HELLO", 11}, {"exceeded", 1},
        {"REQ_ABC", 1}, {"eq_abc", 1}, {"q_abc", 0}, {"agent-7", 4}, {"messages", 12}, {"session-even", 6}, {"nothing", 0},
        {"' OR 1=1 --", 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_found(x, (struct request_filter){.q = str_of(cases[i].text)}, cases[i].count);
    assert_found(x, (struct request_filter){.q = STR("hello"), .status = 5,
                                            .session_id = STR("Session-odd")}, 1);
}

static void slices_of_time_leave_nothing_out(void **state)
{
    struct store_scene *x = *state;
    struct request_filter filter = {.q = STR("needle")};
    for (int i = 0; i < 40; i++) { /* milliseconds to months apart */
        struct record r = maker_record(base_us + ((INT64_C(1) << i) - 1) * 1000 / 7);
        r.id = uuid_floor(r.started_us);
        r.id.bytes[15] = (uint8_t)i;
        r.title = i % 3 ? STR("a needle") : STR("hay");
        maker_add(&x->maker, &r, STR("a"), STR("b"));
    }
    scene_commit(x);
    assert_found(x, filter, 26);
    filter.end_us = base_us + (INT64_C(1) << 30) * 1000 / 7 - 1;
    filter.start_us = base_us + (INT64_C(1) << 10) * 1000 / 7;
    struct seen all = {.count = 0}, paged = {.count = 0};
    struct uuid stopped;
    struct fail f = {0};
    assert_int_equal(store_list(x->reader, &filter, NULL, 100, see, &all, &f), ERR_OK);
    assert_in_range(all.count, 12, 14);
    for (int page = 0; page < 8; page++) {
        const struct uuid *before = paged.count ? &paged.ids[paged.count - 1] : NULL;
        assert_int_equal(store_list_a_while(x->patient, &filter, before, 2, see, &paged, &stopped,
                                            &f), ERR_OK);
    }
    assert_int_equal(paged.count, all.count);
    assert_memory_equal(paged.ids, all.ids, sizeof all.ids[0] * (size_t)all.count);
}

static void many_names_hold_the_text(void **state)
{
    struct store_scene *x = *state;
    char title[32];
    for (int i = 0; i < 200; i++) { /* more than are noted one by one */
        struct record r = maker_record(base_us + i * hour_us);
        snprintf(title, sizeof title, i % 2 ? "needle %d" : "hay %d", i);
        r.title = str_of(title);
        maker_add(&x->maker, &r, STR("a"), STR("b"));
        scene_commit(x);
    }
    assert_found(x, (struct request_filter){.q = STR("needle")}, 100);
    assert_found(x, (struct request_filter){.q = STR("hay 1")}, 55);
    assert_found(x, (struct request_filter){.q = STR("e")}, 200);
}

static void by_id_text(void **state)
{
    struct store_scene *x = *state;
    fill(x);
    struct seen seen = {.count = 0};
    struct fail f = {0};
    assert_int_equal(store_list(x->reader, &(struct request_filter){0}, NULL, 1, see, &seen, &f),
                     ERR_OK);
    char text[UUID_TEXT];
    assert_found(x, (struct request_filter){.q = str_of(uuid_format(&seen.ids[0], text))}, 1);
}

static void pages_follow_each_other(void **state)
{
    struct store_scene *x = *state;
    fill(x);
    struct seen all = {.count = 0};
    struct request_filter none = {0};
    struct fail f = {0};
    assert_int_equal(store_list(x->reader, &none, NULL, 100, see, &all, &f), ERR_OK);
    assert_int_equal(all.count, 12);
    for (int i = 1; i < all.count; i++)
        assert_true(memcmp(all.ids[i - 1].bytes, all.ids[i].bytes, 16) > 0);
    struct seen paged = {.count = 0};
    for (int page = 0; page < 3; page++) {
        const struct uuid *before = paged.count ? &paged.ids[paged.count - 1] : NULL;
        assert_int_equal(store_list(x->reader, &none, before, 5, see, &paged, &f), ERR_OK);
    }
    assert_int_equal(paged.count, 12);
    assert_memory_equal(paged.ids, all.ids, sizeof all.ids[0] * 12);
}

static void times_bound(void **state)
{
    struct store_scene *x = *state;
    /* ids say when a request began: give these their own */
    for (int i = 0; i < 10; i++) {
        struct record r = maker_record(base_us + i * hour_us);
        r.id = uuid_floor(r.started_us);
        maker_add(&x->maker, &r, STR("a"), STR("b"));
    }
    scene_commit(x);
    assert_found(x, (struct request_filter){.start_us = base_us + 3 * hour_us}, 7);
    assert_found(x, (struct request_filter){.end_us = base_us + 3 * hour_us}, 3);
    assert_found(x, (struct request_filter){.start_us = base_us + 1 * hour_us,
                                            .end_us = base_us + 2 * hour_us}, 1);
    assert_found(x, (struct request_filter){.start_us = base_us + 1 * hour_us + 1,
                                            .end_us = base_us + 2 * hour_us}, 0);
}

/* --- sums --- */

struct sums {
    struct stats_row rows[32];
    char keys[32][64];
    int count;
};

static void keep_stats(const struct stats_row *row, void *owner)
{
    struct sums *s = owner;
    s->rows[s->count] = *row;
    snprintf(s->keys[s->count++], 64, "%.*s", STR_ARGS(row->key));
}

static void ask_stats(struct store_scene *x, enum stats_by by, int64_t start_us, int64_t end_us,
                      struct sums *s)
{
    struct fail f = {0};
    struct stats_ask ask = {.filter = {.start_us = start_us, .end_us = end_us},
                            .divisions = 1u << by};
    s->count = 0;
    assert_int_equal(store_stats(x->reader, &ask, keep_stats, s, &f), ERR_OK);
    assert_int_equal(s->rows[s->count - 1].by, STATS_TOTAL);
    s->count -= by != STATS_TOTAL;
}

static void stats_add_up(void **state)
{
    struct store_scene *x = *state;
    struct sums s = {.count = 0};
    ask_stats(x, STATS_TOTAL, 0, 0, &s);
    assert_int_equal(s.count, 1);
    assert_int_equal(s.rows[0].request_count, 0);
    fill(x);
    ask_stats(x, STATS_TOTAL, 0, 0, &s);
    assert_int_equal(s.rows[0].request_count, 12);
    assert_int_equal(s.rows[0].error_count, 4);
    assert_int_equal(s.rows[0].usage.output_tokens, 120);
    assert_int_equal(s.rows[0].usage.input_tokens, 0);
    assert_int_equal(s.rows[0].request_bytes, 60);
    assert_int_equal(s.rows[0].response_bytes, 36);
    assert_int_equal(s.rows[0].duration.sum_us, 60000);
    assert_int_equal(s.rows[0].ttfb.sum_us, 1100);
    assert_int_equal(s.rows[0].ttfb.count, 11);
    ask_stats(x, STATS_BY_MODEL, 0, 0, &s);
    assert_int_equal(s.count, 2);
    assert_string_equal(s.keys[0], "claude-opus-5");
    assert_int_equal(s.rows[0].request_count, 9);
    ask_stats(x, STATS_BY_STATE, 0, 0, &s);
    assert_string_equal(s.keys[0], "complete");
    assert_string_equal(s.keys[1], "upstream_error");
    ask_stats(x, STATS_BY_HOUR, base_us + 2 * hour_us, base_us + 4 * hour_us, &s);
    assert_int_equal(s.count, 2);
    assert_int_equal(strlen(s.keys[0]), strlen("2026-11-21T14:00:00Z"));
    assert_true(strcmp(s.keys[0], s.keys[1]) < 0);
    assert_int_equal(s.rows[0].request_count, 1);
}

struct session_seen {
    struct session_row rows[8];
    char ids[8][40], titles[8][80];
    int count;
};

static void keep_session(const struct session_row *row, void *owner)
{
    struct session_seen *s = owner;
    s->rows[s->count] = *row;
    snprintf(s->titles[s->count], 80, "%.*s", STR_ARGS(row->title));
    snprintf(s->ids[s->count++], 40, "%.*s", STR_ARGS(row->session_id));
}

static void sessions_add_up(void **state)
{
    struct store_scene *x = *state;
    fill(x);
    struct record late = maker_record(base_us + 100 * hour_us);
    late.session_id = STR("session-even");
    late.agent_id = STR("agent-8");
    late.model = STR("newest");
    late.title = STR("later title");
    maker_add(&x->maker, &late, STR("a"), STR("b"));
    scene_commit(x);
    struct session_seen s = {.count = 0};
    struct fail f = {0};
    struct thread_filter filter = {0};
    assert_int_equal(store_find_sessions(x->reader, &filter, 10, keep_session, &s, &f), ERR_OK);
    assert_int_equal(s.count, 2);
    assert_string_equal(s.ids[0], "session-even");
    assert_string_equal(s.titles[0], "hello");
    assert_int_equal(s.rows[0].request_count, 7);
    assert_int_equal(s.rows[0].error_count, 2);
    assert_int_equal(s.rows[0].agent_count, 2);
    assert_int_equal(s.rows[0].first_us, base_us);
    assert_int_equal(s.rows[0].last_us, base_us + 100 * hour_us);
    assert_int_equal(s.rows[0].usage.output_tokens, 60);
    assert_int_equal(s.rows[1].agent_count, 1);
    s.count = 0;
    filter.before_us = base_us + 100 * hour_us;
    assert_int_equal(store_find_sessions(x->reader, &filter, 10, keep_session, &s, &f), ERR_OK);
    assert_int_equal(s.count, 1);
    assert_string_equal(s.ids[0], "Session-odd");
}

static void odd_texts_are_kept(void **state)
{
    struct store_scene *x = *state;
    struct record in = maker_record(base_us), out;
    in.title = STR("zero \0 inside");
    in.model = STR("\xff\xfe not UTF-8");
    in.path = STR("/v1/\"'; DROP TABLE requests; --");
    maker_add(&x->maker, &in, STR("a"), STR("b"));
    scene_commit(x);
    struct arena arena;
    arena_init(&arena);
    struct fail f = {0};
    assert_int_equal(store_get(x->reader, &in.id, &arena, &out, NULL, &f), ERR_OK);
    /* PostgreSQL's text is UTF-8 without zeros */
    assert_str_equal(out.title, place_is_postgres() ? STR("zero ? inside") : in.title);
    assert_str_equal(out.model, place_is_postgres() ? STR("\xef\xbf\xbd\xef\xbf\xbd not UTF-8")
                                                    : in.model);
    assert_str_equal(out.path, in.path);
    int64_t count; /* found by what it was, all the same */
    assert_int_equal(store_count(x->reader, &(struct request_filter){.model = in.model}, &count, &(bool){0}, &f),
                     ERR_OK);
    assert_int_equal(count, 1);
    arena_release(&arena);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
    log_setup(LOG_WARN, LOG_TEXT);
    const struct CMUnitTest tests[] = {
        TEST(row_comes_back),      TEST(bodies_come_back), TEST(a_wrong_hash_is_corrupt),
        TEST(commits_count_once),  TEST(filters_find), TEST(seldom_ones_are_found),     TEST(texts_are_found),
        TEST(slices_of_time_leave_nothing_out),
        TEST(many_names_hold_the_text),
        TEST(by_id_text),          TEST(pages_follow_each_other), TEST(times_bound),
        TEST(stats_add_up),        TEST(sessions_add_up),  TEST(odd_texts_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

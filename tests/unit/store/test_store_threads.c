/*
 * test_store_threads.c — conversations and sessions are summed up, listed, filtered, and their
 * requests found; the indexer gets back what it needs to go on after a restart.
 */
#include "check.h"

#include <stdio.h>

#include "base/log.h"
#include "store_scene.h"
#include "store/store_threads.h"

static const int64_t base_us = INT64_C(496000) * 3600 * 1000000;
static const int64_t second_us = 1000000;

/* Turn `number` of a conversation, a second after the one before. */
static struct record turn_of(int64_t conversation, const char *session, const char *agent,
                             int64_t number)
{
    struct record r = maker_record(base_us + number * second_us);
    r.conversation = conversation;
    r.session_id = str_of(session);
    r.agent_id = str_of(agent);
    r.turn = conversation * 100 + number;
    r.parent_turn = number > 1 ? r.turn - 1 : UNKNOWN;
    r.shared_count = number > 1 ? number * 2 - 3 : UNKNOWN;
    r.message_count = number * 2 - 1;
    r.tool_count = 12;
    r.usage.output_tokens = 10;
    return r;
}

static void add(struct store_scene *x, const struct record *r)
{
    maker_add(&x->maker, r, STR("{}"), STR("{}"));
}

struct found {
    struct store_scene *x;
    struct conversation_row rows[8];
    struct record requests[8];
    size_t count;
};

static void on_conversation(const struct conversation_row *row, void *owner)
{
    struct found *found = owner;
    assert_true(found->count < 8);
    found->rows[found->count++] = *row;
}

static size_t list(struct store_scene *x, struct thread_filter filter, struct found *found)
{
    *found = (struct found){.x = x};
    assert_int_equal(store_conversations(x->reader, &filter, 8, on_conversation, found, NULL),
                     ERR_OK);
    return found->count;
}

static void sums_and_filters(void **state)
{
    struct store_scene *x = *state;
    struct found f;
    for (int64_t i = 1; i <= 3; i++) {
        struct record r = turn_of(7, "s1", NULL, i);
        r.title = i == 2 ? STR("Fix the test") : STR_NONE;
        r.state = i == 3 ? ENDING_UPSTREAM_ERROR : ENDING_COMPLETE;
        r.model = i == 3 ? STR("newer") : STR("older");
        r.cost_usd_micro = i == 3 ? UNKNOWN : 700;
        r.flags = i == 3 ? RECORD_COST_UNKNOWN | RECORD_ASKS_STREAM : RECORD_ASKS_STREAM;
        r.project = i == 1 ? STR_NONE : STR("/home/me/shop");
        add(x, &r);
        if (i == 2)
            scene_commit(x);
    }
    struct record other = turn_of(8, NULL, NULL, 9), agent = turn_of(9, "s1", "a1", 2);
    struct record none = maker_record(base_us);
    other.title = STR("100% sure_ly");
    add(x, &other);
    add(x, &agent);
    add(x, &none); /* of no conversation */
    scene_commit(x);
    assert_int_equal(list(x, (struct thread_filter){0}, &f), 3);
    assert_int_equal(f.rows[0].conversation, 8);
    assert_int_equal(f.rows[1].conversation, 7);
    assert_int_equal(f.rows[1].request_count, 3);
    assert_int_equal(f.rows[1].error_count, 1);
    assert_int_equal(f.rows[1].message_count, 5);
    assert_int_equal(f.rows[1].usage.output_tokens, 30);
    assert_int_equal(f.rows[1].cost_usd_micro, 1400);
    assert_int_equal(f.rows[1].unknown_cost_count, 1);
    assert_int_equal(f.rows[1].first_us, base_us + second_us);
    assert_int_equal(f.rows[1].last_us, base_us + 3 * second_us);
    assert_str_equal(f.rows[1].model, STR("newer"));
    assert_str_equal(f.rows[1].title, STR("Fix the test"));
    assert_str_equal(f.rows[1].session_id, STR("s1"));
    assert_int_equal(list(x, (struct thread_filter){.session_id = STR("s1")}, &f), 2);
    assert_int_equal(list(x, (struct thread_filter){.agent_id = STR("a1")}, &f), 1);
    assert_int_equal(f.rows[0].conversation, 9);
    assert_int_equal(list(x, (struct thread_filter){.agent_id = STR("main")}, &f), 2);
    assert_int_equal(list(x, (struct thread_filter){.session_id = STR("nobody")}, &f), 0);
    assert_int_equal(list(x, (struct thread_filter){.model = STR("newer")}, &f), 1);
    assert_int_equal(list(x, (struct thread_filter){.model = STR("older")}, &f), 0);
    assert_int_equal(list(x, (struct thread_filter){.q = STR("0% SURE_")}, &f), 1);
    assert_int_equal(f.rows[0].conversation, 8);
    assert_int_equal(list(x, (struct thread_filter){.q = STR("fix THE")}, &f), 1);
    assert_int_equal(
        list(x, (struct thread_filter){.start_us = base_us + 3 * second_us,
                                       .end_us = base_us + 9 * second_us}, &f), 1);
    assert_int_equal(f.rows[0].conversation, 7);
    assert_int_equal(list(x, (struct thread_filter){.before_us = base_us + 3 * second_us}, &f), 1);
    assert_int_equal(f.rows[0].conversation, 9);
}

static void on_request(const struct record *row, void *owner)
{
    struct found *found = owner;
    assert_true(found->count < 8);
    found->requests[found->count++] = *row;
}

/* Three of each: of a session, of who names none, and of a session's agent. */
static void add_turns(struct store_scene *x)
{
    for (int64_t i = 1; i <= 3; i++) {
        struct record a = turn_of(7, "s1", NULL, i), b = turn_of(8, NULL, NULL, i);
        struct record d = turn_of(9, "s1", "a1", i);
        add(x, &a);
        add(x, &b);
        add(x, &d);
    }
    scene_commit(x);
}

static void requests_of(void **state)
{
    struct store_scene *x = *state;
    struct conversation_row c;
    struct session_row session;
    add_turns(x);
    for (int64_t number = 7; number <= 8; number++) {
        struct found f = {.x = x};
        assert_int_equal(store_conversation(x->reader, number, &x->arena, &c, NULL), ERR_OK);
        assert_int_equal(store_turns(x->reader, &c, on_request, &f, NULL), ERR_OK);
        assert_int_equal(f.count, 3);
        assert_int_equal(f.requests[0].turn, number * 100 + 3);
        assert_int_equal(f.requests[0].parent_turn, number * 100 + 2);
        assert_int_equal(f.requests[0].shared_count, 3);
        assert_int_equal(f.requests[2].parent_turn, UNKNOWN);
        assert_int_equal(f.requests[2].shared_count, UNKNOWN);
    }
    assert_int_equal(store_conversation(x->reader, 6, &x->arena, &c, NULL), ERR_NOT_FOUND);
    struct found f = {.x = x};
    assert_int_equal(store_session_requests(x->reader, STR("s1"), on_request, &f, NULL), ERR_OK);
    assert_int_equal(f.count, 6);
    assert_int_equal(store_session(x->reader, STR("s1"), &x->arena, &session, NULL), ERR_OK);
    assert_int_equal(session.request_count, 6);
    assert_int_equal(session.agent_count, 1);
    assert_int_equal(store_session(x->reader, STR("a1"), &x->arena, &session, NULL),
                     ERR_NOT_FOUND);
    assert_int_equal(store_session(x->reader, STR("nil"), &x->arena, &session, NULL),
                     ERR_NOT_FOUND);
}

struct turns {
    struct known_turn list[8];
    int64_t tool_count;
    size_t count;
};

static void on_turn(const struct known_turn *turn, int64_t tool_count, void *owner)
{
    struct turns *t = owner;
    assert_true(t->count < 8);
    t->list[t->count++] = *turn;
    t->tool_count = tool_count;
}

static void what_the_indexer_asks(void **state)
{
    struct store_scene *x = *state;
    struct known_turn turn;
    add_turns(x);
    assert_true(store_find_turn(x->store, 802, &turn));
    assert_int_equal(turn.conversation, 8);
    assert_int_equal(turn.parent, 801);
    assert_int_equal(turn.shared, 1);
    assert_true(store_find_turn(x->store, 801, &turn));
    assert_int_equal(turn.parent, 0);
    assert_false(store_find_turn(x->store, 702, &turn)); /* a session's */
    assert_false(store_find_turn(x->store, 804, &turn));
    struct turns t = {0};
    store_session_turns(x->store, STR("s1"), STR_NONE, 2, on_turn, &t);
    assert_int_equal(t.count, 2);
    assert_int_equal(t.list[0].turn, 702);
    assert_int_equal(t.list[1].turn, 703);
    assert_int_equal(t.tool_count, 12);
    t.count = 0;
    store_session_turns(x->store, STR("s1"), STR("a1"), 8, on_turn, &t);
    assert_int_equal(t.count, 3);
    assert_int_equal(t.list[0].conversation, 9);
    t.count = 0;
    store_session_turns(x->store, STR("s2"), STR("a1"), 8, on_turn, &t);
    assert_int_equal(t.count, 0);
}

static void on_session(const struct session_row *row, void *owner)
{
    *(int64_t *)owner += row->request_count;
}

static int64_t sessions(struct store_scene *x, struct thread_filter filter)
{
    int64_t requests = 0;
    assert_int_equal(store_find_sessions(x->reader, &filter, 8, on_session, &requests, NULL),
                     ERR_OK);
    return requests;
}

static void sessions_are_found(void **state)
{
    struct store_scene *x = *state;
    struct record a = turn_of(7, "s1", NULL, 1), b = turn_of(8, "s2", NULL, 5);
    a.model = STR("small");
    b.title = STR("Great plan");
    b.project = STR("/home/me/shop");
    add(x, &a);
    add(x, &b);
    add(x, &b);
    scene_commit(x);
    assert_int_equal(sessions(x, (struct thread_filter){0}), 2);
    assert_int_equal(sessions(x, (struct thread_filter){.model = STR("small")}), 1);
    assert_int_equal(sessions(x, (struct thread_filter){.q = STR("great")}), 1);
    assert_int_equal(sessions(x, (struct thread_filter){.start_us = base_us + 2 * second_us}), 1);
    assert_int_equal(sessions(x, (struct thread_filter){.end_us = base_us + 2 * second_us}), 1);
    assert_int_equal(sessions(x, (struct thread_filter){.end_us = base_us}), 0);
    assert_int_equal(sessions(x, (struct thread_filter){.project = STR("small")}), 0);
    assert_int_equal(sessions(x, (struct thread_filter){.project = STR("unheard")}), 0);
    assert_int_equal(sessions(x, (struct thread_filter){.project = STR("/home/me/shop")}), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
    log_setup(LOG_WARN, LOG_TEXT);
    const struct CMUnitTest tests[] = {
        TEST(sums_and_filters), TEST(requests_of), TEST(what_the_indexer_asks),
        TEST(sessions_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

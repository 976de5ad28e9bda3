/*
 * test_threads.c — requests find the conversation they belong to and the turn they go on from.
 */
#include "check.h"

#include "base/mem.h"
#include "index/threads.h"

enum { STORED_MAX = 64 };

struct scene {
    struct index_store store;
    struct threads threads;
    struct {
        struct known_turn turn;
        struct str session, agent;
        int64_t tool_count;
    } stored[STORED_MAX];
    size_t stored_count;
    int asked; /* calls of find_turn and session_turns */
};

static bool find_turn(void *owner, int64_t turn, struct known_turn *out)
{
    struct scene *s = owner;
    s->asked++;
    for (size_t i = s->stored_count; i-- > 0;)
        if (s->stored[i].turn.turn == turn && !s->stored[i].session.len) {
            *out = s->stored[i].turn;
            return true;
        }
    return false;
}

static void session_turns(void *owner, struct str session, struct str agent, int max,
                          known_turn_fn *fn, void *fn_owner)
{
    struct scene *s = owner;
    s->asked++;
    assert_true(max >= STORED_MAX);
    for (size_t i = 0; i < s->stored_count; i++)
        if (str_equal(s->stored[i].session, session) && str_equal(s->stored[i].agent, agent))
            fn(&s->stored[i].turn, s->stored[i].tool_count, fn_owner);
}

static int setup(void **state)
{
    struct scene *s = MEM_NEW(struct scene);
    s->store = (struct index_store){.owner = s, .find_turn = find_turn,
                                    .session_turns = session_turns};
    threads_init(&s->threads, &s->store);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    threads_release(&s->threads);
    free(s);
    return 0;
}

/* Who asks. */
struct asker {
    const char *session, *agent, *parent_agent, *addr;
    int64_t tools;
};

/* A request whose messages are the letters of `words`; it is stored, too. */
static struct record ask(struct scene *s, struct asker who, const char *words)
{
    struct record r;
    uint64_t list[64], chain = 0;
    struct message_chain messages = {list, 0, COUNT_OF(list)};
    record_init(&r);
    r.id = uuid_new();
    r.session_id = str_of(who.session);
    r.agent_id = str_of(who.agent);
    r.parent_agent_id = str_of(who.parent_agent);
    r.client = STR("client/1");
    r.client_addr = str_of(who.addr);
    r.tool_count = who.tools;
    for (; *words; words++)
        list[messages.count++] = chain = hash_join(chain, (uint64_t)*words);
    threads_place(&s->threads, &r, &messages);
    assert_true(s->stored_count < STORED_MAX);
    s->stored[s->stored_count].turn = (struct known_turn){
        r.turn, r.conversation, MAX_OF(r.parent_turn, 0), MAX_OF(r.shared_count, 0)};
    s->stored[s->stored_count].session = r.session_id;
    s->stored[s->stored_count].agent = r.agent_id;
    s->stored[s->stored_count++].tool_count = r.tool_count;
    return r;
}

static void assert_child(const struct record *child, const struct record *parent, int64_t shared)
{
    assert_int_equal(child->conversation, parent->conversation);
    assert_int_equal(child->parent_turn, parent->turn);
    assert_int_equal(child->shared_count, shared);
    assert_true(child->turn != parent->turn);
}

static const struct asker nobody = {.addr = "10.0.0.1:1000"};
static const struct asker nobody_later = {.addr = "10.0.0.1:2000"};
static const struct asker neighbour = {.addr = "10.0.0.2:1000"};
static const struct asker main_agent = {.session = "s1", .addr = "10.0.0.1:1", .tools = 12};
static const struct asker side = {.session = "s1", .addr = "10.0.0.1:1", .tools = 0};
static const struct asker forked = {.session = "s1", .agent = "a1", .addr = "10.0.0.1:1", .tools = 12};
static const struct asker nested = {.session = "s1", .agent = "a2", .parent_agent = "a1",
                                    .addr = "10.0.0.1:1", .tools = 12};

static void goes_on(void **state)
{
    struct scene *s = *state;
    struct record a = ask(s, nobody, "u"), b = ask(s, nobody_later, "uav");
    struct record c = ask(s, nobody, "uavbw"), other = ask(s, neighbour, "uavbw");
    assert_true(a.conversation > 0 && a.turn > 0);
    assert_int_equal(a.parent_turn, UNKNOWN);
    assert_int_equal(a.shared_count, UNKNOWN);
    assert_child(&b, &a, 1);
    assert_child(&c, &b, 3);
    assert_true(other.conversation != a.conversation);
}

static void branches(void **state)
{
    struct scene *s = *state;
    struct record a = ask(s, nobody, "u"), b = ask(s, nobody, "uav"), c = ask(s, nobody, "uavbw");
    struct record edited = ask(s, nobody, "uavbx"), again = ask(s, nobody, "uavbw");
    struct record earlier = ask(s, nobody, "uay");
    assert_child(&c, &b, 3);
    assert_child(&edited, &b, 3);
    assert_child(&earlier, &a, 1);
    assert_child(&again, &b, 3);
    assert_int_equal(again.turn, c.turn);
}

static void equal_beginnings(void **state)
{
    struct scene *s = *state;
    struct record a = ask(s, nobody, "u"), b = ask(s, nobody, "u");
    assert_true(a.conversation != b.conversation);
    struct record c = ask(s, nobody, "uav");
    assert_child(&c, &b, 1);
    /* in a session it is the same question again */
    struct record d = ask(s, main_agent, "u"), e = ask(s, main_agent, "u");
    assert_int_equal(d.conversation, e.conversation);
    assert_int_equal(d.turn, e.turn);
}

static void compacted(void **state)
{
    struct scene *s = *state;
    struct record a = ask(s, main_agent, "u"), title = ask(s, side, "t");
    struct record b = ask(s, main_agent, "uav"), c = ask(s, main_agent, "z");
    struct record d = ask(s, main_agent, "zaw");
    assert_true(title.conversation != a.conversation);
    assert_child(&b, &a, 1);
    assert_child(&c, &b, 0);
    assert_child(&d, &c, 1);
}

static void forks(void **state)
{
    struct scene *s = *state;
    struct record a = ask(s, main_agent, "u"), b = ask(s, main_agent, "uav");
    struct record f = ask(s, forked, "uavf"), g = ask(s, forked, "uavfgh");
    struct record n = ask(s, nested, "uavfghn");
    assert_child(&b, &a, 1);
    assert_true(f.conversation != a.conversation);
    assert_int_equal(f.parent_turn, b.turn);
    assert_int_equal(f.shared_count, 3);
    assert_child(&g, &f, 4);
    assert_int_equal(n.parent_turn, g.turn);
    assert_true(n.conversation != g.conversation);
}

static void forget(struct scene *s)
{
    threads_release(&s->threads);
}

static void after_a_restart(void **state)
{
    struct scene *s = *state;
    struct record a = ask(s, main_agent, "u"), b = ask(s, main_agent, "uav");
    struct record x = ask(s, nobody, "u"), y = ask(s, nobody, "uav");
    forget(s);
    struct record c = ask(s, main_agent, "uavbw");
    assert_child(&c, &b, 3);
    struct record z = ask(s, nobody, "uavbw");
    assert_child(&z, &y, 3);
    assert_int_equal(x.conversation, z.conversation);
    forget(s);
    struct record d = ask(s, main_agent, "qrs");
    assert_child(&d, &c, 0);
    forget(s);
    struct record f = ask(s, forked, "uavf");
    assert_int_equal(f.parent_turn, b.turn);
    assert_true(f.conversation != a.conversation);
}

static void asks_seldom(void **state)
{
    struct scene *s = *state;
    ask(s, nobody, "u");
    ask(s, neighbour, "u");
    assert_int_equal(s->asked, 0);
    ask(s, main_agent, "u");
    ask(s, main_agent, "uav");
    ask(s, main_agent, "uavbw");
    assert_int_equal(s->asked, 0);
    ask(s, neighbour, "abcdefghijklmnopqrstuvwxyz");
    assert_int_equal(s->asked, THREADS_ASKED_MAX);
    ask(s, main_agent, "xyz");
    ask(s, main_agent, "zyx");
    assert_int_equal(s->asked, THREADS_ASKED_MAX + 1);
}

static void many_turns(void **state)
{
    struct scene *s = *state;
    struct record first, before;
    for (int i = 0; i < THREADS_TURNS_MAX * 3; i++) {
        uint64_t list[2] = {(uint64_t)i, (uint64_t)i + 1};
        struct message_chain chain = {list, 2, 2};
        struct record r;
        record_init(&r);
        r.id = uuid_new();
        r.session_id = STR("s1");
        threads_place(&s->threads, &r, &chain);
        if (i)
            assert_child(&r, &before, 1);
        else
            first = r;
        before = r;
    }
    assert_int_equal(before.conversation, first.conversation);
}

static void no_messages(void **state)
{
    struct scene *s = *state;
    struct record r;
    record_init(&r);
    threads_place(&s->threads, &r, &(struct message_chain){0});
    assert_int_equal(r.conversation, UNKNOWN);
    assert_int_equal(r.turn, UNKNOWN);
    assert_null(s->threads.memory);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(goes_on), TEST(branches),        TEST(equal_beginnings), TEST(compacted),
        TEST(forks),   TEST(after_a_restart), TEST(asks_seldom),      TEST(many_turns),
        TEST(no_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

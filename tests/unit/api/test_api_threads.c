/*
 * test_api_threads.c — conversations and sessions as the API tells them, over a real store that
 * was filled the way the indexer fills it.
 */
#include "api_scene.h"

#include "../store/batches.h"
#include "index/threads.h"

static const int64_t base_us = INT64_C(496000) * 3600 * 1000000;

/* --- an indexer in which nothing runs but what a test says --- */

static struct {
    struct record row;
    struct str request;
    bool is_there;
} running;

void indexer_each_running(struct indexer *x, indexer_running_fn *fn, void *owner)
{
    (void)x;
    if (running.is_there)
        fn(&running.row, owner);
}

enum err indexer_running_body(struct indexer *x, const struct uuid *id, bool is_response,
                              struct buf *out)
{
    (void)x;
    if (!running.is_there || !uuid_equal(id, &running.row.id))
        return ERR_NOT_FOUND;
    return is_response ? ERR_OK : buf_append(out, running.request);
}

enum err indexer_running_get(struct indexer *x, const struct uuid *id, struct arena *arena,
                             struct record *row, struct record_detail *detail,
                             bool *is_stored_soon)
{
    (void)x, (void)arena, (void)detail, (void)is_stored_soon;
    if (!running.is_there || !uuid_equal(id, &running.row.id))
        return ERR_NOT_FOUND;
    *row = running.row;
    return ERR_OK;
}

void indexer_count(struct indexer *x, struct indexer_counters *out)
{
    (void)x;
    *out = (struct indexer_counters){0};
}

/* --- the scene --- */

static struct batch_maker maker;
static struct index_store port;
static struct threads threads;
static int64_t now_us;

static int setup(void **state)
{
    struct scene *s = MEM_NEW(struct scene);
    scene_open_store(s);
    maker_init(&maker, s->store);
    port.secret = store_secret(s->store);
    threads_init(&threads, &port);
    const struct api_options options = {.store = s->store, .version = "1"};
    s->api = api_new(&options);
    now_us = base_us;
    running.is_there = false;
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    scene_release(s);
    threads_release(&threads);
    maker_release(&maker);
    scene_close_store(s);
    free(s);
    return 0;
}

/* `format`: an address with a place for `id`. */
static void ask_about(struct scene *s, int status, const char *format, const char *id)
{
    ask(s, status, arena_printf(&s->arena, format, id).ptr);
}

static int64_t int_at(struct scene *s, const char *pointer)
{
    yyjson_val *value = at(s, pointer);
    assert_true(yyjson_is_int(value));
    return yyjson_get_sint(value);
}

static size_t size_at(struct scene *s, const char *pointer)
{
    return yyjson_arr_size(at(s, pointer));
}

/* --- recording --- */

struct who {
    const char *session, *agent, *parent;
};

static char *id_of(struct scene *s, const struct record *r)
{
    return uuid_format(&r->id, arena_alloc(&s->arena, UUID_TEXT));
}

static struct record make_row(struct scene *s, struct who who, struct str body)
{
    struct message_chain chain = {0};
    struct json_cuts cuts = {0};
    struct request_facts facts;
    struct record r = maker_record(now_us += 1000000);
    json_cut(body, &s->arena, &cuts, &facts);
    message_chain_build(&chain, body, &cuts, NULL, 0, port.secret);
    r.session_id = str_of(who.session);
    r.agent_id = str_of(who.agent);
    r.parent_agent_id = str_of(who.parent);
    r.message_count = facts.message_count;
    r.tool_count = 3;
    r.title = facts.title;
    r.usage = (struct usage){.input_tokens = 5, .output_tokens = 7};
    threads_place(&threads, &r, &chain);
    message_chain_release(&chain);
    json_cuts_release(&cuts);
    return r;
}

static struct str body_of(struct scene *s, const char *messages)
{
    return arena_printf(&s->arena, "{\"model\":\"claude-opus-5\",\"messages\":[%s]}", messages);
}

/* A request with these messages, answered by this text; committed. */
static struct record said(struct scene *s, struct who who, const char *messages,
                          const char *content)
{
    struct str body = body_of(s, messages);
    struct record r = make_row(s, who, body);
    r.tool_use_count = strstr(content, "tool_use") != NULL;
    maker_add(&maker, &r, body,
              arena_printf(&s->arena,
                           "{\"type\":\"message\",\"role\":\"assistant\",\"content\":%s}",
                           content));
    assert_int_equal(store_commit(s->store, maker_batch(&maker), NULL), ERR_OK);
    maker_next(&maker);
    return r;
}

#define U(text)    "{\"role\":\"user\",\"content\":\"" text "\"}"
#define U2(text)   "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"" text "\"}]}"
#define A(text)    "{\"role\":\"assistant\",\"content\":" TEXT(text) "}"
#define TEXT(text) "[{\"type\":\"text\",\"text\":\"" text "\"}]"

static const struct who nobody = {NULL, NULL, NULL}, me = {"s1", NULL, NULL};

/* --- tests --- */

static void one_chat(void **state)
{
    struct scene *s = *state;
    struct record a = said(s, nobody, U("one"), TEXT("two"));
    struct record b = said(s, nobody, U2("one") "," A("two") "," U("three"), TEXT("four"));
    struct record c = said(
        s, nobody, U("one") "," A("two") "," U2("three") "," A("four") "," U("five"), TEXT("six"));
    ask(s, 200, "/api/conversations");
    assert_int_equal(size_at(s, "/conversations"), 1);
    assert_int_equal(int_at(s, "/conversations/0/request_count"), 3);
    const char *id = arena_printf(&s->arena, "%s", text_at(s, "/conversations/0/id")).ptr;
    ask_about(s, 200, "/api/conversations/%s", id);
    assert_int_equal(int_at(s, "/total"), 6);
    assert_int_equal(size_at(s, "/messages"), 6);
    assert_string_equal(text_at(s, "/messages/0/request_id"), id_of(s, &a));
    assert_string_equal(text_at(s, "/messages/1/request_id"), id_of(s, &a));
    assert_true(yyjson_get_bool(at(s, "/messages/1/is_answer")));
    assert_string_equal(text_at(s, "/messages/2/request_id"), id_of(s, &b));
    assert_false(yyjson_get_bool(at(s, "/messages/2/is_answer")));
    assert_string_equal(text_at(s, "/messages/3/request_id"), id_of(s, &b));
    assert_string_equal(text_at(s, "/messages/5/request_id"), id_of(s, &c));
    assert_string_equal(text_at(s, "/messages/5/message/content/0/text"), "six");
    assert_int_equal(size_at(s, "/requests"), 3);
    assert_int_equal(size_at(s, "/branches"), 1);
    assert_true(yyjson_is_null(at(s, "/next_from")));
    assert_int_equal(int_at(s, "/conversation/usage/output_tokens"), 21);
    /* any request in it names it, too */
    ask_about(s, 200, "/api/conversations/%s?limit=2", id_of(s, &a));
    assert_int_equal(int_at(s, "/total"), 6);
    assert_int_equal(int_at(s, "/from"), 4);
    assert_int_equal(size_at(s, "/messages"), 2);
    assert_int_equal(size_at(s, "/requests"), 1);
    ask_about(s, 200, "/api/conversations/%s?limit=2&from=1", id);
    assert_int_equal(size_at(s, "/messages"), 2);
    assert_int_equal(int_at(s, "/messages/0/index"), 1);
    assert_int_equal(int_at(s, "/next_from"), 3);
    ask_about(s, 200, "/api/conversations/%s?from=99", id);
    assert_int_equal(size_at(s, "/messages"), 0);
    assert_int_equal(size_at(s, "/requests"), 0);
}

static void branches(void **state)
{
    struct scene *s = *state;
    struct record a = said(s, nobody, U("one"), TEXT("two"));
    struct record b = said(s, nobody, U("one") "," A("two") "," U("three"), TEXT("four"));
    struct record edited = said(s, nobody, U("one") "," A("two") "," U("other"), TEXT("five"));
    ask_about(s, 200, "/api/conversations/%s", id_of(s, &a));
    assert_string_equal(text_at(s, "/leaf"), id_of(s, &edited));
    assert_int_equal(int_at(s, "/branch_count"), 2);
    assert_true(yyjson_get_bool(at(s, "/branches/0/is_shown")));
    assert_string_equal(text_at(s, "/branches/1/leaf"), id_of(s, &b));
    assert_string_equal(text_at(s, "/branches/1/forks_from"), id_of(s, &a));
    assert_string_equal(text_at(s, "/messages/2/message/content"), "other");
    ask_about(s, 200, "/api/conversations/%s", id_of(s, &b));
    assert_string_equal(text_at(s, "/messages/2/message/content"), "three");
    assert_string_equal(text_at(s, "/messages/3/message/content/0/text"), "four");
}

static void rewritten(void **state)
{
    struct scene *s = *state;
    said(s, me, U("one"), TEXT("two"));
    struct record b = said(s, me, U("one") "," A("two") "," U("sum it up"), TEXT("summary"));
    struct record c = said(s, me, U("so far: summary"), TEXT("go on"));
    ask_about(s, 200, "/api/conversations/%s", id_of(s, &c));
    assert_int_equal(int_at(s, "/total"), 6);
    assert_int_equal(size_at(s, "/parts"), 2);
    assert_int_equal(int_at(s, "/parts/1/from"), 4);
    assert_string_equal(text_at(s, "/parts/0/request_id"), id_of(s, &b));
    assert_string_equal(text_at(s, "/messages/3/message/content/0/text"), "summary");
    assert_string_equal(text_at(s, "/messages/4/message/content"), "so far: summary");
    ask(s, 200, "/api/conversations?session=s1&agent=main");
    assert_int_equal(size_at(s, "/conversations"), 1);
}

static void what_runs_is_there(void **state)
{
    struct scene *s = *state;
    struct record a = said(s, me, U("one"), TEXT("two"));
    running.request = body_of(s, U("one") "," A("two") "," U("now"));
    running.row = make_row(s, me, running.request);
    running.row.state = ENDING_RUNNING;
    running.row.status = 0;
    running.is_there = true;
    ask_about(s, 200, "/api/conversations/%s", id_of(s, &a));
    assert_int_equal(int_at(s, "/total"), 3);
    assert_string_equal(text_at(s, "/messages/2/message/content"), "now");
    assert_string_equal(text_at(s, "/requests/1/state"), "running");
    ask(s, 200, "/api/sessions/s1");
    assert_int_equal(size_at(s, "/agents/0/requests"), 2);
    assert_int_equal(int_at(s, "/session/request_count"), 2); /* as its agents say */
}

static void retries(void **state)
{
    struct scene *s = *state;
    struct record a = said(s, me, U("one"), TEXT("two")), b = said(s, me, U("one"), TEXT("zwei"));
    ask_about(s, 200, "/api/conversations/%s", id_of(s, &a));
    assert_int_equal(int_at(s, "/total"), 2);
    assert_int_equal(size_at(s, "/requests"), 1);
    assert_string_equal(text_at(s, "/requests/0/id"), id_of(s, &b));
    assert_string_equal(text_at(s, "/requests/0/attempts/0"), id_of(s, &a));
    assert_string_equal(text_at(s, "/messages/1/message/content/0/text"), "zwei");
}

static void not_there(void **state)
{
    struct scene *s = *state;
    ask_about(s, 404, "/api/conversations/%s", "00000000000000ff");
    ask_about(s, 404, "/api/conversations/%s", "nonsense");
    ask_about(s, 404, "/api/conversations/%s", "019aa1b2-0000-7000-8000-000000000000");
    ask(s, 404, "/api/sessions/nobody");
    ask_about(s, 404, "/api/sessions/%s", "%00");
    ask(s, 400, "/api/conversations?project=x");
    ask(s, 400, "/api/conversations/x?from=-1");
    ask(s, 400, "/api/conversations/x?leaf=1");
    struct record none = maker_record(base_us); /* of no conversation */
    maker_add(&maker, &none, STR("{}"), STR("{}"));
    assert_int_equal(store_commit(s->store, maker_batch(&maker), NULL), ERR_OK);
    maker_next(&maker);
    ask_about(s, 404, "/api/conversations/%s", id_of(s, &none));
}

#define SPAWN(id, type, prompt)                                                                    \
    "[{\"type\":\"tool_use\",\"id\":\"" id                                                         \
    "\",\"name\":\"Agent\",\"input\":{\"subagent_type\":\"" type                                   \
    "\",\"description\":\"about " type "\",\"prompt\":\"" prompt "\"}}]"

static void agents(void **state)
{
    struct scene *s = *state;
    const struct who sub = {"s1", "a1", NULL}, nested = {"s1", "a2", "a1"},
                     lost = {"s1", "a3", "gone"};
    said(s, me, U("do it"), SPAWN("t1", "finder", "Find the word"));
    said(s, sub, U2("Find the word"), SPAWN("t2", "deeper", "Look below"));
    said(s, nested, U("Look below"), TEXT("nothing"));
    said(s, sub,
         U2("Find the word") ",{\"role\":\"assistant\",\"content\":" SPAWN(
             "t2", "deeper", "Look below") "},{\"role\":\"user\",\"content\":[{\"type\":\"tool_"
                                           "result\",\"tool_use_id\":\"t2\",\"content\":"
                                           "[{\"type\":\"text\",\"text\":\"nothing\"},{\"type\":"
                                           "\"text\",\"text\":\"agentId: a2 (use it)\"}]}]}",
         TEXT("it is x"));
    said(s, lost, U("who am I"), TEXT("?"));
    ask(s, 200, "/api/sessions/s1");
    assert_int_equal(size_at(s, "/agents"), 4);
    assert_true(yyjson_is_null(at(s, "/agents/0/agent_id")));
    assert_true(yyjson_is_null(at(s, "/agents/0/parent")));
    assert_int_equal(int_at(s, "/agents/1/parent"), 0);
    assert_string_equal(text_at(s, "/agents/1/agent_type"), "finder");
    assert_string_equal(text_at(s, "/agents/1/description"), "about finder");
    assert_int_equal(int_at(s, "/agents/2/parent"), 1);
    assert_int_equal(int_at(s, "/agents/2/depth"), 2);
    assert_string_equal(text_at(s, "/agents/2/agent_type"), "deeper");
    assert_true(yyjson_is_null(at(s, "/agents/3/parent")));
    assert_true(yyjson_is_null(at(s, "/agents/3/agent_type")));
    assert_int_equal(int_at(s, "/agents/0/request_count"), 1);
    assert_int_equal(int_at(s, "/agents/0/total/request_count"), 4);
    assert_int_equal(int_at(s, "/agents/0/total/usage/output_tokens"), 28);
    assert_int_equal(int_at(s, "/agents/1/total/request_count"), 3);
    assert_int_equal(int_at(s, "/agents/1/request_count"), 2);
    assert_int_equal(int_at(s, "/session/agent_count"), 3);
    assert_int_equal(size_at(s, "/agents/1/requests"), 2);
    assert_int_equal(int_at(s, "/agents/1/requests/0/tool_use_count"), 1);
}

static void forked_agents(void **state)
{
    struct scene *s = *state;
    const struct who fork = {"s1", "f1", NULL};
    said(s, me, U("one"), TEXT("two"));
    struct record b = said(s, me, U("one") "," A("two") "," U("three"), TEXT("four"));
    struct record f = said(
        s, fork, U("one") "," A("two") "," U("three") "," A("four") "," U("aside"), TEXT("five"));
    ask(s, 200, "/api/sessions/s1");
    assert_false(yyjson_get_bool(at(s, "/agents/0/is_fork")));
    assert_true(yyjson_get_bool(at(s, "/agents/1/is_fork")));
    ask_about(s, 200, "/api/conversations/%s", id_of(s, &f));
    assert_string_equal(text_at(s, "/forked_from/request_id"), id_of(s, &b));
    assert_int_equal(int_at(s, "/forked_from/shared_count"), 3);
    assert_int_equal(int_at(s, "/total"), 6);
}

static void bytes_that_are_no_text(void **state)
{
    struct scene *s = *state;
    struct record a = said(s, me, "{\"role\":\"user\",\"content\":\"a\xff\"},17", TEXT("ok"));
    ask_about(s, 200, "/api/conversations/%s", id_of(s, &a));
    assert_string_equal(text_at(s, "/messages/0/message/content"), "a\xEF\xBF\xBD");
    assert_int_equal(int_at(s, "/messages/1/message"), 17);
    assert_int_equal(int_at(s, "/total"), 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_chat),
        TEST(branches),
        TEST(rewritten),
        TEST(what_runs_is_there),
        TEST(retries),
        TEST(not_there),
        TEST(agents),
        TEST(forked_agents),
        TEST(bytes_that_are_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

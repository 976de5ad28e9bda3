/*
 * test_identity.c — what kind of request it is, and which agent's: one row a case.
 */
#include "agents/identity.h"
#include "agents/spawns.h"
#include "check.h"

#define BILLING  "{\"type\":\"text\",\"text\":\"x-anthropic-billing-header: cc_version=2.1.197.4a7;\"},"
#define SUBAGENT "{\"type\":\"text\",\"text\":\"x-anthropic-billing-header: cc_is_subagent=true;\"},"
#define USER(t)  "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"" t "\"}]}]"
#define TOOLS    ",\"tools\":[{\"name\":\"Bash\"}]"
#define SYS(t)   "\"system\":[" BILLING "{\"type\":\"text\",\"text\":\"" t "\"}],"

static const struct row {
    const char *label;
    struct identity_request q;
    const char *body;
    const char *class, *by, *agent, *agent_by;
} rows[] = {
    {"main, by its prompt", {.session_id = STR("s")},
     "{" SYS("\\nYou are an interactive agent that helps") "\"messages\":" USER("hi") TOOLS "}",
     "main", "marker", "", ""},
    {"main, by what it brings", {.session_id = STR("s")},
     "{" SYS("Another prompt") "\"messages\":" USER("hi") TOOLS "}", "main", "shape", "", ""},
    {"old main: no headers but the client's name", {.client = STR("claude-cli/1.0.128 (external)")},
     "{\"system\":\"You are an interactive CLI tool that\",\"messages\":" USER("hi") TOOLS "}",
     "main", "marker", "", ""},
    {"agent by header", {.session_id = STR("s"), .agent_id = STR("a9")},
     "{" SYS("Mine.") "\"messages\":" USER("hi") TOOLS "}", "agent", "header", "", ""},
    {"agent by billing line", {.session_id = STR("s")},
     "{\"system\":[" SUBAGENT "{\"text\":\"x\"}],\"messages\":" USER("hi") TOOLS "}", "agent", "marker",
     "", ""},
    {"agent by the call", {.session_id = STR("s"), .agent_id = STR("a1")},
     "{" SYS("Mine.") "\"messages\":" USER("find it") TOOLS "}", "agent", "header", "finder", "spawn"},
    {"old agent by the call: its session is in the metadata", {.client = STR("claude-cli/1.0.128")},
     "{\"metadata\":{\"user_id\":\"user_1_account__session_s\"},\"system\":\"Mine.\",\"messages\":"
     USER("find it") TOOLS "}", "agent", "spawn", "finder", "spawn"},
    {"the main conversation may say what an agent was told", {.session_id = STR("s")},
     "{" SYS("You are an interactive agent that") "\"messages\":" USER("find it") TOOLS "}", "main",
     "marker", "", ""},
    {"the client's own agent", {.session_id = STR("s"), .agent_id = STR("a2")},
     "{" SYS("You are an agent for Claude Code, x") "\"messages\":" USER("hi") TOOLS "}", "agent",
     "header", "general-purpose", "marker"},
    {"fork", {.session_id = STR("s"), .agent_id = STR("a3")},
     "{" SYS("You are an interactive agent that") "\"messages\":" USER("<fork-boilerplate>\\nx") TOOLS "}",
     "fork", "marker", "fork", "marker"},
    {"a fork's mark inside another text", {.session_id = STR("s"), .agent_id = STR("a4")},
     "{" SYS("Mine.") "\"messages\":" USER("say \\\"<fork-boilerplate>\\\"") TOOLS "}", "agent", "header",
     "", ""},
    {"title", {.session_id = STR("s")},
     "{" SYS("Generate a concise, sentence-case title (3-7 words)") "\"messages\":" USER("x") "}",
     "title", "marker", "", ""},
    {"compaction", {.session_id = STR("s")},
     "{" SYS("You are an interactive agent that") "\"messages\":"
     USER("CRITICAL: Respond with TEXT ONLY. Do NOT") TOOLS "}", "compaction", "marker", "", ""},
    {"an agent compacts", {.session_id = STR("s"), .agent_id = STR("a1")},
     "{" SYS("Mine.") "\"messages\":"
     USER("Your task is to create a detailed summary of the conversation") TOOLS "}", "compaction",
     "marker", "finder", "spawn"},
    {"a small question", {.session_id = STR("s")},
     "{" SYS("Is this so?") "\"messages\":" USER("x") ",\"tools\":[]}", "classifier", "shape", "", ""},
    {"quota", {.session_id = STR("s")},
     "{\"max_tokens\":1,\"messages\":" USER("quota") "}", "probe", "shape", "", ""},
    {"warm-up", {.session_id = STR("s")},
     "{" SYS("You are a file search specialist for Claude Code, x") "\"messages\":" USER("Warmup") TOOLS
     "}", "probe", "marker", "Explore", "marker"},
    {"count_tokens", {.path = STR("/v1/messages/count_tokens"), .session_id = STR("s")},
     "{\"messages\":" USER("x") "}", "count_tokens", "path", "", ""},
    {"HEAD", {.method = STR("HEAD"), .path = STR("/")}, NULL, "probe", "path", "", ""},
    {"models", {.method = STR("GET"), .path = STR("/v1/models"), .session_id = STR("s")}, NULL,
     "probe", "path", "", ""},
    {"another client", {.client = STR("curl/8")},
     "{\"system\":\"You are an interactive agent that\",\"messages\":" USER("hi") TOOLS "}", "other", "",
     "", ""},
    {"not JSON", {.session_id = STR("s")}, "{\"system", "classifier", "shape", "", ""},
    {"other path", {.path = STR("/v1/files"), .session_id = STR("s")}, "{}", "other", "path", "", ""},
};

static void test_rows(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    struct spawns *spawns = spawns_new();
    struct spawn call = {STR("finder"), spawn_hash(STR("find it")), spawn_first(STR("find it")), false};
    spawns_note(spawns, STR("s"), &call, 1);
    const struct identity_sources from = {.spawns = spawns};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct row *row = &rows[i];
        struct request_parts parts;
        struct identity who;
        struct identity_request q = row->q;
        request_parts_read(str_of(row->body), NULL, &parts);
        q.method = q.method.len ? q.method : STR("POST");
        q.path = q.path.len ? q.path : STR("/v1/messages");
        q.parts = row->body ? &parts : NULL;
        identity_read(&from, &q, &arena, &who);
        if (!str_equal(str_of(class_name(who.class)), str_of(row->class)))
            fail_msg("%s: %s", row->label, class_name(who.class));
        assert_str_equal(str_of(identity_source_name(who.class_by)), str_of(row->by));
        assert_str_equal(who.agent, str_of(row->agent));
        assert_str_equal(str_of(identity_source_name(who.agent_by)), str_of(row->agent_by));
    }
    spawns_free(spawns);
    arena_release(&arena);
}

static void test_background(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    struct spawns *spawns = spawns_new();
    struct spawn call = {STR("finder"), spawn_hash(STR("later")), spawn_first(STR("later")), true};
    spawns_note(spawns, STR("s"), &call, 1);
    const struct identity_sources from = {.spawns = spawns};
    struct request_parts parts;
    struct identity who;
    request_parts_read(STR("{\"messages\":" USER("later") TOOLS "}"), NULL, &parts);
    struct identity_request q = {.path = STR("/v1/messages"), .session_id = STR("s"),
                                 .agent_id = STR("a1"), .parent_agent_id = STR("a0"), .parts = &parts};
    identity_read(&from, &q, &arena, &who);
    assert_true(who.is_background);
    assert_true(who.is_nested);
    /* by its id from now on */
    request_parts_read(STR("{\"messages\":" USER("something else") TOOLS "}"), NULL, &parts);
    identity_read(&from, &q, &arena, &who);
    assert_str_equal(who.agent, str_of("finder"));
    assert_true(who.is_background);
    spawns_free(spawns);
    arena_release(&arena);
}

static void test_names(void **state)
{
    (void)state;
    for (int i = 0; i < CLASS_COUNT; i++) {
        enum request_class back;
        assert_true(class_parse(str_of(class_name((enum request_class)i)), &back));
        assert_int_equal(back, i);
    }
    enum request_class unused;
    assert_false(class_parse(STR("no such"), &unused));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_background),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

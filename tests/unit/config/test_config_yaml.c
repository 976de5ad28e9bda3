/*
 * test_config_yaml.c — what a file may hold, and the exact place named where it is wrong.
 */
#include <time.h>

#include "check.h"
#include "scratch.h"

#include "config/config.h"

static struct config *load(const char *text, size_t len, struct problems *p)
{
    struct config_flags flags = {.file = "c.yaml"};
    *p = (struct problems){.count = 0};
    scratch_write("c.yaml", text, len);
    return config_load(&flags, p);
}

struct wrong {
    const char *text, *message; /* the message begins like this */
};

static const struct wrong wrongs[] = {
    /* shape */
    {"\tserver:\n", "c.yaml:1:1: while scanning"},
    {"server:\n\tport: 1\n", "c.yaml:2:1: "},
    {"server:\n  host: \"abc\n", "c.yaml:3:1: "},
    {"server:\n  allowed_hosts: [a\n", "c.yaml:3:1: "},
    {"server: {\n", "c.yaml:2:1: "},
    {"- a\n", "c.yaml:1:1: must be a group of keys"},
    {"text\n", "c.yaml:1:1: must be a group of keys"},
    {"server:\n  host: \xff\n", "c.yaml:2:9: "},
    {"server:\n  port: 1\n---\nserver:\n  port: 2\n", "c.yaml:3:1: a second document"},
    {"server: 5\n", "c.yaml:1:9: server: must be a group of keys"},
    {"server: [1]\n", "c.yaml:1:9: server: must be a group of keys"},
    {"? [a]\n: b\n", "c.yaml:1:3: a key must be a name"},
    /* keys */
    {"server:\n  prot: 1\n", "c.yaml:2:3: unknown key \"server.prot\", did you mean server.port?"},
    {"upstrem: 1\n", "c.yaml:1:1: unknown key \"upstrem\""},
    {"port: 1\n", "c.yaml:1:1: unknown key \"port\", did you mean server.port?"},
    {"server:\n  port:\n    x: 1\n", "c.yaml:3:5: server.port: must be a whole number"},
    {"server:\n  port: 1\n  port: 2\n", "c.yaml:3:3: server.port: stands here twice"},
    {"server:\n  port: 1\nserver:\n  host: a\n", "c.yaml:3:1: server: stands here twice"},
    {"\"a\\e[31mb\": 1\n", "c.yaml:1:1: unknown key \"a?[31mb\""},
    /* what YAML can and we do not want */
    {"server: &a\n  port: 1\n", "c.yaml:1:9: anchors are not supported"},
    {"server:\n  port: *a\n", "c.yaml:2:9: aliases are not supported"},
    {"server:\n  <<: {port: 1}\n", "c.yaml:2:3: merge keys are not supported"},
    {"server:\n  port: !!int 1\n", "c.yaml:2:9: tags are not supported"},
    {"server: !!python/object {}\n", "c.yaml:1:9: tags are not supported"},
    {"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n", "c.yaml:1:4: anchors are not supported"},
    /* values: typed by the table */
    {"server:\n  port: 99999\n",
     "c.yaml:2:9: server.port: must be a whole number from 0 to 65535, not \"99999\""},
    {"server:\n  port: \"80\"\n", "c.yaml:2:9: server.port: must be written without quotes"},
    {"server:\n  port: 080\n", "c.yaml:2:9: server.port: must be a whole number"},
    {"server:\n  port: 0x50\n", "c.yaml:2:9: server.port: must be a whole number"},
    {"server:\n  port:\n", "c.yaml:2:8: server.port: has no value"},
    {"server:\n  host: ~\n", "c.yaml:2:9: server.host: must be a host name"},
    {"storage:\n  record: yes\n", "c.yaml:2:11: storage.record: must be true or false"},
    {"storage:\n  record: \"true\"\n", "c.yaml:2:11: storage.record: must be written without"},
    {"server:\n  timeouts:\n    read: 1:30\n", "c.yaml:3:11: server.timeouts.read: must be a dur"},
    {"server:\n  timeouts: 5m\n", "c.yaml:2:13: server.timeouts: must be a group of keys"},
    {"server:\n  allowed_hosts: a\n", "c.yaml:2:18: server.allowed_hosts: must be a list"},
    {"server:\n  allowed_hosts: [a, {b: c}]\n", "c.yaml:2:18: server.allowed_hosts: its items"},
    {"server:\n  allowed_hosts: [a, \"b c\"]\n", "c.yaml:2:18: server.allowed_hosts: its items"},
    {"server:\n  host: [a]\n",
     "c.yaml:2:9: server.host: must be a host name or an IP address, not"},
    {"storage:\n  db_path: ${NOT_SET}/x\n",
     "c.yaml:2:12: storage.db_path: the environment has no \"NOT_SET\""},
    /* rules and mappings */
    {"routing:\n  rules: a\n", "c.yaml:2:10: routing.rules: must be a list of rules"},
    {"routing:\n  rules: {a: b}\n", "c.yaml:2:10: routing.rules: must be a list of rules"},
    {"routing:\n  rules: [a]\n", "c.yaml:2:11: routing.rules: each rule must be a group of keys"},
    {"routing:\n  rules:\n    - agent: x\n", "c.yaml:3:7: routing.rules: rule 1 has no target"},
    {"routing:\n  rules:\n    - agent: x\n      target:\n",
     "c.yaml:4:14: routing.rules.target: has no value"},
    {"routing:\n  rules:\n    - {agent: x, to: y}\n",
     "c.yaml:3:18: unknown key \"routing.rules.to\""},
    {"routing:\n  rules:\n    - agent: x\n      agent: y\n      target: z\n",
     "c.yaml:4:7: routing.rules.agent: stands here twice"},
    {"routing:\n  rules:\n    - min_tokens: 5k\n      target: z\n",
     "c.yaml:3:19: routing.rules.min_tokens: must be a whole number"},
    {"routing:\n  mode: maybe\n", "c.yaml:2:9: routing.mode: must be one of on, shadow"},
    {"routing:\n  agent_routing: true\n  model_routing: true\n",
     "c.yaml:3:18: routing.model_routing: not together with routing.agent_routing (c.yaml:2:18)"},
    {"subagents:\n  mappings:\n    a: x\n    a: y\n",
     "c.yaml:4:5: subagents.mappings: names a twice"},
    {"version: 2\n", "c.yaml:1:10: version: must be a whole number from 1 to 1"},
    {"providers:\n  anthropic:\n    version: \"a\\r\\nX: y\"\n",
     "c.yaml:3:14: providers.anthropic.version: must be visible ASCII"},
};

static void names_the_place_of_a_mistake(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrongs); i++) {
        struct problems p;
        const struct wrong *w = &wrongs[i];
        assert_null(load(w->text, strlen(w->text), &p));
        if (p.count != 1 || strncmp(p.items[0].text, w->message, strlen(w->message)))
            fail_msg("%s\n%zu: %s", w->text, p.count, p.count ? p.items[0].text : "");
        assert_int_equal(p.items[0].kind, PROBLEM_CONFIG);
        problems_release(&p);
    }
}

static void tells_all_mistakes_at_once(void **state)
{
    (void)state;
    static const char text[] = "server:\n  port: x\n  foo: {a: [1, 2]}\nlogging:\n  level: loud\n";
    struct problems p;
    assert_null(load(text, sizeof text - 1, &p));
    assert_int_equal(p.count, 3);
    assert_non_null(strstr(p.items[2].text, "c.yaml:5:10: logging.level: must be one of debug, "));
    problems_release(&p);
}

static void goes_only_so_deep(void **state)
{
    (void)state;
    struct problems p;
    assert_null(load("a: [[[[[[[[[[x]]]]]]]]]]\nb: 1\n", 30, &p));
    assert_int_equal(p.count, 2); /* the key "a" is unknown, and behind the depth nothing is read */
    assert_string_equal(p.items[1].text, "c.yaml:1:12: nested too deep");
    problems_release(&p);
}

static void refuses_a_zero_byte(void **state)
{
    (void)state;
    struct problems p;
    assert_null(load("server:\n  host: a\0b\n", 20, &p));
    assert_int_equal(p.count, 1);
    assert_non_null(strstr(p.items[0].text, "c.yaml:2:10: "));
    problems_release(&p);
}

static void load_fine(const char *text, struct config **c)
{
    struct problems p;
    *c = load(text, strlen(text), &p);
    if (!*c)
        fail_msg("%s\n%s", text, p.items[0].text);
    problems_release(&p);
}

static void takes_what_is_right(void **state)
{
    (void)state;
    struct config *c;
    load_fine("\xef\xbb\xbfserver:\r\n  port: 4000\r\n  allowed_hosts: [a.example, no]\r\n"
              "  timeouts: {read: 5m, write: \"90\"}\r\nstorage:\r\n  record: false\r\n"
              "  durability: batch\r\n",
              &c);
    assert_int_equal(c->server_port, 4000);
    assert_int_equal(c->server_allowed_hosts.count, 2);
    assert_string_equal(c->server_allowed_hosts.items[1], "no");
    assert_int_equal(c->server_read_timeout_ms, 300000);
    assert_int_equal(c->server_write_timeout_ms, 90000);
    assert_int_equal(c->server_idle_timeout_ms, 600000);
    assert_false(c->storage_record);
    assert_int_equal(c->storage_durability, DURABILITY_BATCH);
    assert_string_equal(c->sources[CONFIG_server_port], "c.yaml:2:9");
    assert_string_equal(c->sources[CONFIG_server_host], "default");
    config_free(c);
    load_fine("# only a comment\n", &c);
    config_free(c);
    load_fine("\xef\xbb\xbf", &c);
    config_free(c);
    load_fine("---\nserver:\nlogging:\n  level: warn\n...\n", &c);
    assert_int_equal(c->logging_level, LOG_WARN);
    config_free(c);
}

static void takes_texts_from_the_environment(void **state)
{
    (void)state;
    struct config *c;
    setenv("PROXY_PASSWORD", "pw", 1);
    load_fine("providers:\n  anthropic:\n    proxy: http://me:${PROXY_PASSWORD}@p.example:3128\n",
              &c);
    assert_string_equal(c->anthropic_proxy, "http://me:pw@p.example:3128");
    config_free(c);
    load_fine("storage:\n  db_path: $a$${PROXY_PASSWORD}${\n", &c);
    assert_string_equal(c->storage_db_path, "$a$pw${");
    config_free(c);
}

static void reads_rules_and_mappings(void **state)
{
    (void)state;
    struct config *c;
    setenv("SUBAGENT_MAPPINGS", "b:gpt-4o, new:plano:gemini/x", 1);
    setenv("OPENAI_BASE_URL", "http://localhost:11434/v1", 1);
    load_fine("version: 1\n"
              "routing:\n"
              "  rules:\n"
              "    - {agent: 'code *', class: \"title, agent\", min_tokens: 10, target: a:b}\n"
              "    - name: two\n"
              "      header: \"x-team: red *\"\n"
              "      target: anthropic\n"
              "subagents:\n"
              "  mappings:\n"
              "    a: openai:gpt-4o\n"
              "    b: openai:o3\n",
              &c);
    assert_int_equal(c->routing_rules.count, 2);
    const struct config_rule *one = &c->routing_rules.items[0], *two = one + 1;
    assert_string_equal(one->agent, "code *");
    assert_string_equal(one->class, "title, agent");
    assert_int_equal(one->min_tokens, 10);
    assert_string_equal(one->model, "");
    assert_string_equal(one->source, "c.yaml:4:7");
    assert_string_equal(two->header, "x-team: red *");
    assert_string_equal(two->sources[CONFIG_RULE_target], "c.yaml:7:15");
    assert_string_equal(two->sources[CONFIG_RULE_agent], "default");
    const struct config_map *m = &c->subagents_mappings;
    assert_int_equal(m->count, 3); /* the environment's first; its b replaces the file's */
    assert_string_equal(m->entries[0].text, "gpt-4o");
    assert_string_equal(m->entries[0].source, "environment SUBAGENT_MAPPINGS");
    assert_string_equal(m->entries[1].text, "plano:gemini/x");
    assert_string_equal(m->entries[2].name, "a");
    assert_string_equal(m->entries[2].source, "c.yaml:10:5");
    assert_true(c->subagents_enable);
    assert_string_equal(c->sources[CONFIG_subagents_enable], "environment SUBAGENT_MAPPINGS");
    assert_int_equal(c->provider_count, 1);
    assert_string_equal(c->providers[0].base_url, "http://localhost:11434/v1");
    config_free(c);
    unsetenv("SUBAGENT_MAPPINGS");
    unsetenv("OPENAI_BASE_URL");
    static const char idle[] = "subagents:\n  mappings:\n    a: openai:gpt-4o\n";
    struct problems p;
    assert_non_null(c = load(idle, sizeof idle - 1, &p));
    assert_false(c->subagents_enable); /* the file has to say so */
    assert_int_equal(p.counts[PROBLEM_WARNING], 1);
    assert_string_equal(p.items[0].text, "c.yaml:3:5: subagents.mappings: does nothing as long as "
                                         "subagents.enable is not true");
    problems_release(&p);
    config_free(c);
}

static void takes_a_thousand_rules(void **state)
{
    (void)state;
    struct buf text;
    struct problems p;
    struct config *c;
    buf_init(&text, 1 << 20);
    assert_false(buf_append(&text, STR("routing:\n  rules:\n")));
    for (int i = 0; i < CONFIG_RULES_MAX; i++)
        assert_false(buf_printf(&text, "    - {agent: a-%d, target: openai:gpt-4o}\n", i));
    assert_non_null(c = load(text.ptr, text.len, &p));
    assert_int_equal(c->routing_rules.count, CONFIG_RULES_MAX);
    assert_string_equal(c->routing_rules.items[100].agent, "a-100");
    config_free(c);
    assert_false(buf_append(&text, STR("    - {agent: more, target: openai:gpt-4o}\n")));
    assert_null(load(text.ptr, text.len, &p));
    assert_non_null(strstr(p.items[0].text, "c.yaml:1027:7: routing.rules: is one rule too many"));
    problems_release(&p);
    buf_release(&text);
}

static void warns_of_a_password_in_the_file(void **state)
{
    (void)state;
    static const char text[] = "providers:\n  anthropic:\n    proxy: http://me:canary@p:3128\n";
    struct problems p;
    struct config *c = load(text, sizeof text - 1, &p);
    assert_non_null(c);
    assert_int_equal(p.counts[PROBLEM_WARNING], 1);
    assert_non_null(strstr(p.items[0].text, "c.yaml:3: providers.anthropic.proxy: holds a passw"));
    assert_null(strstr(p.items[0].text, "canary"));
    config_free(c);
    problems_release(&p);
}

static void paths_are_relative_to_the_file(void **state)
{
    (void)state;
    struct problems p = {.count = 0};
    struct config_flags flags = {.file = "sub/c.yaml"};
    mkdir("sub", 0700);
    scratch_write("sub/c.yaml", "storage: {data_dir: d, db_path: ~/x.db}\n", 40);
    struct config *c = config_load(&flags, &p);
    assert_non_null(c);
    assert_string_equal(c->storage_data_dir, "sub/d");
    assert_memory_equal(c->storage_db_path, scratch_folder, strlen(scratch_folder));
    assert_string_equal(c->storage_db_path + strlen(scratch_folder), "/x.db");
    config_free(c);
    problems_release(&p);
}

/* Hostile files end at once: each of these must be refused quickly, whatever its size. */
static void refuses_monsters_quickly(void **state)
{
    (void)state;
    enum { BYTES = 1 << 20 };
    static const char *const heads[] = {"a: ",       "[",
                                        "{",         "a: {b: ",
                                        "server: [", "? ",
                                        "- ",        "\"",
                                        "a:\n  - ",  "*a ",
                                        "!x ",       "a: >\n ",
                                        "a: 1\n",    "server:\n  allowed_hosts: [a, ",
                                        "${HOME}",   "'$"};
    char *text = malloc(BYTES);
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        size_t len = strlen(heads[i]);
        for (size_t at = 0; at < BYTES; at++)
            text[at] = heads[i][at % len];
        struct problems p;
        clock_t start = clock(); /* of the processor: other work does not count */
        assert_null(load(text, BYTES, &p));
        clock_t took_ms = (clock() - start) * 1000 / CLOCKS_PER_SEC;
        if (took_ms > 1000) /* 50 ms wanted; the rest is for sanitizers */
            fail_msg("%s took %d ms", heads[i], (int)took_ms);
        assert_true(p.count >= 1);
        problems_release(&p);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_the_place_of_a_mistake),
        cmocka_unit_test(tells_all_mistakes_at_once),
        cmocka_unit_test(goes_only_so_deep),
        cmocka_unit_test(refuses_a_zero_byte),
        cmocka_unit_test(takes_what_is_right),
        cmocka_unit_test(takes_texts_from_the_environment),
        cmocka_unit_test(reads_rules_and_mappings),
        cmocka_unit_test(takes_a_thousand_rules),
        cmocka_unit_test(warns_of_a_password_in_the_file),
        cmocka_unit_test(paths_are_relative_to_the_file),
        cmocka_unit_test(refuses_monsters_quickly),
    };
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}

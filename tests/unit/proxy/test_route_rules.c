/*
 * test_route_rules.c — which rule counts, among all the ways in which rules can be configured, and
 * where it sends a request.
 */
#include "check.h"
#include "scratch.h"

#include "agents/fingerprint.h"
#include "proxy/router.h"

/* All that a case may set; NULL: nothing. */
struct request {
    const char *model; /* NULL: claude-sonnet-5 */
    const char *agent;
    enum request_class class; /* OTHER: main, or agent's where it has a name */
    const char *header, *value; /* one header more */
    size_t padding;           /* bytes */
    const char *target;       /* NULL: /v1/messages */
};

struct expectation {
    const char *file;         /* YAML */
    const char *environment;  /* "NAME=value NAME=value" */
    struct request request;
    const char *label;        /* NULL: no rule fits */
    const char *target;
};

#define MAPPED   "subagents:\n  enable: true\n  mappings: {reviewer: \"openai:gpt-4o\", \"plan*\": o3}\n"
#define MODELS   "routing:\n  models: {\"*haiku*\": \"ollama:qwen3\", \"*sonnet*\": \"gemini:gemini-3-flash\"}\n"
#define DEFAULTS "ANTHROPIC_DEFAULT_SONNET_MODEL=gpt-5 ANTHROPIC_DEFAULT_HAIKU_MODEL=gpt-5-mini"
#define RULES                                                                                      \
    "routing:\n"                                                                                   \
    "  rules:\n"                                                                                   \
    "    - {name: keep, agent: reviewer, model: \"*opus*\", target: anthropic}\n"                  \
    "    - {agent: reviewer, target: \"deepseek:deepseek-chat\"}\n"                                \
    "    - {class: \"title, compaction\", target: \"ollama:small\"}\n"                             \
    "    - {client: \"claude-cli/1.*\", target: \"openai:old\"}\n"                                 \
    "    - {session: \"s-1*\", target: \"openai:session\"}\n"                                      \
    "    - {header: x-team, target: \"openai:team\"}\n"                                            \
    "    - {header: \"X-Tier: gold *\", target: \"openai:gold\"}\n"                                \
    "    - {min_tokens: 2000, max_tokens: 4000, target: \"gemini:\"}\n"                            \
    "    - {agent: \"*\", target: \"openai:anyone\"}\n"                                            \
    "  models: {\"*sonnet*\": \"openai:by-model\"}\n"                                              \
    "subagents: {enable: true, mappings: {reviewer: o3, planner: o3}}\n"                           \
    "fallback: {provider: openai, model: rest}\n"

static const struct expectation cases[] = {
    /* nothing, and each way alone */
    {"version: 1\n", "", {0}, NULL, NULL},
    {MAPPED, "", {.agent = "reviewer"}, "subagents.mappings.reviewer", "openai:gpt-4o"},
    {MAPPED, "", {.agent = "planner"}, "subagents.mappings.plan*", "openai:o3"},
    {MAPPED, "", {.agent = "writer"}, NULL, NULL},
    {MAPPED, "", {0}, NULL, NULL},
    {MODELS, "", {.model = "claude-haiku-5"}, "routing.models.*haiku*", "ollama:qwen3"},
    {MODELS, "", {.model = "claude-opus-5"}, NULL, NULL},
    {NULL, DEFAULTS, {.model = "claude-haiku-5"}, "routing.default_models.haiku", "openai:gpt-5-mini"},
    {NULL, DEFAULTS, {.model = "claude-opus-5"}, NULL, NULL},
    {"fallback: {provider: openai, model: gpt-4o}\n", "", {0}, "fallback", "openai:gpt-4o"},
    {"fallback: {model: gpt-4o}\n", "", {0}, "fallback", "openai:gpt-4o"},
    {"fallback: {provider: ollama}\n", "", {.model = "m"}, "fallback", "ollama:m"},
    {"routing: {model_routing: true}\n", "", {.model = "gpt-4o"}, "routing.model_routing", "openai:gpt-4o"},
    {"routing: {model_routing: true}\n", "", {0}, NULL, NULL},

    /* switches */
    {"subagents: {mappings: {reviewer: o3}}\n", "", {.agent = "reviewer"}, NULL, NULL},
    {"routing: {agent_routing: true}\nsubagents: {mappings: {reviewer: o3}}\n", "",
     {.agent = "reviewer"}, "subagents.mappings.reviewer", "openai:o3"},
    {NULL, "SUBAGENT_MAPPINGS=reviewer:gpt-4o,b:o3", {.agent = "b"}, "subagents.mappings.b", "openai:o3"},
    {MAPPED, "SUBAGENT_MAPPINGS=reviewer:plano:x/y", {.agent = "reviewer"}, "subagents.mappings.reviewer", "plano:x/y"},
    {MAPPED, "SUBAGENT_MAPPINGS=other:o3", {.agent = "reviewer"}, "subagents.mappings.reviewer", "openai:gpt-4o"},

    /* one way before the other */
    {MAPPED MODELS, "", {.agent = "reviewer"}, "subagents.mappings.reviewer", "openai:gpt-4o"},
    {MAPPED MODELS, "", {.agent = "writer"}, "routing.models.*sonnet*", "gemini:gemini-3-flash"},
    {MODELS, DEFAULTS, {0}, "routing.models.*sonnet*", "gemini:gemini-3-flash"},
    {"routing: {model_routing: true}\n", DEFAULTS, {.model = "gpt-sonnet"}, "routing.default_models.sonnet", "openai:gpt-5"},
    {MAPPED "fallback: {model: o3}\n", DEFAULTS, {0}, "routing.default_models.sonnet", "openai:gpt-5"},
    {MAPPED "fallback: {model: o3}\n", DEFAULTS, {.model = "claude-opus-5"}, "fallback", "openai:o3"},
    {"routing: {model_routing: true}\nfallback: {provider: ollama, model: l}\n", "", {.model = "o3"}, "routing.model_routing", "openai:o3"},
    {RULES, DEFAULTS, {.agent = "reviewer"}, "routing.rules.2", "deepseek:deepseek-chat"},
    {RULES, DEFAULTS, {.agent = "reviewer", .model = "claude-opus-5"}, "routing.rules.keep", "anthropic"},
    {RULES, "SUBAGENT_MAPPINGS=reviewer:o3", {.agent = "reviewer"}, "routing.rules.2", "deepseek:deepseek-chat"},
    {RULES, DEFAULTS, {.agent = "planner"}, "routing.rules.9", "openai:anyone"},
    {RULES, DEFAULTS, {.class = CLASS_AGENT}, "routing.rules.9", "openai:anyone"},
    {RULES, DEFAULTS, {0}, "routing.models.*sonnet*", "openai:by-model"},
    {RULES, DEFAULTS, {.model = "claude-haiku-5"}, "routing.default_models.haiku", "openai:gpt-5-mini"},
    {RULES, DEFAULTS, {.model = "claude-opus-5"}, "fallback", "openai:rest"},

    /* what a rule may ask */
    {RULES, "", {.class = CLASS_TITLE}, "routing.rules.3", "ollama:small"},
    {RULES, "", {.class = CLASS_COMPACTION}, "routing.rules.3", "ollama:small"},
    {RULES, "", {.header = "User-Agent", .value = "claude-cli/1.0 (external, cli)"}, "routing.rules.4", "openai:old"},
    {RULES, "", {.header = "User-Agent", .value = "claude-cli/2.0"}, "routing.models.*sonnet*", "openai:by-model"},
    {RULES, "", {.header = "X-Claude-Code-Session-Id", .value = "s-12"}, "routing.rules.5", "openai:session"},
    {RULES, "", {.header = "X-Claude-Code-Session-Id", .value = "s-2"}, "routing.models.*sonnet*", "openai:by-model"},
    {RULES, "", {.header = "X-TEAM", .value = "any"}, "routing.rules.6", "openai:team"},
    {RULES, "", {.header = "x-tier", .value = "gold plus"}, "routing.rules.7", "openai:gold"},
    {RULES, "", {.header = "x-tier", .value = "silver"}, "routing.models.*sonnet*", "openai:by-model"},
    {RULES, "", {.padding = 8000}, "routing.rules.8", "gemini:claude-sonnet-5"},
    {RULES, "", {.padding = 7000}, "routing.models.*sonnet*", "openai:by-model"},
    {RULES, "", {.padding = 17000}, "routing.models.*sonnet*", "openai:by-model"},

    /* Claude Code's own variables do nothing here; with OPENAI_BASE_URL they are its models */
    {NULL, "ANTHROPIC_DEFAULT_SONNET_MODEL=claude-sonnet-4-5[1m]", {0}, NULL, NULL},
    {NULL, "ANTHROPIC_DEFAULT_SONNET_MODEL=us.anthropic.claude-x", {0}, NULL, NULL},
    {NULL, "ANTHROPIC_DEFAULT_SONNET_MODEL=x-ai/grok-code-fast-1", {0}, NULL, NULL},
    {NULL, "OPENAI_BASE_URL=https://openrouter.ai/api/v1 ANTHROPIC_DEFAULT_SONNET_MODEL=x-ai/grok-code-fast-1", {0}, "routing.default_models.sonnet", "openai:x-ai/grok-code-fast-1"},
    {NULL, "OPENAI_BASE_URL=http://localhost:11434/v1 ANTHROPIC_DEFAULT_SONNET_MODEL=deepseek-r1:70b", {0}, "routing.default_models.sonnet", "openai:deepseek-r1:70b"},
    {NULL, "OPENAI_BASE_URL=http://localhost:11434 ANTHROPIC_DEFAULT_SONNET_MODEL=qwen:14b", {0}, "routing.default_models.sonnet", "openai:qwen:14b"},
    {NULL, "OPENAI_BASE_URL=http://localhost:11434 ANTHROPIC_DEFAULT_SONNET_MODEL=openai:x", {0}, "routing.default_models.sonnet", "openai:x"},
    {NULL, "OPENAI_BASE_URL=http://localhost:11434 ANTHROPIC_DEFAULT_SONNET_MODEL=claude-sonnet-4-5", {0}, NULL, NULL},
    {NULL, "OPENAI_BASE_URL=http://10.0.0.1/v1", {0}, NULL, NULL}, /* meant for others */

    /* Anthropic as a target */
    {"routing: {models: {\"*sonnet*\": \"anthropic:claude-haiku-5\"}}\n", "", {0}, "routing.models.*sonnet*", "anthropic:claude-haiku-5"},
    {"routing: {models: {\"*sonnet*\": claude-haiku-5}}\n", "", {0}, "routing.models.*sonnet*", "anthropic:claude-haiku-5"},
    {"routing: {models: {\"*sonnet*\": anthropic, \"*\": o3}}\n", "", {0}, "routing.models.*sonnet*", "anthropic"},

    /* the fifth way's whole file */
    {"version: 1\nrouting:\n  agent_routing: true\n  model_routing: false\n"
     "fallback:\n  model: claude-sonnet-4-20250514\n  provider: anthropic\n"
     "logging:\n  level: info\n  format: json\n", "", {0}, "fallback", "anthropic"},
    {"fallback:\n  model: claude-sonnet-4-20250514\n  provider: anthropic\n", "", {.model = "gpt-4o"},
     "fallback", "anthropic:claude-sonnet-4-20250514"},

    /* bodies that name no model fit nothing */
    {"fallback: {model: o3}\n", "", {.model = ""}, NULL, NULL},
};

static void set_environment(const char *text, bool on)
{
    struct str rest = str_of(text), part;
    while (*text && str_next(&rest, ' ', &part)) {
        char name[64], value[128];
        size_t equals = str_find(part, '=');
        snprintf(name, sizeof name, "%.*s", STR_ARGS(str_head(part, equals)));
        snprintf(value, sizeof value, "%.*s", STR_ARGS(str_from(part, equals + 1)));
        if (on)
            setenv(name, value, 1);
        else
            unsetenv(name);
    }
}

static struct config *load(const char *file, const char *environment)
{
    struct problems problems = {.count = 0};
    struct config_flags flags = {.file = "c.yaml"};
    scratch_write("c.yaml", file ? file : "version: 1\n", strlen(file ? file : "version: 1\n"));
    set_environment(environment, true);
    struct config *cfg = config_load(&flags, &problems);
    set_environment(environment, false);
    if (!cfg)
        print_error("%s\n", problems.items[0].text);
    problems_release(&problems);
    return cfg;
}

static struct str make_body(const struct request *q, struct arena *arena)
{
    char *padding = arena_zeroed(arena, q->padding + 1);
    memset(padding, 'x', q->padding);
    return arena_printf(arena, "{\"model\":\"%s\",\"x\":\"%s\",\"messages\":[]}",
                        q->model ? q->model : "claude-sonnet-5", padding);
}

static void decide(const struct router *r, const struct request *q, struct arena *arena,
                   struct route_decision *out)
{
    struct head head = {.method = STR("POST"), .target = str_of(q->target ? q->target : "/v1/messages")};
    enum request_class class = q->class ? q->class : q->agent ? CLASS_AGENT : CLASS_MAIN;
    struct identity who = {.class = class, .agent = str_of(q->agent)};
    if (q->header)
        head_add(&head, arena, str_of(q->header), str_of(q->value));
    head_recognise(&head);
    struct route_question question = {.head = &head, .body = make_body(q, arena), .who = &who};
    router_decide(r, &question, arena, out);
}

static void first_rule_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct expectation *e = &cases[i];
        struct arena arena;
        struct router *r = NULL;
        struct fail why = {0};
        struct route_decision got;
        arena_init(&arena);
        struct config *cfg = load(e->file, e->environment);
        if (!cfg)
            fail_msg("case %zu", i);
        if (router_new(&r, cfg, 0, &why))
            fail_msg("case %zu: %s", i, why.detail);
        decide(r, &e->request, &arena, &got);
        struct str label = got.rule ? got.rule->label : STR("(none)");
        if (!str_equal(label, str_of(e->label ? e->label : "(none)")) ||
            (e->target && !str_equal(got.target, str_of(e->target))))
            fail_msg("case %zu: %.*s to %.*s, not %s to %s", i, STR_ARGS(label),
                     STR_ARGS(got.target), e->label, e->target);
        router_free(r);
        config_free(cfg);
        arena_release(&arena);
    }
}

static void mistakes_name_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *file, *message;
    } wrongs[] = {
        {"routing:\n  rules:\n    - agent: a\n      target: nobody:x\n",
         "c.yaml:4:15: routing.rules.1: no provider is known for nobody:x: write provider:model"},
        {"routing:\n  rules:\n    - {name: n, class: \"title, cook\", target: o3}\n",
         "c.yaml:3:24: routing.rules.class: cook is no class of requests"},
        {"routing:\n  rules:\n    - {header: \": x\", target: o3}\n",
         "c.yaml:3:16: routing.rules.header: must look like name, or name: pattern"},
        {"routing:\n  rules:\n    - {min_tokens: 5, max_tokens: 4, target: o3}\n",
         "c.yaml:3:35: routing.rules.max_tokens: is less than min_tokens"},
        {"subagents:\n  enable: true\n  mappings:\n    a: o3\n    b: odd\n",
         "c.yaml:5:5: subagents.mappings.b: no provider is known for odd: write provider:model"},
        {"fallback:\n  model: odd\n",
         "c.yaml:2:10: fallback.provider: has to be given for this model"},
        {"fallback:\n  provider: odd\n", "c.yaml:2:13: fallback.provider: is not known"},
    };
    for (size_t i = 0; i < COUNT_OF(wrongs); i++) {
        struct arena arena;
        struct router *r = NULL;
        struct fail why = {0};
        arena_init(&arena);
        struct config *cfg = load(wrongs[i].file, "");
        assert_non_null(cfg);
        assert_int_equal(router_new(&r, cfg, 0, &why), ERR_CONFIG);
        assert_string_equal(why.detail, wrongs[i].message);
        config_free(cfg);
        arena_release(&arena);
    }
}

/* Nothing configured, and passthrough: no request is looked at. */
static void looks_only_where_rules_are(void **state)
{
    (void)state;
    static const struct {
        const char *file, *environment, *target;
        enum routable expected;
    } asked[] = {
        {"version: 1\n", "", "/v1/messages", ROUTABLE_NOT},
        {"version: 1\n", "OPENAI_BASE_URL=http://localhost:1 OPENAI_API_KEY=k", "/v1/messages", ROUTABLE_NOT},
        {"version: 1\n", "ANTHROPIC_DEFAULT_SONNET_MODEL=claude-x", "/v1/messages", ROUTABLE_NOT},
        {"subagents: {mappings: {a: o3}}\n", "", "/v1/messages", ROUTABLE_NOT},
        {"routing: {models: {a: o3}}\n", "", "/v1/messages?beta=true", ROUTABLE_MESSAGES},
        {"routing: {models: {a: o3}}\n", "", "/v1/messages/count_tokens", ROUTABLE_COUNT_TOKENS},
        {"routing: {models: {a: o3}}\n", "", "/v1/chat/completions", ROUTABLE_CHAT},
        {"routing: {models: {a: o3}}\n", "", "/v1/models", ROUTABLE_NOT},
        {"routing: {models: {a: o3}}\n", "PASSTHROUGH_MODE=true", "/v1/messages", ROUTABLE_NOT},
        {"routing: {mode: shadow, models: {a: o3}}\n", "", "/v1/messages", ROUTABLE_MESSAGES},
    };
    for (size_t i = 0; i < COUNT_OF(asked); i++) {
        struct arena arena;
        struct router *r = NULL;
        struct fail why = {0};
        struct head head = {.method = STR("POST"), .target = str_of(asked[i].target)};
        arena_init(&arena);
        struct config *cfg = load(asked[i].file, asked[i].environment);
        assert_non_null(cfg);
        assert_int_equal(router_new(&r, cfg, 0, &why), ERR_OK);
        if (router_may_route(r, &head) != asked[i].expected)
            fail_msg("case %zu", i);
        assert_int_equal(r->is_shadow, i == COUNT_OF(asked) - 1);
        router_free(r);
        config_free(cfg);
        arena_release(&arena);
    }
}

static const char *url_of(const struct router *r, const char *name)
{
    for (size_t i = 0; i < r->provider_count; i++)
        if (str_equal(r->providers[i].upstream.name, str_of(name)))
            return r->providers[i].base_url.ptr;
    return "none";
}

/* Where `openai` is, and what it speaks there. */
static void openai_may_be_elsewhere(void **state)
{
    (void)state;
    static const struct {
        const char *url, *expected, *preset;
        enum dialect dialect;
    } places[] = {
        {"https://api.openai.com", "https://api.openai.com/v1", "openai", DIALECT_RESPONSES},
        {"https://api.openai.com/v1", "https://api.openai.com/v1", "openai", DIALECT_RESPONSES},
        {"http://localhost:11434", "http://localhost:11434/v1", "ollama", DIALECT_CHAT},
        {"http://127.0.0.1:11434/v1", "http://127.0.0.1:11434/v1", "ollama", DIALECT_CHAT},
        {"https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1", "openrouter", DIALECT_CHAT},
        {"https://x.example/", "https://x.example/", NULL, DIALECT_CHAT},
        {"https://x.example", "https://x.example/v1", NULL, DIALECT_CHAT},
    };
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        struct arena arena;
        struct router *r = NULL;
        struct fail why = {0};
        arena_init(&arena);
        struct str environment = arena_printf(
            &arena, "OPENAI_BASE_URL=%s ANTHROPIC_DEFAULT_OPUS_MODEL=m OPENAI_API_KEY=k-1",
            places[i].url);
        set_environment(environment.ptr, true); /* the key is looked up by the router */
        struct config *cfg = load(NULL, "");
        assert_non_null(cfg);
        assert_int_equal(router_new(&r, cfg, 0, &why), ERR_OK);
        set_environment(environment.ptr, false);
        const struct route_provider *p = &r->providers[0];
        assert_string_equal(url_of(r, "openai"), places[i].expected);
        assert_int_equal(p->dialect, places[i].dialect);
        assert_string_equal(p->preset ? p->preset->name : "", places[i].preset ? places[i].preset : "");
        assert_true(str_equal(p->headers, STR("authorization: Bearer k-1\r\n")));
        router_free(r);
        config_free(cfg);
        arena_release(&arena);
    }
}

/* What `agents hash` wrote; an alias of Claude Code's is no target. */
static void write_hashes(void)
{
    static const char *const models[][2] = {
        {"reviewer", "gpt-4o"}, {"writer", "sonnet"}, {"tester", "ollama:qwen3"}, {"cheap", "claude-haiku-5"}, {"plain", ""}};
    struct agent_catalog *c = catalog_new();
    struct buf text;
    for (size_t i = 0; i < COUNT_OF(models); i++) {
        char prompt[128];
        snprintf(prompt, sizeof prompt, "You are number %zu of those who do what they are told.", i);
        struct agent agent = {.name = str_of(models[i][0]), .model = str_of(models[i][1]),
                              .file = STR("x.md"), .scope = AGENT_CONFIGURED};
        assert_true(catalog_add(c, &agent, str_of(prompt)));
    }
    catalog_seal(c);
    buf_init(&text, 1 << 16);
    assert_int_equal(fingerprints_write(&text, c), ERR_OK);
    scratch_write("agent_hashes.json", text.ptr, text.len);
    buf_release(&text);
    catalog_drop(c);
}

static void agents_may_prefer_models(void **state)
{
    (void)state;
    static const struct {
        const char *agent, *label, *target;
    } asked[] = {
        {"reviewer", "routing.agent_routing.reviewer", "openai:gpt-4o"},
        {"tester", "subagents.mappings.tester", "openai:o3"},
        {"cheap", "routing.agent_routing.cheap", "anthropic:claude-haiku-5"},
        {"writer", NULL, NULL},
        {"plain", NULL, NULL},
    };
    static const char file[] = "routing: {agent_routing: true}\nagents: {hashes: agent_hashes.json}\n"
                               "subagents: {mappings: {tester: o3}}\n";
    struct arena arena;
    struct router *r = NULL;
    struct fail why = {0};
    arena_init(&arena);
    write_hashes();
    struct config *cfg = load(file, "");
    assert_non_null(cfg);
    assert_int_equal(router_new(&r, cfg, 0, &why), ERR_OK);
    for (size_t i = 0; i < COUNT_OF(asked); i++) {
        struct route_decision got;
        decide(r, &(struct request){.agent = asked[i].agent}, &arena, &got);
        assert_true(str_equal(got.rule ? got.rule->label : STR_NONE, str_of(asked[i].label)));
        assert_true(str_equal(got.target, str_of(asked[i].target)));
    }
    router_free(r);
    scratch_write("agent_hashes.json", "{}", 2);
    assert_int_equal(router_new(&r, cfg, 0, &why), ERR_CONFIG);
    assert_string_equal(why.detail, "c.yaml:2:18: agents.hashes: agent_hashes.json cannot be read");
    remove("agent_hashes.json");
    why = (struct fail){0};
    assert_int_equal(router_new(&r, cfg, 0, &why), ERR_OK); /* it may come later */
    assert_int_equal(r->rule_count, 1);
    router_free(r);
    config_free(cfg);
    arena_release(&arena);
}

static void hits_are_inherited(void **state)
{
    (void)state;
    struct arena arena;
    struct router *old = NULL, *new = NULL;
    struct fail why = {0};
    arena_init(&arena);
    struct config *cfg = load(MODELS, "");
    assert_int_equal(router_new(&old, cfg, 0, &why), ERR_OK);
    assert_int_equal(router_new(&new, cfg, 0, &why), ERR_OK);
    router_count(old, &old->rules[1], 5000000);
    router_count(old, &old->rules[1], 6000000);
    router_inherit(new, old);
    assert_int_equal(new->hits[0].count, 0);
    assert_int_equal(new->hits[1].count, 2);
    assert_int_equal(new->hits[1].last_us, 6000000);
    router_free(old);
    router_free(new);
    config_free(cfg);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_rule_counts),        cmocka_unit_test(mistakes_name_their_place),
        cmocka_unit_test(looks_only_where_rules_are), cmocka_unit_test(openai_may_be_elsewhere),
        cmocka_unit_test(agents_may_prefer_models),   cmocka_unit_test(hits_are_inherited),
    };
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}

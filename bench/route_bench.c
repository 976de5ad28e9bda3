/*
 * route_bench.c — what deciding where a request goes costs, with many rules and many agents known.
 * Prints the median and the 99th percentile of many decisions, in microseconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "prose.h"

#include "agents/catalog.h"
#include "proxy/router.h"

enum { ROUNDS = 4000, RULES = 1000, AGENTS = 200, REQUEST_BYTES = 50 * 1024 };

/* As Claude Code's agents send it: the model behind the messages is as good as before them. */
static void make_request(struct buf *b)
{
    add(b, "{\"model\":\"claude-sonnet-4-5\",\"system\":[{\"type\":\"text\",\"text\":\""
           "x-anthropic-billing-header: cc_version=2.1; cc_is_subagent=true;\"},"
           "{\"type\":\"text\",\"text\":\"You are an agent of this project, and your number is 77: keep to what you "
           "are asked, and say so when it is done.\\n\\nNotes: ");
    add_text(b, 9000);
    add(b, "\"}],\"tools\":[{\"name\":\"Bash\",\"description\":\"");
    add_text(b, 12000);
    add(b, "\",\"input_schema\":{\"type\":\"object\"}}],\"messages\":[{\"role\":\"user\","
           "\"content\":[{\"type\":\"text\",\"text\":\"Review the change\"}]}");
    while (b->len < REQUEST_BYTES) {
        add(b, ",{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"");
        add_text(b, 300);
        add(b, "\"}]},{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"");
        add_text(b, 1200);
        add(b, "\"}]}");
    }
    add(b, "],\"max_tokens\":32000,\"stream\":true}");
}

static const char *write_rules(struct buf *b, bool has_wildcards)
{
    static char path[] = "/tmp/bench-route-XXXXXX";
    add(b, "routing:\n  rules:\n");
    for (int i = 0; i < RULES - 1; i++)
        if (buf_printf(b, i % 10 ? "    - {agent: \"%sagent-%d%s\", target: \"openai:gpt-4o\"}\n"
                                 : "    - {model: \"%smodel-%d%s\", target: \"openai:gpt-4o\"}\n",
                       has_wildcards ? "*" : "", i, has_wildcards ? "*x*" : ""))
            abort();
    add(b, "    - {class: agent, target: \"openai:gpt-4o\"}\n");
    snprintf(path, sizeof path, "/tmp/bench-route-XXXXXX");
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, b->ptr, b->len) != (ssize_t)b->len || close(fd))
        abort();
    return path;
}

static struct router *make_router(bool has_wildcards, struct config **cfg)
{
    struct buf text;
    struct problems problems = {.count = 0};
    struct router *r = NULL;
    struct fail why = {0};
    buf_init(&text, 1 << 20);
    struct config_flags flags = {.file = write_rules(&text, has_wildcards)};
    *cfg = config_load(&flags, &problems);
    unlink(flags.file);
    buf_release(&text);
    if (!*cfg || router_new(&r, *cfg, 0, &why)) {
        fprintf(stderr, "%s\n", *cfg ? why.detail : problems.items[0].text);
        exit(1);
    }
    return r;
}

/* Two hundred agents, whose prompts begin alike, and the one that asks. */
static struct agent_catalog *make_catalog(void)
{
    struct agent_catalog *c = catalog_new();
    for (int i = 0; i < AGENTS; i++) {
        char name[32], prompt[256];
        snprintf(name, sizeof name, "agent-number-%d", i);
        snprintf(prompt, sizeof prompt, "You are an agent of this project, and your number is %d: keep to "
                 "what you are asked, and say so when it is done.", i);
        struct agent agent = {.name = str_of(name), .file = STR("x.md"), .scope = AGENT_USER};
        if (!catalog_add(c, &agent, str_of(prompt)))
            abort();
    }
    catalog_seal(c);
    return c;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const char *what, bool has_wildcards, struct str body)
{
    static double took[ROUNDS];
    struct arena arena, fixed;
    struct config *cfg;
    struct router *r = make_router(has_wildcards, &cfg);
    struct head head = {.method = STR("POST"), .target = STR("/v1/messages?beta=true")};
    arena_init(&arena);
    arena_init(&fixed);
    head_add(&head, &fixed, STR("User-Agent"), STR("claude-cli/2.1.197 (external, cli)"));
    head_add(&head, &fixed, STR("x-claude-code-session-id"), STR("0d9b3f5e-1111-4222-8333-944455556666"));
    head_add(&head, &fixed, STR("x-claude-code-agent-id"), STR("a1b2c3d4"));
    head_recognise(&head);
    struct agent_catalog *catalog = make_catalog();
    struct identity_sources sources = {.catalog = catalog};
    struct route_question q = {.head = &head, .body = body, .sources = &sources};
    for (int i = 0; i < ROUNDS; i++) {
        struct route_decision d;
        double start = clock_us(CLOCK_MONOTONIC);
        router_decide(r, &q, &arena, &d);
        took[i] = clock_us(CLOCK_MONOTONIC) - start;
        if (d.rule != &r->rules[RULES - 1] || !str_equal(d.who->agent, STR("agent-number-77")))
            abort();
        arena_clear(&arena);
    }
    qsort(took, ROUNDS, sizeof *took, by_size);
    printf("%-44s %6.1f %6.1f\n", what, took[ROUNDS / 2], took[ROUNDS * 99 / 100]);
    arena_release(&arena);
    arena_release(&fixed);
    catalog_drop(catalog);
    router_free(r);
    config_free(cfg);
}

int main(void)
{
    struct buf body;
    buf_init(&body, 1 << 20);
    make_request(&body);
    printf("%-44s %6s %6s\n", "decision, 50 KB, µs", "p50", "p99");
    measure("1,000 rules, 200 agents, the last rule fits", false, buf_str(&body));
    measure("1,000 patterns with three stars, likewise", true, buf_str(&body));
    buf_release(&body);
    return 0;
}

/*
 * json_cut_bench.c — what reading costs at ingest: cutting requests, reading streamed answers,
 * masking headers. Prints the least of many rounds, in microseconds.
 */
#include <stdio.h>
#include <stdlib.h>

#include "prose.h"

#include "record/answer.h"
#include "record/json_cut.h"
#include "record/json_scan.h"
#include "record/redact.h"

enum { ROUNDS = 400 };

static void add_tools(struct buf *b)
{
    add(b, "\"tools\":[");
    for (int i = 0; i < 14; i++) {
        add(b,
            i ? ",{\"name\":\"Tool\",\"description\":\"" : "{\"name\":\"Tool\",\"description\":\"");
        add_text(b, 700);
        add(b, "\",\"input_schema\":{\"type\":\"object\",\"properties\":{");
        for (int j = 0; j < 5; j++)
            add(b, j ? ",\"p\":{\"type\":\"string\",\"description\":\"What to read\"}"
                     : "\"q\":{\"type\":\"array\",\"items\":{\"type\":\"number\"}}");
        add(b, "},\"required\":[\"q\"],\"additionalProperties\":false}}");
    }
    add(b, "],");
}

static void make_request(struct buf *b, size_t bytes)
{
    add(b, "{\"model\":\"claude-x\",\"system\":[{\"type\":\"text\",\"text\":\"");
    add_text(b, 12000);
    add(b, "\"}],");
    add_tools(b);
    add(b,
        "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Fix it\"}]}");
    while (b->len < bytes) {
        add(b, ",{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"");
        add_text(b, 300);
        add(b, "\"},{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"Bash\",\"input\":{"
               "\"command\":\"ls\"}}]}"
               ",{\"role\":\"user\",\"content\":[{\"tool_use_id\":\"toolu_1\",\"type\":\"tool_"
               "result\",\"content\":\"");
        add_text(b, 1800);
        add(b, "\"}]}");
    }
    add(b, "],\"max_tokens\":32000,\"stream\":true}");
}

static void make_stream(struct buf *b, size_t bytes)
{
    add(b, "event: message_start\ndata: "
           "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\","
           "\"role\":\"assistant\",\"model\":\"claude-x\",\"content\":[],\"usage\":{\"input_"
           "tokens\":3,"
           "\"cache_read_input_tokens\":4,\"output_tokens\":1}}}\n\n"
           "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
           "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n");
    while (b->len < bytes)
        add(b, "event: content_block_delta\ndata: "
               "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
               "{\"type\":\"text_delta\",\"text\":\" some more words of it\"}}\n\n");
    add(b, "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
           "event: message_delta\ndata: "
           "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},"
           "\"usage\":{\"output_tokens\":99}}\n\nevent: message_stop\ndata: "
           "{\"type\":\"message_stop\"}\n\n");
}

#define LEAST(what, ...)                                                                           \
    do {                                                                                           \
        double least_ = 1e18;                                                                      \
        for (int round_ = 0; round_ < ROUNDS; round_++) {                                          \
            double start_ = clock_us(CLOCK_MONOTONIC);                                                              \
            __VA_ARGS__;                                                                           \
            least_ = MIN_OF(least_, clock_us(CLOCK_MONOTONIC) - start_);                                            \
        }                                                                                          \
        printf("%-28s %8zu bytes %9.2f us\n", what, size, least_);                                 \
    } while (0)

static void bench_cut(size_t bytes)
{
    struct buf b;
    struct json_cuts cuts = {0};
    struct request_facts facts;
    buf_init(&b, bytes * 2);
    make_request(&b, bytes);
    size_t size = b.len, count, at = str_find(buf_str(&b), '{');
    LEAST("json_cut", struct arena arena; arena_init(&arena);
          json_cut(buf_str(&b), &arena, &cuts, &facts); arena_release(&arena));
    if (facts.flags || facts.title.len == 0)
        abort();
    const struct json_scan *const *all = json_scan_all(&count);
    for (size_t i = 0; i < count; i++)
        if (all[i]->is_usable()) {
            uint32_t flags = 0;
            LEAST(all[i]->name, all[i]->container(buf_str(&b), at, 0, NULL, &flags));
        }
    json_cuts_release(&cuts);
    buf_release(&b);
}

static void bench_answer(size_t bytes)
{
    struct buf b, out;
    struct answer_facts facts;
    buf_init(&b, bytes * 2);
    buf_init(&out, bytes * 2);
    make_stream(&b, bytes);
    size_t size = b.len;
    LEAST("answer_read", struct arena arena; arena_init(&arena);
          answer_read(buf_str(&b), true, &arena, &facts); arena_release(&arena));
    if (facts.flags || !facts.is_complete)
        abort();
    LEAST("answer_message", buf_clear(&out); if (answer_message(buf_str(&b), true, &out)) abort());
    buf_release(&b);
    buf_release(&out);
}

static void bench_redact(const char *name, const char *value)
{
    static const uint8_t key[REDACT_KEY_BYTES] = {1};
    struct redactor *r = redactor_new(key);
    struct buf out;
    size_t size = strlen(value);
    buf_init(&out, 1000);
    LEAST(
        name, for (int i = 0; i < 1000; i++) {
            buf_clear(&out);
            if (redact_value(r, str_of(name), str_of(value), &out))
                abort();
        });
    buf_release(&out);
    redactor_free(r);
}

int main(void)
{
    bench_cut(64 * 1024);
    bench_cut(512 * 1024);
    bench_answer(30 * 1024);
    puts("a thousand header values:");
    bench_redact("x-api-key",
                 "sk-ant-api03-0123456789012345678901234567890123456789012345678901234567890123");
    bench_redact("user-agent", "claude-cli/2.1.329 (external, sdk-cli)");
    bench_redact("anthropic-beta", "claude-code-20250219,interleaved-thinking-2025-05-14,fine-"
                                   "grained-tool-streaming-2025-05-14");
    return 0;
}

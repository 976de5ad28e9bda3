/*
 * dialect_bench.c — what translating costs: a request of 1 MB into each language, and a long stream
 * back, chunk by chunk. Prints the least of many rounds, in microseconds of CPU.
 */
#include <stdio.h>
#include <stdlib.h>

#include "prose.h"

#include "dialect/dialect.h"

enum { ROUNDS = 30, REQUEST_BYTES = 1 << 20, CHUNKS = 2000 };

/* A session of Claude Code's shape: a system prompt, tools, then turns with calls and results. */
static void make_request(struct buf *b)
{
    add(b, "{\"model\":\"claude-x\",\"max_tokens\":32000,\"stream\":true,\"system\":[{\"type\":"
           "\"text\","
           "\"text\":\"");
    add_text(b, 12000);
    add(b, "\"}],\"tools\":[");
    for (int i = 0; i < 20; i++) {
        char head[100];
        snprintf(head, sizeof head, "%s{\"name\":\"Tool%d\",\"description\":\"", i ? "," : "", i);
        add(b, head);
        add_text(b, 800);
        add(b, "\",\"input_schema\":{\"type\":\"object\",\"properties\":{\"path\":{\"type\":"
               "\"string\","
               "\"description\":\"What to "
               "read\"},\"n\":{\"type\":\"integer\"}},\"required\":[\"path\"],"
               "\"additionalProperties\":false,\"$schema\":\"x\"}}");
    }
    add(b, "],\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Fix "
           "it\"}]}");
    for (int i = 0; b->len < REQUEST_BYTES; i++) {
        char id[400];
        add(b, ",{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"");
        add_text(b, 300);
        snprintf(id, sizeof id,
                 "\"},{\"type\":\"tool_use\",\"id\":\"toolu_%d\",\"name\":\"Tool%d\",\"input\":{"
                 "\"path\":"
                 "\"/src/"
                 "a.c\",\"n\":%d}}]},{\"role\":\"user\",\"content\":[{\"tool_use_id\":\"toolu_%d\","
                 "\"type\":\"tool_result\",\"content\":\"",
                 i, i % 20, i, i);
        add(b, id);
        add_text(b, 1800);
        add(b, "\"}]}");
    }
    add(b, "]}");
}

static struct translation *make(enum dialect provider)
{
    const struct translation_options options = {.client = DIALECT_ANTHROPIC,
                                                .provider = provider,
                                                .base_url = STR("https://provider.example/v1"),
                                                .exchange_id = STR("bench")};
    return translation_new(&options);
}

static void bench_request(enum dialect provider, struct str body)
{
    double least = 1e18;
    size_t size = 0;
    struct buf out;
    buf_init(&out, 64 << 20);
    for (int round = 0; round < ROUNDS; round++) {
        struct fail f = {0};
        buf_clear(&out);
        double start = clock_us(CLOCK_PROCESS_CPUTIME_ID);
        struct translation *t = make(provider);
        if (translation_request(t, body, &out, &f))
            abort();
        translation_free(t);
        least = MIN_OF(least, clock_us(CLOCK_PROCESS_CPUTIME_ID) - start);
        size = out.len;
    }
    printf("request to %-10s %8zu bytes in %8zu out %9.1f us\n", dialect_name(provider), body.len,
           size, least);
    buf_release(&out);
}

static const char small_request[] =
    "{\"model\":\"m\",\"max_tokens\":100,\"stream\":true,\"messages\":[{"
    "\"role\":\"user\",\"content\":\"Hi\"}]}";

static const struct {
    enum dialect provider;
    const char *chunk, *end;
} streams[] = {
    {DIALECT_CHAT,
     "data: "
     "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\","
     "\"choices\":[{\"index\":0,\"delta\":{\"content\":\" some more words\"},\"logprobs\":null,"
     "\"finish_reason\":null}]}\n\n",
     "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: "
     "[DONE]\n\n"},
    {DIALECT_RESPONSES,
     "event: response.output_text.delta\ndata: "
     "{\"type\":\"response.output_text.delta\",\"item_id\":"
     "\"msg_1\",\"output_index\":0,\"content_index\":0,\"delta\":\" some more words\"}\n\n",
     "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"status\":"
     "\"completed\",\"output\":[]}}\n\n"},
    {DIALECT_GEMINI,
     "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\" some more words\"}],\"role\":"
     "\"model\"},\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":5}}\n\n",
     "data: {\"candidates\":[{\"finishReason\":\"STOP\",\"index\":0}]}\n\n"},
};

static double stream_once(size_t which, struct buf *out)
{
    const struct translation_answer head = {.status = 200};
    struct buf request;
    struct fail f = {0};
    enum err err = ERR_OK;
    buf_init(&request, 1 << 20);
    struct translation *t = make(streams[which].provider);
    if (translation_request(t, str_of(small_request), &request, &f))
        abort();
    translation_answer(t, &head);
    double start = clock_us(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < CHUNKS && !err; i++) {
        buf_clear(out); /* as the caller does, who sends it */
        err = translation_feed(t, str_of(streams[which].chunk), out);
    }
    if (err || translation_feed(t, str_of(streams[which].end), out) ||
        translation_end(t, true, out) || translation_is_error(t))
        abort();
    double took = clock_us(CLOCK_PROCESS_CPUTIME_ID) - start;
    translation_free(t);
    buf_release(&request);
    return took;
}

static void bench_stream(size_t which)
{
    double least = 1e18;
    struct buf out;
    buf_init(&out, 64 << 20);
    for (int round = 0; round < ROUNDS; round++) {
        double took = stream_once(which, &out);
        least = MIN_OF(least, took);
    }
    printf("stream from %-10s %d chunks %6.2f us a chunk\n", dialect_name(streams[which].provider),
           CHUNKS, least / CHUNKS);
    buf_release(&out);
}

int main(void)
{
    struct buf request;
    buf_init(&request, 8 << 20);
    make_request(&request);
    for (int d = DIALECT_ANTHROPIC; d < DIALECT_COUNT; d++)
        bench_request((enum dialect)d, buf_str(&request));
    for (size_t i = 0; i < COUNT_OF(streams); i++)
        bench_stream(i);
    buf_release(&request);
    return 0;
}

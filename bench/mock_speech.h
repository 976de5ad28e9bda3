/*
 * mock_speech.h — what the mock's streams say around their text, in the languages of Anthropic and
 * of OpenAI's Chat Completions.
 */
#ifndef BENCH_MOCK_SPEECH_H
#define BENCH_MOCK_SPEECH_H

#include <inttypes.h>

/* `begin` takes an id (64 bits) and two counts of input tokens, `end` one of output tokens. */
struct speech {
    const char *begin, *delta_open, *delta_close, *end;
};

static const struct speech anthropic_speech = {
    .begin =
        "event: message_start\ndata: "
        "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_01%016" PRIx64
        "\",\"type\":\"message\",\"role\":\"assistant\",\"model\":"
        "\"claude-opus-4-8-20260601\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,"
        "\"usage\":{\"input_tokens\":%u,\"cache_creation_input_tokens\":0,"
        "\"cache_read_input_tokens\":%u,\"output_tokens\":1}}}\n\nevent: content_block_start\n"
        "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\","
        "\"text\":\"\"}}\n\nevent: ping\ndata: {\"type\": \"ping\"}\n\n",
    .delta_open = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
                  "\"delta\":{\"type\":\"text_delta\",\"text\":\"",
    .delta_close = "\"}}\n\n",
    .end =
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: "
        "message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\","
        "\"stop_sequence\":null},\"usage\":{\"output_tokens\":%u}}\n\nevent: message_stop\ndata: {"
        "\"type\":\"message_stop\"}\n\n",
};

#define CHAT_CHUNK                                                                                 \
    "data: {\"id\":\"chatcmpl-AbCdEfGhIjKlMnOpQrStUvWx\",\"object\":\"chat.completion.chunk\","    \
    "\"created\":1763700000,\"model\":\"gpt-5\",\"system_fingerprint\":\"fp_1\",\"choices\":["

static const struct speech chat_speech = {
    .begin = CHAT_CHUNK "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
                        "\"finish_reason\":null}]}\n\n: %" PRIx64 " %u %u\n\n",
    .delta_open = CHAT_CHUNK "{\"index\":0,\"delta\":{\"content\":\"",
    .delta_close = "\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n",
    .end = CHAT_CHUNK "{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n" CHAT_CHUNK
                      "],\"usage\":{\"prompt_tokens\":9000,\"completion_tokens\":%u}}\n\n"
                      "data: [DONE]\n\n",
};

#endif

/*
 * fuzz_dialect_answer.c — whatever a provider answers, the client gets what its SDK's accumulator
 * accepts: contiguous indexes, one open block, one end or a visible error; wherever it is cut.
 *
 * The first byte says who asked whom, and with which quirks, the second how it ends and is cut; the
 * rest is the provider's body.
 */
#include "fuzz.h"

#include <yyjson.h>

#include "../golden/accumulate.h"
#include "dialect/dialect.h"

static const char *const quirks[] = {"", "think_tags,text_calls,lax_eof",
                                     "think_open,reasoning=openrouter,reasoning_details",
                                     "no_stream"};

static const char anthropic_request[] =
    "{\"model\":\"claude-x\",\"max_tokens\":9000,\"stream\":%s,\"stop_sequences\":[\"STOP\",\"</"
    "s>\"],"
    "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000},\"tools\":[{\"name\":\"Read\","
    "\"input_schema\":{}},{\"name\":\"Bash\",\"input_schema\":{}}],\"messages\":[{\"role\":"
    "\"user\","
    "\"content\":\"Hi\"}]}";
static const char chat_request[] =
    "{\"model\":\"gpt-x\",\"stream\":%s,\"stop\":[\"STOP\",\"</s>\"],\"reasoning_effort\":\"high\","
    "\"stream_options\":{\"include_usage\":true},\"tools\":[{\"type\":\"function\",\"function\":{"
    "\"name\":\"Read\"}},{\"type\":\"function\",\"function\":{\"name\":\"Bash\"}}],\"messages\":[{"
    "\"role\":\"user\",\"content\":\"Hi\"}]}";

struct how {
    enum dialect client, provider;
    bool is_stream, is_broken, is_refusal;
    const char *quirks;
};

static struct how read_how(const uint8_t *data)
{
    return (struct how){.client = data[0] & 4 ? DIALECT_CHAT : DIALECT_ANTHROPIC,
                        .provider = (enum dialect)(data[0] & 3),
                        .is_stream = !(data[0] & 8),
                        .quirks = quirks[data[0] >> 4 & 3],
                        .is_broken = data[1] & 1,
                        .is_refusal = (data[1] & 14) == 14};
}

static void feed(struct translation *t, struct str body, size_t step, struct buf *out)
{
    while (body.len) {
        struct str piece = str_head(body, step);
        char *copy = malloc(piece.len);
        memcpy(copy, piece.ptr, piece.len);
        PROMISE(!translation_feed(t, str_make(copy, piece.len), out));
        free(copy);
        body = str_from(body, piece.len);
    }
}

static struct translation_head run(const struct how *h, struct str body, size_t step,
                                   struct buf *out)
{
    struct translation_options o = {.client = h->client,
                                    .provider = h->provider,
                                    .base_url = {"https://provider.example/v1", 27},
                                    .exchange_id = {"fuzz", 4}};
    struct translation_answer head = {.status = h->is_refusal ? 400 : 200};
    char request[2000];
    struct buf upstream;
    struct fail f = {0};
    PROMISE(!quirks_parse(&o.quirks, str_of(h->quirks), NULL));
    struct translation *t = translation_new(&o);
    buf_init(&upstream, 1 << 20);
    snprintf(request, sizeof request, h->client == DIALECT_CHAT ? chat_request : anthropic_request,
             h->is_stream ? "true" : "false");
    PROMISE(!translation_request(t, str_of(request), &upstream, &f));
    translation_answer(t, &head);
    feed(t, body, step, out);
    PROMISE(!translation_end(t, !h->is_broken, out));
    enum translation_state state = translation_state(t);
    PROMISE(state == TRANSLATION_DONE ||
            (h->is_refusal && state == TRANSLATION_AGAIN && !out->len));
    struct translation_head result = translation_head(t);
    result.request_id = (struct str){0};
    buf_release(&upstream);
    translation_free(t);
    return result;
}

static void check_answer(const struct how *h, struct translation_head head, struct str out)
{
    if (!out.len)
        return; /* it will ask again */
    if (strcmp(head.content_type, "text/event-stream") == 0) {
        const char *wrong =
            h->client == DIALECT_CHAT ? accumulate_check_chat(out) : accumulate_check(out, true);
        if (wrong)
            fprintf(stderr, "%s\n%.*s\n", wrong, (int)MIN_OF(out.len, (size_t)4000), out.ptr);
        PROMISE(!wrong);
        return;
    }
    yyjson_doc *doc = yyjson_read(out.ptr, out.len, YYJSON_READ_NUMBER_AS_RAW);
    PROMISE(yyjson_is_obj(yyjson_doc_get_root(doc)));
    yyjson_doc_free(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf whole, cut;
    if (size < 2)
        return 0;
    struct how h = read_how(data);
    struct str body = str_make(data + 2, size - 2);
    if (h.client == h.provider)
        return 0; /* passes as it is */
    buf_init(&whole, 64 << 20);
    buf_init(&cut, 64 << 20);
    struct translation_head head = run(&h, body, SIZE_MAX, &whole);
    check_answer(&h, head, buf_str(&whole));
    struct translation_head again = run(&h, body, 1 + (data[1] >> 4), &cut);
    PROMISE(head.status == again.status && head.content_type == again.content_type);
    PROMISE(str_equal(buf_str(&whole), buf_str(&cut)));
    buf_release(&whole);
    buf_release(&cut);
    return 0;
}

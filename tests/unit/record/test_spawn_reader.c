/*
 * test_spawn_reader.c — calls are told as soon as they are whole, however the answer is cut and
 * encoded.
 */
#include "check.h"

#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#include "record/body_decode.h"
#include "record/spawn_reader.h"

enum { ROOM = 1 << 16 };

#define EVENT(type, more) "event: " type "\ndata: {\"type\":\"" type "\"" more "}\n\n"
#define PART(text)                                                                                 \
    EVENT("content_block_delta",                                                                   \
          ",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"" text "\"}")

static const char stream[] =
    EVENT("message_start", ",\"message\":{}")
    EVENT("content_block_start", ",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}")
    EVENT("content_block_delta", ",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"partial_json\"}")
    EVENT("content_block_stop", ",\"index\":0")
    EVENT("content_block_start",
          ",\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"Agent\",\"input\":{}}")
    PART("{\\\"subagent_type\\\": \\\"fin") PART("der\\\", \\\"prompt\\\": \\\"Find it.\\\",")
    PART(" \\\"run_in_background\\\": true}") EVENT("content_block_stop", ",\"index\":1")
    EVENT("content_block_start",
          ",\"index\":2,\"content_block\":{\"type\":\"tool_use\",\"id\":\"u\",\"name\":\"Bash\",\"input\":{}}")
    PART("{\\\"subagent_type\\\": \\\"no\\\", \\\"prompt\\\": \\\"no\\\"}")
    EVENT("content_block_stop", ",\"index\":2") EVENT("message_stop", "");

static const char whole[] =
    "{\"type\":\"message\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"Task\",\"input\":"
    "{\"subagent_type\":\"finder\",\"prompt\":\"Find it.\",\"run_in_background\":true}}]}";

static int told;

static void on_spawn(const struct spawn *spawn, void *owner)
{
    (void)owner;
    assert_str_equal(spawn->agent_type, STR("finder"));
    assert_true(spawn->prompt_hash == spawn_hash(STR("Find it.")));
    assert_true(spawn->is_background);
    told++;
}

static void feed(struct str decoded, void *owner)
{
    spawn_reader_feed(owner, decoded);
}

static void run(struct str bytes, const char *encoding, bool is_stream, size_t step)
{
    struct spawn_reader r;
    struct body_stream *decoder = encoding ? body_stream_new(str_of(encoding)) : NULL;
    spawn_reader_init(&r, is_stream, on_spawn, NULL);
    told = 0;
    while (bytes.len) {
        struct str part = str_head(bytes, step);
        if (decoder)
            assert_true(body_stream_feed(decoder, part, feed, &r));
        else
            feed(part, &r);
        bytes = str_from(bytes, part.len);
    }
    spawn_reader_end(&r);
    assert_int_equal(told, 1);
    spawn_reader_release(&r);
    body_stream_free(decoder);
}

static void however_it_is_cut(void **state)
{
    (void)state;
    for (size_t step = 1; step < 200; step += 7)
        run(str_of(stream), NULL, true, step);
    run(str_of(stream), NULL, true, sizeof stream);
    run(str_of(whole), NULL, false, 5);
}

static struct str encoded(const char *how, char *out)
{
    struct str in = str_of(stream);
    size_t len = ROOM;
    if (strcmp(how, "zstd") == 0)
        return str_make(out, ZSTD_compress(out, ROOM, in.ptr, in.len, 3));
    if (strcmp(how, "br") == 0) {
        assert_true(BrotliEncoderCompress(5, 18, BROTLI_MODE_TEXT, in.len, (const uint8_t *)in.ptr, &len,
                                          (uint8_t *)out));
        return str_make(out, len);
    }
    z_stream z = {.next_in = (Bytef *)(uintptr_t)in.ptr, .avail_in = (uInt)in.len,
                  .next_out = (Bytef *)out, .avail_out = ROOM};
    int bits = strcmp(how, "gzip") == 0 ? 15 + 16 : 15;
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return str_make(out, z.total_out);
}

static void however_it_is_encoded(void **state)
{
    (void)state;
    static const char *const names[] = {"gzip", "deflate", "br", "zstd"};
    char out[ROOM];
    for (size_t i = 0; i < COUNT_OF(names); i++)
        for (size_t step = 2; step < 400; step += 31)
            run(encoded(names[i], out), names[i], true, step);
}

static void damage_is_noticed(void **state)
{
    (void)state;
    struct spawn_reader r;
    spawn_reader_init(&r, true, on_spawn, NULL);
    told = 0;
    struct body_stream *decoder = body_stream_new(STR("gzip"));
    assert_false(body_stream_feed(decoder, STR("this is no gzip at all"), feed, &r));
    body_stream_free(decoder);
    assert_null(body_stream_new(STR("gzip, br")));
    assert_null(body_stream_new(STR("rot13")));
    /* a line past the ceiling: no more is looked for */
    char *line = malloc(SPAWN_EVENT_MAX + 64);
    memset(line, 'x', SPAWN_EVENT_MAX + 64);
    feed(str_make(line, SPAWN_EVENT_MAX + 64), &r);
    feed(str_of(stream), &r);
    assert_int_equal(told, 0);
    free(line);
    spawn_reader_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(however_it_is_cut),
        cmocka_unit_test(however_it_is_encoded),
        cmocka_unit_test(damage_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_body_decode.c — every encoding there and back; cut, damaged and swollen bodies.
 */
#include "check.h"

#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#include "record/body_decode.h"

enum { ROOM = 1 << 20 };

static struct str deflated(struct str in, int window_bits, char *out)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)in.ptr;
    z.avail_in = (uInt)in.len;
    z.next_out = (Bytef *)out;
    z.avail_out = ROOM;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return str_make(out, z.total_out);
}

static struct str encoded(const char *how, struct str in, char *out)
{
    size_t len = ROOM;
    if (strcmp(how, "gzip") == 0)
        return deflated(in, 15 + 16, out);
    if (strcmp(how, "deflate") == 0)
        return deflated(in, 15, out);
    if (strcmp(how, "zstd") == 0)
        return str_make(out, ZSTD_compress(out, ROOM, in.ptr, in.len, 3));
    assert_true(BrotliEncoderCompress(5, 18, BROTLI_MODE_TEXT, in.len, (const uint8_t *)in.ptr,
                                      &len, (uint8_t *)out));
    return str_make(out, len);
}

static const char *const names[] = {"gzip", "deflate", "br", "zstd"};

static struct str sample(void)
{
    static char text[600000];
    uint32_t x = 1;
    for (size_t i = 0; i < sizeof text; i++) {
        x = x * 1664525 + 1013904223;
        text[i] = "abcdefgh \n{}\",:12"[x >> 28];
    }
    return str_make(text, sizeof text);
}

static char packed[ROOM], packed_twice[ROOM];

static void check(const char *encoding, struct str bytes, size_t ceiling, enum decode_result want,
                  struct str text)
{
    struct buf out;
    buf_init(&out, ceiling);
    assert_int_equal(body_decode(str_of(encoding), bytes, &out), want);
    assert_str_equal(buf_str(&out), text);
    buf_release(&out);
}

static void there_and_back(void **state)
{
    (void)state;
    struct str text = sample();
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct str bytes = encoded(names[i], text, packed);
        check(names[i], bytes, ROOM, DECODE_OK, text);
        check(names[i], bytes, text.len, DECODE_OK, text); /* exactly as much room */
    }
    check("deflate", deflated(text, -15, packed), ROOM, DECODE_OK, text);
    check("", text, ROOM, DECODE_OK, text);
    check("Identity", text, ROOM, DECODE_OK, text);
    check("X-GZIP", encoded("gzip", text, packed), ROOM, DECODE_OK, text);
    check("rot13", text, ROOM, DECODE_UNKNOWN, STR_NONE);
    check("gzip, rot13", text, ROOM, DECODE_UNKNOWN, STR_NONE);
}

static void lists(void **state)
{
    (void)state;
    struct str text = sample(), once = encoded("gzip", text, packed);
    struct str twice = encoded("br", once, packed_twice);
    check("gzip, br", twice, ROOM, DECODE_OK, text);
    check(" gzip ,identity,, br", twice, ROOM, DECODE_OK, text);
    struct str thrice = encoded("zstd", twice, packed);
    check("gzip,br,zstd", thrice, ROOM, DECODE_OK, text);
    check("gzip,gzip,gzip,gzip,gzip", text, ROOM, DECODE_UNKNOWN, STR_NONE);
}

static void members_follow_one_another(void **state)
{
    (void)state;
    struct str a = encoded("gzip", STR("one "), packed);
    struct str b = encoded("gzip", STR("two"), packed + a.len);
    check("gzip", str_make(packed, a.len + b.len), ROOM, DECODE_OK, STR("one two"));
    a = encoded("zstd", STR("one "), packed);
    b = encoded("zstd", STR("two"), packed + a.len);
    check("zstd", str_make(packed, a.len + b.len), ROOM, DECODE_OK, STR("one two"));
}

static void cut_bodies_give_what_is_there(void **state)
{
    (void)state;
    struct str text = sample();
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct str bytes = encoded(names[i], text, packed);
        size_t most = 0;
        for (size_t len = 0; len < bytes.len; len += len < 64 ? 1 : 9973) {
            struct buf out;
            buf_init(&out, ROOM);
            assert_int_equal(body_decode(str_of(names[i]), str_head(bytes, len), &out),
                             DECODE_PARTIAL);
            assert_str_equal(buf_str(&out), str_head(text, out.len));
            most = MAX_OF(most, out.len);
            buf_release(&out);
        }
        assert_true(most > text.len / 2);
    }
}

static void damage_is_noticed(void **state)
{
    (void)state;
    struct str text = sample();
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct str bytes = encoded(names[i], text, packed);
        packed[0] ^= 0x55;
        struct buf out;
        buf_init(&out, ROOM);
        assert_int_equal(body_decode(str_of(names[i]), bytes, &out), DECODE_PARTIAL);
        buf_release(&out);
        buf_init(&out, ROOM);
        assert_int_equal(body_decode(str_of(names[i]), STR("{\"plain\":\"json\"}"), &out),
                         DECODE_PARTIAL);
        buf_release(&out);
    }
}

static void bombs_stop_at_the_ceiling(void **state)
{
    (void)state;
    size_t len = 64 << 20;
    char *zeros = calloc(1, len);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct str bytes = encoded(names[i], str_make(zeros, len), packed);
        check(names[i], bytes, 100000, DECODE_LIMITED, str_make(zeros, 100000));
        struct str twice = encoded("gzip", bytes, packed_twice);
        char list[32];
        strcat(strcpy(list, names[i]), ", gzip");
        check(list, twice, 100000, DECODE_LIMITED, str_make(zeros, 100000));
    }
    check("", str_make(zeros, 11), 10, DECODE_LIMITED, str_make(zeros, 10));
    free(zeros);
}

static void a_text_is_read_whole_or_not_at_all(void **state)
{
    (void)state;
    struct buf room;
    struct str text = sample();
    buf_init(&room, ROOM);
    assert_ptr_equal(body_text(STR_NONE, text, &room).ptr, text.ptr);
    assert_ptr_equal(body_text(STR("Identity"), text, &room).ptr, text.ptr);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct str bytes = encoded(names[i], text, packed);
        assert_str_equal(body_text(str_of(names[i]), bytes, &room), text);
        struct str cut = str_head(bytes, bytes.len - 9);
        assert_ptr_equal(body_text(str_of(names[i]), cut, &room).ptr, cut.ptr);
    }
    assert_ptr_equal(body_text(STR("odd"), text, &room).ptr, text.ptr);
    assert_int_equal(room.ceiling, ROOM);
    buf_release(&room);
}

/* 64 MiB would fit: it is the ratio that stops it. */
static void a_text_that_fills_memory_is_not_read(void **state)
{
    (void)state;
    size_t len = 16 << 20, fine = 4 << 20;
    char *zeros = calloc(1, len);
    struct buf room;
    buf_init(&room, 64 << 20);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct str bytes = encoded(names[i], str_make(zeros, len), packed);
        assert_ptr_equal(body_text(str_of(names[i]), bytes, &room).ptr, bytes.ptr);
        bytes = encoded(names[i], str_make(zeros, fine), packed);
        assert_int_equal(body_text(str_of(names[i]), bytes, &room).len, fine);
    }
    buf_release(&room);
    free(zeros);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(lists),
        cmocka_unit_test(members_follow_one_another),
        cmocka_unit_test(cut_bodies_give_what_is_there),
        cmocka_unit_test(damage_is_noticed),
        cmocka_unit_test(bombs_stop_at_the_ceiling),
        cmocka_unit_test(a_text_is_read_whole_or_not_at_all),
        cmocka_unit_test(a_text_that_fills_memory_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

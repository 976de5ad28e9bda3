/*
 * test_detail.c — details survive the round trip; cut or wild bytes are refused.
 */
#include "check.h"

#include "record/detail.h"

static struct detail sample(void)
{
    static struct chunk_mark marks[] = {{5, 100}, {5, 0}, {70000, 3}, {60000, 1 << 20}};
    struct detail d = {
        .facts = {.request_head = STR("POST /v1/messages HTTP/1.1\r\nHost: a\r\n"),
                  .response_head = STR("HTTP/1.1 200 OK\r\n"),
                  .upstream_addr = STR("160.79.104.10:443"),
                  .sent_us = 1234,
                  .timeline = marks,
                  .timeline_len = COUNT_OF(marks)},
        .is_folded = true,
        .request = {.block = 90, .offset = 77, .len = 12},
    };
    memset(d.facts.request_hash, 0xab, 16);
    body_hash(STR("abc"), d.facts.response_hash);
    assert_int_equal(recipe_add(&d.response, (struct piece_at){100, 5, 6}), ERR_OK);
    assert_int_equal(recipe_add(&d.response, (struct piece_at){101, 0, 1 << 20}), ERR_OK);
    d.fresh_part = FRESH_SOME;
    assert_int_equal(recipe_add(&d.fresh, (struct piece_at){99, 7, 70000}), ERR_OK);
    return d;
}

static void round_trip(void **state)
{
    (void)state;
    struct detail in = sample(), out;
    struct buf b;
    buf_init(&b, 1 << 16);
    assert_int_equal(detail_write(&b, 101, &in), ERR_OK);
    assert_true(b.len <= detail_bound(&in));
    struct arena a;
    arena_init(&a);
    assert_int_equal(detail_read(buf_str(&b), 101, &a, &out), ERR_OK);
    assert_str_equal(out.facts.request_head, in.facts.request_head);
    assert_str_equal(out.facts.response_head, in.facts.response_head);
    assert_str_equal(out.facts.upstream_addr, in.facts.upstream_addr);
    assert_int_equal(out.facts.sent_us, 1234);
    assert_memory_equal(&out.request, &in.request, sizeof in.request);
    assert_true(out.is_folded);
    assert_int_equal(out.response.count, 2);
    assert_memory_equal(out.response.list, in.response.list, 2 * sizeof in.response.list[0]);
    assert_int_equal(out.facts.timeline_len, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(out.facts.timeline[i].offset_us, in.facts.timeline[i].offset_us);
        assert_int_equal(out.facts.timeline[i].bytes, in.facts.timeline[i].bytes);
    }
    assert_int_equal(out.fresh_part, FRESH_SOME);
    assert_int_equal(out.fresh.count, 1);
    assert_memory_equal(out.fresh.list, in.fresh.list, sizeof in.fresh.list[0]);
    assert_memory_equal(out.facts.request_hash, in.facts.request_hash, 16);
    assert_memory_equal(out.facts.response_hash, in.facts.response_hash, 16);
    detail_release(&out);
    for (size_t cut = 0; cut < b.len; cut++)
        assert_int_equal(detail_read(str_make(b.ptr, cut), 101, &a, &out), ERR_CORRUPT);
    for (size_t at = 0; at < b.len; at++) { /* must not crash, whatever it says */
        b.ptr[at] = (char)(b.ptr[at] ^ 0xff);
        if (detail_read(buf_str(&b), 101, &a, &out) == ERR_OK)
            detail_release(&out);
        b.ptr[at] = (char)(b.ptr[at] ^ 0xff);
    }
    detail_release(&in);
    arena_release(&a);
    buf_release(&b);
}

static void hash_is_the_published_one(void **state)
{
    (void)state;
    /* XXH3-128 of nothing, seed 0, from the xxHash specification's sanity values */
    static const uint8_t empty[16] = {0x99, 0xaa, 0x06, 0xd3, 0x01, 0x47, 0x98, 0xd8,
                                      0x60, 0x01, 0xc3, 0x24, 0x46, 0x8d, 0x49, 0x7f};
    uint8_t got[16];
    body_hash(STR_NONE, got);
    assert_memory_equal(got, empty, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(hash_is_the_published_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

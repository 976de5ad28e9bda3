/*
 * test_outage.c — what is kept of frames that could not be written, and which flushes failed.
 */
#include "check.h"

#include "journal/outage.h"

enum { FRAMES_MAX = 8 };

struct batch {
    char heads[FRAMES_MAX][FRAME_HEAD_BYTES];
    struct iovec parts[2 * FRAMES_MAX];
    size_t frame_count, part_count;
};

static struct uuid id_of(uint8_t number)
{
    return (struct uuid){{number}};
}

static void add(struct batch *b, enum frame_type type, uint8_t id, uint32_t seq, struct str payload)
{
    struct frame f = {.type = type, .seq = seq, .id = id_of(id), .mono_ns = 77};
    char *head = b->heads[b->frame_count++];
    frame_write_head(head, &f, payload, STR_NONE);
    b->parts[b->part_count++] = (struct iovec){head, FRAME_HEAD_BYTES};
    if (payload.len)
        b->parts[b->part_count++] = (struct iovec){(void *)payload.ptr, payload.len};
}

static void ends_of_begun_exchanges_are_owed(void **state)
{
    (void)state;
    struct outage o;
    struct batch b = {0};
    outage_init(&o);
    add(&b, FRAME_RESP_BODY, 1, 4, STR("bytes"));
    add(&b, FRAME_END, 1, 5, STR("ended"));
    add(&b, FRAME_BEGIN, 2, 0, STR("begun"));
    add(&b, FRAME_REQ_BODY, 2, 1, STR_NONE);
    add(&b, FRAME_END, 2, 2, STR("lost with its beginning"));
    struct outage_loss loss = outage_note(&o, 3, b.parts, b.part_count);
    assert_int_equal(loss.frames, 4);
    assert_int_equal(loss.begins, 1);
    assert_int_equal(o.owed_count, 1);
    struct frame f;
    size_t used;
    assert_int_equal(frame_read(buf_str(&o.owed), true, &f, &used), FRAME_WHOLE);
    assert_int_equal(used, o.owed.len);
    assert_int_equal(f.type, FRAME_END);
    assert_int_equal(f.seq, 5);
    assert_int_equal(f.mono_ns, 77);
    assert_true(uuid_equal(&f.id, &(struct uuid){{1}}));
    assert_str_equal(f.payload, STR("ended"));
    outage_paid(&o);
    assert_int_equal(o.owed.len, 0);
    assert_int_equal(o.owed_count, 0);
    outage_release(&o);
}

static void flushes_that_failed_are_known(void **state)
{
    (void)state;
    struct outage o;
    outage_init(&o);
    assert_false(outage_covers(&o, 0));
    for (uint64_t turn = 5; turn <= 8; turn++)
        outage_note(&o, turn, NULL, 0);
    outage_note(&o, 12, NULL, 0);
    assert_int_equal(o.gap_count, 2);
    assert_false(outage_covers(&o, 4));
    assert_true(outage_covers(&o, 5));
    assert_true(outage_covers(&o, 8));
    assert_false(outage_covers(&o, 9));
    assert_true(outage_covers(&o, 12));
    for (uint64_t i = 0; i < OUTAGE_GAPS_MAX; i++)
        outage_note(&o, 100 + 2 * i, NULL, 0);
    assert_false(outage_covers(&o, 12)); /* forgotten */
    assert_true(outage_covers(&o, 100));
    assert_false(outage_covers(&o, 101));
    assert_true(outage_covers(&o, 100 + 2 * (OUTAGE_GAPS_MAX - 1)));
    outage_release(&o);
}

static void what_is_owed_has_a_ceiling(void **state)
{
    (void)state;
    struct outage o;
    struct batch b = {0};
    char *long_detail = calloc(1, OUTAGE_OWED_BYTES_MAX / 3);
    outage_init(&o);
    for (uint8_t i = 0; i < 4; i++)
        add(&b, FRAME_END, i, 9, str_make(long_detail, OUTAGE_OWED_BYTES_MAX / 3));
    struct outage_loss loss = outage_note(&o, 0, b.parts, b.part_count);
    assert_int_equal(o.owed_count, 2);
    assert_int_equal(loss.frames, 2);
    outage_release(&o);
    free(long_detail);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_of_begun_exchanges_are_owed),
        cmocka_unit_test(flushes_that_failed_are_known),
        cmocka_unit_test(what_is_owed_has_a_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

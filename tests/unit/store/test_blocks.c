/*
 * test_blocks.c — what is added to a block that is stored already.
 */
#include "check.h"

#include <stdio.h>

#include "base/log.h"
#include "store_scene.h"

static const int64_t base_us = INT64_C(496000) * 3600 * 1000000;

/* Who has read a block finds what was added to it since; a commit made again adds nothing. */
static void a_block_is_gone_on_with(void **state)
{
    struct store_scene *x = *state;
    struct record r[3];
    char text[3][32];
    struct fail f = {0};
    struct store_size size;
    uint64_t block = x->maker.block;
    for (int i = 0; i < 3; i++) {
        r[i] = maker_record(base_us + i);
        snprintf(text[i], sizeof text[i], "{\"number\":%d}", i);
        maker_add(&x->maker, &r[i], str_of(text[i]), STR("answer"));
        const struct batch *b = maker_batch(&x->maker);
        for (int again = 0; again < 2; again++)
            assert_int_equal(store_commit(x->store, b, &f), ERR_OK);
        for (int k = 0; k <= i; k++)
            assert_body(x, &r[k].id, BODY_REQUEST, str_of(text[k]));
        assert_int_equal(store_measure(x->reader, &size, &f), ERR_OK);
        assert_int_equal(size.blocks, 1);
        assert_int_equal(size.stored_bytes, x->maker.data.len);
        assert_int_equal(store_next_block(x->store), block + 1);
        maker_go_on(&x->maker);
    }
}

/* Chains are read bit by bit: whoever has read some of one finds the rest, and what has grown since. */
static void a_chain_is_gone_on_with(void **state)
{
    enum { BLOCKS = 12, GROWING = 7, SECOND_CHAIN = 5 };
    static const int order[] = {3, 0, 5, 4, 7, 8, 11, 1, 10, 6};
    struct store_scene *x = *state;
    struct record r[BLOCKS], late = maker_record(base_us + BLOCKS);
    char text[BLOCKS][32];
    struct fail f = {0};
    for (int i = 0; i < BLOCKS; i++) {
        if (i == SECOND_CHAIN)
            chain_rest(&x->maker.chain);
        r[i] = maker_record(base_us + i);
        snprintf(text[i], sizeof text[i], "{\"number\":%d}", i);
        maker_add(&x->maker, &r[i], str_of(text[i]), STR("answer"));
        assert_int_equal(store_commit(x->store, maker_batch(&x->maker), &f), ERR_OK);
        if (i != GROWING) {
            maker_next(&x->maker);
            continue;
        }
        /* some, more of it, and then its last block grows */
        assert_body(x, &r[2].id, BODY_REQUEST, str_of(text[2]));
        assert_body(x, &r[GROWING].id, BODY_REQUEST, str_of(text[GROWING]));
        maker_go_on(&x->maker);
        maker_add(&x->maker, &late, STR("{\"late\":1}"), STR("answer"));
        assert_int_equal(store_commit(x->store, maker_batch(&x->maker), &f), ERR_OK);
        maker_next(&x->maker);
    }
    assert_body(x, &r[GROWING + 1].id, BODY_REQUEST, str_of(text[GROWING + 1]));
    assert_body(x, &late.id, BODY_REQUEST, STR("{\"late\":1}"));
    for (size_t i = 0; i < COUNT_OF(order); i++) {
        struct store_reader *fresh = x->reader;
        if (i % 3 == 0)
            x->reader = store_reader_new(x->store);
        assert_body(x, &r[order[i]].id, BODY_REQUEST, str_of(text[order[i]]));
        assert_body(x, &r[order[i] / 2].id, BODY_REQUEST, str_of(text[order[i] / 2]));
        if (i % 3 == 0) {
            store_reader_free(x->reader);
            x->reader = fresh;
        }
    }
}

enum { WRITTEN = 3, WRITTEN_BYTES = 400 };

/* Writes all blocks again as scrub.c does, with `other` in the place of `gone`, which is as long. */
static void write_again(struct store_scene *x, struct str gone, struct str other)
{
    struct chain_reader reader;
    struct chain_writer writer;
    struct statement *q;
    struct buf raw, data;
    uint64_t numbers[WRITTEN], chain;
    size_t ends[WRITTEN], count = 0;
    struct fail f = {0};
    enum err err;
    chain_reader_init(&reader);
    chain_reader_begin(&reader);
    chain_writer_init(&writer);
    buf_init(&raw, CHAIN_RAW_MAX);
    buf_init(&data, BLOCK_RAW_MAX);
    assert_int_equal(database_prepare(&x->store->db, "SELECT number, raw_len, data FROM blocks ORDER BY number", &q,
                                      &f), ERR_OK);
    while (statement_next(q, &err, &f)) {
        numbers[count] = (uint64_t)column_number(q, 0);
        assert_int_equal(chain_read(&reader, column_str(q, 2), (size_t)column_number(q, 1), &raw), ERR_OK);
        ends[count++] = raw.len;
    }
    statement_free(q);
    assert_int_equal(count, WRITTEN);
    memcpy(memmem(raw.ptr, raw.len, gone.ptr, gone.len), other.ptr, other.len);
    chain_begin_again(&writer, numbers[0]);
    assert_int_equal(database_prepare(&x->store->db, "UPDATE blocks SET data = ?2 WHERE number = ?1", &q, &f), ERR_OK);
    for (size_t i = 0, from = 0; i < count; from = ends[i++]) {
        buf_clear(&data);
        assert_int_equal(chain_write(&writer, numbers[i], str_make(raw.ptr + from, ends[i] - from), &data, &chain),
                         ERR_OK);
        bind_number(q, 1, (int64_t)numbers[i]);
        bind_blob(q, 2, buf_str(&data));
        assert_int_equal(statement_run(q, &f), ERR_OK);
    }
    statement_free(q);
    chain_reader_release(&reader);
    chain_writer_release(&writer);
    buf_release(&raw);
    buf_release(&data);
}

/* Whoever has read some of a chain does not go on in it with what it was, for what follows refers to what it is. */
static void a_chain_that_is_written_again_is_read_anew(void **state)
{
    struct store_scene *x = *state;
    struct record r[WRITTEN];
    struct str bodies[WRITTEN];
    uint64_t seed = 3;
    for (int i = 0; i < WRITTEN; i++) {
        r[i] = maker_record(base_us + i);
        bodies[i] = scene_random(&seed, WRITTEN_BYTES);
        maker_add(&x->maker, &r[i], bodies[i], STR("answer"));
        scene_commit(x);
    }
    assert_body(x, &r[1].id, BODY_REQUEST, bodies[1]);
    write_again(x, bodies[0], bodies[2]);
    for (int i = 2; i > 0; i--)
        assert_body(x, &r[i].id, BODY_REQUEST, bodies[i]);
    for (int i = 0; i < WRITTEN; i++)
        free((char *)bodies[i].ptr);
}

int main(void)
{
    log_setup(LOG_WARN, LOG_TEXT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_block_is_gone_on_with, scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(a_chain_is_gone_on_with, scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(a_chain_that_is_written_again_is_read_anew, scene_setup, scene_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

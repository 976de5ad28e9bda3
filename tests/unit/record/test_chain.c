/*
 * test_chain.c — blocks come back as they were, cost little beside their like, and damage shows.
 */
#include "check.h"

#include "record/chain.h"

enum { BLOCKS = 150, TEXT = 3000 };

/* Text that no compressor can shorten much, the same for the same seed. */
static void noise(char *out, size_t len, uint32_t seed)
{
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525u + 1013904223u;
        out[i] = (char)(seed >> 24);
    }
}

struct stored {
    struct buf data;
    size_t raw_len;
    uint64_t chain;
};

static void blocks_come_back(void **state)
{
    (void)state;
    static struct stored blocks[BLOCKS];
    static char text[BLOCKS][TEXT];
    struct chain_writer w;
    chain_writer_init(&w);
    for (unsigned i = 0; i < BLOCKS; i++) {
        noise(text[i], TEXT, i);
        buf_init(&blocks[i].data, 1 << 20);
        blocks[i].raw_len = TEXT - i;
        assert_int_equal(chain_write(&w, i + 7, str_make(text[i], TEXT - i), &blocks[i].data,
                                     &blocks[i].chain), ERR_OK);
    }
    chain_writer_release(&w);
    struct chain_reader r;
    chain_reader_init(&r);
    struct buf out;
    buf_init(&out, 1 << 20);
    int chains = 0;
    for (unsigned i = 0; i < BLOCKS; i++) {
        if (blocks[i].chain == i + 7) {
            chain_reader_begin(&r);
            chains++;
        }
        buf_clear(&out);
        assert_int_equal(chain_read(&r, buf_str(&blocks[i].data), blocks[i].raw_len, &out), ERR_OK);
        assert_memory_equal(out.ptr, text[i], blocks[i].raw_len);
    }
    assert_int_equal(chains, (BLOCKS + CHAIN_BLOCKS_MAX - 1) / CHAIN_BLOCKS_MAX);
    for (unsigned i = 0; i < BLOCKS; i++)
        buf_release(&blocks[i].data);
    buf_release(&out);
    chain_reader_release(&r);
}

static void a_repeated_block_costs_little(void **state)
{
    (void)state;
    static char text[TEXT];
    noise(text, TEXT, 5);
    struct chain_writer w;
    chain_writer_init(&w);
    struct buf first, second;
    buf_init(&first, 1 << 20);
    buf_init(&second, 1 << 20);
    uint64_t chain;
    assert_int_equal(chain_write(&w, 1, str_make(text, TEXT), &first, &chain), ERR_OK);
    assert_int_equal(chain_write(&w, 2, str_make(text, TEXT), &second, &chain), ERR_OK);
    assert_true(first.len > TEXT / 2);
    assert_true(second.len < 64);
    assert_int_equal(chain, 1);
    /* a gap in the numbers begins anew */
    assert_int_equal(chain_write(&w, 9, str_make(text, TEXT), &second, &chain), ERR_OK);
    assert_int_equal(chain, 9);
    chain_writer_release(&w);
    buf_release(&first);
    buf_release(&second);
}

/* Blocks come back whatever their sizes; a chain is begun anew where haste begins or ends. */
static void large_and_small_blocks_mix(void **state)
{
    (void)state;
    enum { LARGE = 200 << 10, MEDIUM = 40 << 10, SMALL = 900 };
    static const struct {
        size_t len;
        uint64_t chain;
    } steps[] = {{SMALL, 1}, {MEDIUM, 1}, {LARGE, 3}, {MEDIUM, 3}, {SMALL, 5}, {LARGE, 6}};
    static char text[LARGE];
    noise(text, LARGE, 8);
    struct chain_writer w;
    struct chain_reader r;
    struct buf data, out;
    chain_writer_init(&w);
    chain_reader_init(&r);
    buf_init(&data, 1 << 20);
    buf_init(&out, 1 << 20);
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        uint64_t chain;
        buf_clear(&data);
        buf_clear(&out);
        assert_int_equal(chain_write(&w, i + 1, str_make(text, steps[i].len), &data, &chain),
                         ERR_OK);
        assert_int_equal(chain, steps[i].chain);
        if (chain == i + 1)
            chain_reader_begin(&r);
        assert_int_equal(chain_read(&r, buf_str(&data), steps[i].len, &out), ERR_OK);
        assert_memory_equal(out.ptr, text, steps[i].len);
    }
    chain_writer_release(&w);
    chain_reader_release(&r);
    buf_release(&data);
    buf_release(&out);
}

static void damage_is_noticed(void **state)
{
    (void)state;
    static char text[TEXT];
    noise(text, TEXT, 6);
    struct chain_writer w;
    chain_writer_init(&w);
    struct buf data, out;
    buf_init(&data, 1 << 20);
    buf_init(&out, 1 << 20);
    uint64_t chain;
    assert_int_equal(chain_write(&w, 1, str_make(text, TEXT), &data, &chain), ERR_OK);
    struct chain_reader r;
    chain_reader_init(&r);
    size_t wrong_lengths[] = {0, TEXT - 1, TEXT + 1, BLOCK_RAW_MAX + 1};
    for (size_t i = 0; i < COUNT_OF(wrong_lengths); i++) {
        chain_reader_begin(&r);
        assert_int_equal(chain_read(&r, buf_str(&data), wrong_lengths[i], &out), ERR_CORRUPT);
    }
    for (size_t cut = 0; cut < data.len - 1; cut += 97) {
        chain_reader_begin(&r);
        assert_int_equal(chain_read(&r, str_make(data.ptr, cut), TEXT, &out), ERR_CORRUPT);
    }
    chain_reader_release(&r);
    chain_writer_release(&w);
    buf_release(&data);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_come_back),
        cmocka_unit_test(a_repeated_block_costs_little),
        cmocka_unit_test(large_and_small_blocks_mix),
        cmocka_unit_test(damage_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

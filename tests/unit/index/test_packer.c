/*
 * test_packer.c — what is put into blocks stands where it is said to; small batches go on with a block.
 */
#include "check.h"

#include <stdlib.h>

#include "base/mem.h"
#include "index/packer.h"

enum { BLOCKS = 64, PUTS = 400 };

static const uint8_t secret[192] = {1, 2, 3};

/* A store of nothing but blocks. */
struct shelf {
    struct {
        uint64_t chain;
        size_t raw_len, stored;
        char *data;
    } blocks[BLOCKS];
    uint64_t next;
    struct packer packer;
    struct put {
        struct piece_at at;
        char *bytes;
    } puts[PUTS];
    size_t put_count;
};

static uint64_t next_block(void *owner)
{
    return ((struct shelf *)owner)->next;
}

static int setup(void **state)
{
    static struct index_store port;
    struct shelf *s = MEM_NEW(struct shelf);
    s->next = 1;
    port = (struct index_store){.owner = s, .secret = str_make((const char *)secret, sizeof secret),
                                .next_block = next_block};
    packer_init(&s->packer, &port);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct shelf *s = *state;
    packer_release(&s->packer);
    for (size_t i = 0; i < BLOCKS; i++)
        free(s->blocks[i].data);
    for (size_t i = 0; i < s->put_count; i++)
        free(s->puts[i].bytes);
    free(s);
    return 0;
}

/* Bytes that no compressor makes much shorter. */
static void put(struct shelf *s, size_t len)
{
    struct put *p = &s->puts[s->put_count];
    uint32_t seed = (uint32_t)s->put_count++ + 1;
    p->bytes = mem_alloc(len);
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525u + 1013904223u;
        p->bytes[i] = (char)(seed >> 24);
    }
    p->at = packer_put(&s->packer, str_make(p->bytes, len));
}

static void commit(struct shelf *s)
{
    struct batch *b = packer_seal(&s->packer);
    for (size_t i = 0; i < b->block_count; i++) {
        const struct batch_block *from = &b->blocks[i];
        assert_in_range(from->number, 1, BLOCKS - 1);
        assert_int_equal(from->known_len, s->blocks[from->number].stored);
        assert_true(from->raw_len > s->blocks[from->number].raw_len);
        free(s->blocks[from->number].data);
        s->blocks[from->number].data = mem_dup(from->data.ptr, from->data.len);
        s->blocks[from->number].stored = from->data.len;
        s->blocks[from->number].raw_len = from->raw_len;
        s->blocks[from->number].chain = from->chain;
        s->next = MAX_OF(s->next, from->number + 1);
    }
    packer_clear(&s->packer);
    packer_number(&s->packer);
}

/* Decodes all chains and compares. */
static void check_all(struct shelf *s)
{
    struct chain_reader r;
    struct buf raw;
    chain_reader_init(&r);
    buf_init(&raw, CHAIN_RAW_MAX + BLOCK_RAW_MAX);
    for (uint64_t number = 1; number < s->next; number++) {
        if (!s->blocks[number].data)
            continue;
        if (s->blocks[number].chain == number)
            chain_reader_begin(&r);
        buf_clear(&raw);
        assert_int_equal(chain_read(&r, str_make(s->blocks[number].data, s->blocks[number].stored),
                                    s->blocks[number].raw_len, &raw), ERR_OK);
        for (size_t i = 0; i < s->put_count; i++) {
            const struct put *p = &s->puts[i];
            if (p->at.block != number)
                continue;
            assert_true(p->at.offset + p->at.len <= raw.len);
            assert_memory_equal(raw.ptr + p->at.offset, p->bytes, p->at.len);
        }
    }
    buf_release(&raw);
    chain_reader_release(&r);
}

static void small_batches_share_a_block(void **state)
{
    struct shelf *s = *state;
    for (int i = 0; i < 100; i++) {
        put(s, 600);
        put(s, 400);
        commit(s);
    }
    assert_in_range(s->next, 6, 9); /* 100 KB by 16 and a little */
    assert_int_equal(s->puts[10].at.block, 1);
    check_all(s);
}

static void large_ones_have_their_own(void **state)
{
    struct shelf *s = *state;
    for (int i = 0; i < 12; i++) {
        put(s, 300);
        commit(s);
        put(s, i % 3 ? 80000 : 400000);
        put(s, 500);
        if (i % 2)
            commit(s);
    }
    commit(s);
    check_all(s);
    for (uint64_t number = 1; number < s->next; number++)
        assert_true(s->blocks[number].raw_len <= BLOCK_RAW_MAX);
}

/* What comes afterwards must not stand in a block, or a chain, that may be written again. */
static void not_past_a_fence(void **state)
{
    struct shelf *s = *state;
    put(s, 700);
    commit(s);
    put(s, 700);
    uint64_t fence = packer_fence(&s->packer);
    put(s, 700);
    commit(s);
    assert_int_equal(s->puts[1].at.block, 1);
    assert_true(fence > s->puts[1].at.block);
    assert_true(s->puts[2].at.block >= fence);
    assert_int_equal(s->blocks[s->puts[2].at.block].chain, s->puts[2].at.block);
    check_all(s);
}

static void not_after_a_rest(void **state)
{
    struct shelf *s = *state;
    put(s, 700);
    commit(s);
    put(s, 700);
    packer_rest(&s->packer);
    put(s, 700);
    commit(s);
    packer_rest(&s->packer);
    put(s, 700);
    commit(s);
    assert_true(s->puts[3].at.block > s->puts[2].at.block);
    check_all(s);
}

/* The store gives out other numbers: another has taken those in between. */
static void numbers_may_move(void **state)
{
    struct shelf *s = *state;
    put(s, 700);
    commit(s);
    s->next = 20;
    packer_number(&s->packer);
    put(s, 700);
    commit(s);
    assert_int_equal(s->puts[1].at.block, 20);
    assert_int_equal(s->blocks[20].chain, 20);
    check_all(s);
}

/* A batch that was refused is committed later, with more. */
static void what_was_refused_comes_again(void **state)
{
    struct shelf *s = *state;
    put(s, 700);
    commit(s);
    for (int i = 0; i < 30; i++) {
        put(s, 700);
        packer_seal(&s->packer);
    }
    commit(s);
    check_all(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(small_batches_share_a_block, setup, teardown),
        cmocka_unit_test_setup_teardown(large_ones_have_their_own, setup, teardown),
        cmocka_unit_test_setup_teardown(not_past_a_fence, setup, teardown),
        cmocka_unit_test_setup_teardown(not_after_a_rest, setup, teardown),
        cmocka_unit_test_setup_teardown(numbers_may_move, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_refused_comes_again, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

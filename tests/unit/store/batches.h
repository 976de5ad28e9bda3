/*
 * batches.h — makes small batches for the store's tests, the way the indexer does.
 */
#ifndef TESTS_STORE_BATCHES_H
#define TESTS_STORE_BATCHES_H

#include "base/mem.h"
#include "record/chain.h"
#include "record/detail.h"
#include "store/store.h"

enum { MAKER_ROWS = 64 };

struct batch_maker {
    struct chain_writer chain;
    struct buf raw, data;
    uint64_t block;
    size_t sealed_bytes, known_len; /* of that block, in batches before */
    struct batch_block blocks[1];
    struct batch_row rows[MAKER_ROWS];
    struct batch_piece pieces[MAKER_ROWS];
    struct batch batch;
};

static inline void maker_init(struct batch_maker *m, struct store *s)
{
    memset(m, 0, sizeof *m);
    chain_writer_init(&m->chain);
    buf_init(&m->raw, BLOCK_RAW_MAX);
    buf_init(&m->data, BLOCK_RAW_MAX * 2);
    m->block = store_next_block(s);
}

static inline void maker_release(struct batch_maker *m)
{
    chain_writer_release(&m->chain);
    buf_release(&m->raw);
    buf_release(&m->data);
}

static inline struct piece_at maker_put(struct batch_maker *m, struct str bytes)
{
    struct piece_at at = {m->block, (uint32_t)(m->sealed_bytes + m->raw.len), (uint32_t)bytes.len};
    assert_int_equal(buf_append(&m->raw, bytes), ERR_OK);
    return at;
}

/* A request that a test then makes its own. */
static inline struct record maker_record(int64_t started_us)
{
    struct record r;
    record_init(&r);
    r.id = uuid_new();
    memcpy(r.id.bytes, uuid_floor(started_us).bytes, 6); /* an id tells when it began */
    r.state = ENDING_COMPLETE;
    r.status = 200;
    r.method = STR("POST");
    r.path = STR("/v1/messages");
    r.provider = STR("anthropic");
    r.model = STR("claude-opus-5");
    r.started_us = started_us;
    r.duration_us = 5000;
    return r;
}

static inline void maker_add(struct batch_maker *m, const struct record *r, struct str request,
                             struct str response)
{
    static struct chunk_mark mark = {7, 9};
    struct detail d = {.facts = {.request_head = STR("POST /v1/messages HTTP/1.1\r\n"),
                                 .response_head = STR("HTTP/1.1 200 OK\r\n"),
                                 .upstream_addr = STR("127.0.0.1:9"),
                                 .timeline = &mark,
                                 .timeline_len = 1}};
    struct recipe whole;
    struct buf bytes;
    recipe_init(&whole);
    buf_init(&bytes, BLOCK_RAW_MAX);
    assert_int_equal(recipe_add(&whole, maker_put(m, request)), ERR_OK);
    assert_int_equal(recipe_write(&bytes, m->block, &whole), ERR_OK);
    d.request = maker_put(m, buf_str(&bytes));
    assert_int_equal(recipe_add(&d.response, maker_put(m, response)), ERR_OK);
    body_hash(request, d.facts.request_hash);
    body_hash(response, d.facts.response_hash);
    buf_clear(&bytes);
    assert_int_equal(detail_write(&bytes, m->block, &d), ERR_OK);
    assert_true(m->batch.row_count < MAKER_ROWS);
    struct batch_row *row = &m->rows[m->batch.row_count++];
    *row = (struct batch_row){*r, maker_put(m, buf_str(&bytes))};
    row->record.request_bytes = (int64_t)request.len;
    row->record.response_bytes = (int64_t)response.len;
    recipe_release(&whole);
    recipe_release(&d.response);
    buf_release(&bytes);
}

/* Compresses what was added; maker_next() begins the next batch. */
static inline struct batch *maker_batch(struct batch_maker *m)
{
    struct batch_block *b = &m->blocks[0];
    *b = (struct batch_block){.number = m->block, .raw_len = m->sealed_bytes + m->raw.len,
                              .known_len = m->known_len};
    assert_int_equal(chain_write(&m->chain, m->block, buf_str(&m->raw), &m->data, &b->chain),
                     ERR_OK);
    b->data = buf_str(&m->data);
    m->batch.blocks = m->blocks;
    m->batch.block_count = 1;
    m->batch.rows = m->rows;
    m->batch.pieces = m->pieces;
    return &m->batch;
}

static inline void maker_next(struct batch_maker *m)
{
    m->block++;
    m->sealed_bytes = m->known_len = 0;
    m->batch.row_count = m->batch.piece_count = 0;
    buf_clear(&m->raw);
    buf_clear(&m->data);
}

/* The next batch goes on with the block. */
static inline void maker_go_on(struct batch_maker *m)
{
    m->sealed_bytes += m->raw.len;
    m->known_len = m->data.len;
    m->batch.row_count = m->batch.piece_count = 0;
    buf_clear(&m->raw);
}

#endif

/*
 * indexer_read.c — what other threads ask about exchanges that are not in the store yet.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "index/indexer_private.h"

enum { TIMELINE_SHOWN_MAX = 1 << 16 };

/* An exchange is shown as running until the store has it, so that whoever sees it complete finds
 * it in sums and sessions too; unless the store takes nothing at present. */
static struct record shown(struct indexer *x, const struct gathered *e)
{
    struct record r = e->record;
    if (!e->is_ended || !atomic_load(&x->is_refused)) {
        r.state = ENDING_RUNNING;
        r.duration_us = UNKNOWN;
    }
    return r;
}

void indexer_each_running(struct indexer *x, indexer_running_fn *fn, void *owner)
{
    uv_mutex_lock(&x->mutex);
    for (struct gathered *e = x->taker.exchanges.newest; e; e = e->older) {
        struct record r = shown(x, e);
        if (!e->is_stored)
            fn(&r, owner);
    }
    uv_mutex_unlock(&x->mutex);
}

void indexer_count(struct indexer *x, struct indexer_counters *out)
{
    uv_mutex_lock(&x->mutex);
    *out = x->taker.counters;
    out->running = x->taker.exchanges.running;
    out->lag_bytes = x->unread_bytes + x->taker.pending_bytes;
    uv_mutex_unlock(&x->mutex);
}

static struct gathered *find(struct indexer *x, const struct uuid *id)
{
    struct gathered *e = gathering_find(&x->taker.exchanges, id);
    return e && !e->is_stored ? e : NULL;
}

/* Where bytes are, copied so that files can be read without the mutex. */
struct places {
    struct chunk_list list;
    uint64_t *numbers; /* of the exchange's segments */
};

static struct places copy_places(const struct gathered *e, const struct chunk_list *list)
{
    struct places p = {.list = *list};
    p.list.packed.ptr = list->packed.len ? mem_dup(list->packed.ptr, list->packed.len) : NULL;
    p.numbers = mem_zeroed((e->segment_count + 1) * sizeof *p.numbers);
    for (uint32_t i = 0; i < e->segment_count; i++)
        p.numbers[i] = e->segments[i]->number;
    return p;
}

static void free_places(struct places *p)
{
    free(p->list.packed.ptr);
    free(p->numbers);
}

static enum err load(struct indexer *x, const struct places *p, const struct chunk *c,
                     struct buf *out)
{
    return segment_load_file(x->path, p->numbers[c->segment], c->offset, c->len, out);
}

enum err indexer_running_body(struct indexer *x, const struct uuid *id, bool is_response,
                              struct buf *out)
{
    uv_mutex_lock(&x->mutex);
    struct gathered *e = find(x, id);
    struct places p = {0};
    if (e)
        p = copy_places(e, is_response ? &e->response : &e->request);
    uv_mutex_unlock(&x->mutex);
    if (!e)
        return ERR_NOT_FOUND;
    struct chunk_reader r = chunk_list_read(&p.list);
    size_t before = out->len;
    enum err err = ERR_OK;
    while (!err && chunk_next(&r))
        err = load(x, &p, &r.chunk, out);
    if (err)
        out->len = before;
    free_places(&p);
    return err;
}

static void copy_timeline(const struct chunk_list *list, struct arena *arena,
                          struct record_detail *d)
{
    size_t count = (size_t)MIN_OF(list->count, (uint64_t)TIMELINE_SHOWN_MAX);
    d->timeline = arena_zeroed(arena, (count + 1) * sizeof *d->timeline);
    struct chunk_reader r = chunk_list_read(list);
    while (d->timeline_len < count && chunk_next(&r))
        d->timeline[d->timeline_len++] = (struct chunk_mark){r.chunk.at_us, r.chunk.len};
}

/* False where a segment has gone: only an exchange that is in the store loses any. */
static bool copy_heads(struct indexer *x, const struct places *p, const struct chunk *begin,
                       const struct chunk *answer, struct arena *arena, struct record_detail *d)
{
    struct frame_begin b;
    struct frame_resp_head h;
    struct buf bytes;
    enum err begin_err = ERR_OK, answer_err = ERR_OK;
    buf_init(&bytes, FRAME_PAYLOAD_MAX);
    if (begin->len)
        begin_err = load(x, p, begin, &bytes);
    if (bytes.len && !begin_err && frame_begin_read(buf_str(&bytes), &b) == ERR_OK)
        d->request_head = arena_str(arena, b.head);
    buf_clear(&bytes);
    if (answer->len)
        answer_err = load(x, p, answer, &bytes);
    if (bytes.len && !answer_err && frame_resp_head_read(buf_str(&bytes), &h) == ERR_OK) {
        d->response_head = arena_str(arena, h.head);
        d->upstream_addr = arena_str(arena, h.upstream_addr);
        d->sent_us = (int64_t)h.sent_us;
    }
    buf_release(&bytes);
    return begin_err != ERR_NOT_FOUND && answer_err != ERR_NOT_FOUND;
}

enum err indexer_running_get(struct indexer *x, const struct uuid *id, struct arena *arena,
                             struct record *row, struct record_detail *detail, bool *is_stored_soon)
{
    struct places p = {0};
    struct chunk begin = {0}, answer = {0};
    uv_mutex_lock(&x->mutex);
    struct gathered *e = find(x, id);
    if (e) {
        *row = shown(x, e);
        *is_stored_soon = e->is_ended && row->state == ENDING_RUNNING;
        record_keep(row, arena);
    }
    if (e && detail) {
        *detail = (struct record_detail){0};
        p = copy_places(e, &e->response);
        begin = e->begin;
        answer = e->response_head;
        if (e->is_packed)
            memcpy(detail->request_hash, e->request_hash, sizeof e->request_hash);
    }
    uv_mutex_unlock(&x->mutex);
    if (!e)
        return ERR_NOT_FOUND;
    if (detail) {
        copy_timeline(&p.list, arena, detail);
        *is_stored_soon |= !copy_heads(x, &p, &begin, &answer, arena, detail);
        free_places(&p);
    }
    return ERR_OK;
}

uint64_t indexer_oldest_block(struct indexer *x)
{
    uint64_t oldest = UINT64_MAX;
    uv_mutex_lock(&x->mutex);
    for (const struct gathered *e = x->taker.exchanges.oldest; e; e = e->newer)
        if (e->is_packed)
            oldest = MIN_OF(oldest, e->oldest_block);
    uv_mutex_unlock(&x->mutex);
    return oldest;
}

void indexer_ask_fence(struct indexer *x)
{
    atomic_store(&x->fence, 0);
    atomic_store(&x->is_fence_asked, true);
    indexer_ring(x);
}

uint64_t indexer_fence(struct indexer *x)
{
    return atomic_load(&x->fence);
}

/*
 * loop.c — one event loop: turns, what is held until a turn's end, and calls from other threads.
 *
 * Sockets are in conn.c; what is held and flushed is decided by others.
 */
#include "io/loop.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(ptr, bytes) ((void)(ptr), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(ptr, bytes) ((void)(ptr), (void)(bytes))
#endif

enum {
    BLOCK_BYTES = 256 * 1024,
    SPARE_MAX = LOOP_TURN_READ_MAX / BLOCK_BYTES
};

/* The turn's memory: the first block stays. What further turns are likely to need again is spared: else
 * what lives longer would be allocated between them, and they could not be given back. */
struct block {
    struct block *older;
    size_t used, size;
    _Alignas(16) char bytes[];
};

struct given {
    struct given *next;
    void *ptr;
};

struct posted {
    struct posted *next;
    void (*fn)(void *owner);
    void *owner;
};

struct loop {
    uv_loop_t uv;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_async_t wake;
    uv_timer_t second;
    struct block *block;
    struct block *spare;
    int spare_count;
    bool has_spared; /* since the last second */
    struct given *given; /* in the turn's memory */
    size_t turn_read_bytes;
    uint64_t turn;
    uint64_t now_ns;
    struct loop_held *held, **held_tail;
    void (*flush)(void *owner);
    void *flush_owner;
    struct loop_sweep sweeps; /* ring; itself is no sweep */
    struct loop_sweep *next_sweep;
    uv_mutex_t mutex; /* guards the next two */
    struct posted *posted, **posted_tail;
};

/* Who uses turn memory behind its turn is caught by AddressSanitizer, though the block is not freed. */
static void give_up_all(struct block *b)
{
    ASAN_POISON_MEMORY_REGION(b->bytes, b->size);
    b->used = 0;
}

static void give_up_from(struct block *b, size_t used)
{
    ASAN_POISON_MEMORY_REGION(b->bytes + used, b->used - used);
    b->used = used;
}

static void add_block(struct loop *l, size_t size)
{
    struct block *b = size == BLOCK_BYTES ? l->spare : NULL;
    if (b) {
        l->spare = b->older;
        l->spare_count--;
    } else {
        b = mem_alloc(sizeof *b + size);
    }
    *b = (struct block){.older = l->block, .size = size};
    give_up_all(b);
    l->block = b;
}

static void drop_block(struct loop *l)
{
    struct block *b = l->block;
    l->block = b->older;
    if (b->size != BLOCK_BYTES || l->spare_count == SPARE_MAX) {
        free(b);
        return;
    }
    give_up_all(b);
    b->older = l->spare;
    l->spare = b;
    l->spare_count++;
    l->has_spared = true;
}

static void free_spare(struct loop *l)
{
    while (l->spare) {
        struct block *b = l->spare;
        l->spare = b->older;
        free(b);
    }
    l->spare_count = 0;
}

static void reset_turn_memory(struct loop *l)
{
    for (; l->given; l->given = l->given->next)
        free(l->given->ptr);
    while (l->block->older)
        drop_block(l);
    give_up_all(l->block);
    l->turn_read_bytes = 0;
    l->turn++;
    l->now_ns = 0; /* not read in this turn yet */
}

/* A send may fail and so give new things to remember: they are written before the next goes out.
 * A flush with nothing to write costs nothing. */
static void end_turn(struct loop *l)
{
    if (l->flush)
        l->flush(l->flush_owner);
    while (l->held) {
        struct loop_held *h = l->held;
        l->held = h->next;
        if (!l->held)
            l->held_tail = &l->held;
        h->is_held = false;
        h->next = NULL;
        h->fn(h);
        if (l->flush)
            l->flush(l->flush_owner);
    }
    reset_turn_memory(l);
}

static void on_prepare(uv_prepare_t *handle)
{
    end_turn(handle->data);
}

static void on_check(uv_check_t *handle)
{
    end_turn(handle->data);
}

static void on_second(uv_timer_t *handle)
{
    struct loop *l = handle->data;
    uint64_t now_ns = clock_mono_ns();
    if (!l->has_spared)
        free_spare(l);
    l->has_spared = false;
    struct loop_sweep *s = l->sweeps.next;
    while (s != &l->sweeps) {
        l->next_sweep = s->next; /* loop_sweep_remove() moves it on when it must */
        s->fn(s, now_ns);
        s = l->next_sweep;
    }
    l->next_sweep = NULL;
}

static void on_wake(uv_async_t *handle)
{
    struct loop *l = handle->data;
    uv_mutex_lock(&l->mutex);
    struct posted *p = l->posted;
    l->posted = NULL;
    l->posted_tail = &l->posted;
    uv_mutex_unlock(&l->mutex);
    while (p) {
        struct posted *next = p->next;
        p->fn(p->owner);
        free(p);
        p = next;
    }
}

struct loop *loop_new(void)
{
    struct loop *l = MEM_NEW(struct loop);
    int err = uv_loop_init(&l->uv);
    assert(err == 0);
    err = uv_mutex_init(&l->mutex);
    assert(err == 0);
    (void)err;
    add_block(l, BLOCK_BYTES);
    l->held_tail = &l->held;
    l->posted_tail = &l->posted;
    l->sweeps.next = l->sweeps.prev = &l->sweeps;
    uv_prepare_init(&l->uv, &l->prepare);
    uv_check_init(&l->uv, &l->check);
    uv_async_init(&l->uv, &l->wake, on_wake);
    uv_timer_init(&l->uv, &l->second);
    l->prepare.data = l->check.data = l->wake.data = l->second.data = l;
    uv_prepare_start(&l->prepare, on_prepare);
    uv_check_start(&l->check, on_check);
    uv_timer_start(&l->second, on_second, 1000, 1000);
    return l;
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    uv_close((uv_handle_t *)&l->prepare, NULL);
    uv_close((uv_handle_t *)&l->check, NULL);
    uv_close((uv_handle_t *)&l->wake, NULL);
    uv_close((uv_handle_t *)&l->second, NULL);
    uv_run(&l->uv, UV_RUN_DEFAULT);
    reset_turn_memory(l);
    int err = uv_loop_close(&l->uv);
    assert(err == 0);
    (void)err;
    assert(!l->block->older);
    free(l->block);
    free_spare(l);
    while (l->posted) { /* too late to run */
        struct posted *next = l->posted->next;
        free(l->posted);
        l->posted = next;
    }
    uv_mutex_destroy(&l->mutex);
    free(l);
}

uv_loop_t *loop_uv(struct loop *l)
{
    return &l->uv;
}

void loop_run(struct loop *l)
{
    uv_run(&l->uv, UV_RUN_DEFAULT);
    end_turn(l);
}

void loop_stop(struct loop *l)
{
    uv_stop(&l->uv);
}

void loop_post(struct loop *l, void (*fn)(void *owner), void *owner)
{
    struct posted *p = MEM_NEW(struct posted);
    p->fn = fn;
    p->owner = owner;
    uv_mutex_lock(&l->mutex);
    *l->posted_tail = p;
    l->posted_tail = &p->next;
    uv_mutex_unlock(&l->mutex);
    uv_async_send(&l->wake);
}

struct job {
    uv_work_t req;
    void (*work)(void *owner);
    void (*done)(void *owner);
    void *owner;
};

static void on_work(uv_work_t *req)
{
    struct job *job = OWNER_OF(req, struct job, req);
    job->work(job->owner);
}

static void on_work_done(uv_work_t *req, int status)
{
    (void)status;
    struct job *job = OWNER_OF(req, struct job, req);
    job->done(job->owner);
    free(job);
}

void loop_work(struct loop *l, void (*work)(void *owner), void (*done)(void *owner), void *owner)
{
    struct job *job = MEM_NEW(struct job);
    job->work = work;
    job->done = done;
    job->owner = owner;
    int err = uv_queue_work(&l->uv, &job->req, on_work, on_work_done);
    assert(err == 0);
    (void)err;
}

void loop_on_flush(struct loop *l, void (*flush)(void *owner), void *owner)
{
    l->flush = flush;
    l->flush_owner = owner;
}

void loop_hold(struct loop *l, struct loop_held *h)
{
    if (h->is_held)
        return;
    h->is_held = true;
    h->next = NULL;
    *l->held_tail = h;
    l->held_tail = &h->next;
}

void loop_unhold(struct loop *l, struct loop_held *h)
{
    if (!h->is_held)
        return;
    struct loop_held **at = &l->held;
    while (*at != h)
        at = &(*at)->next;
    *at = h->next;
    if (l->held_tail == &h->next)
        l->held_tail = at;
    h->is_held = false;
}

static size_t round_up(size_t bytes)
{
    return (bytes + 15) & ~(size_t)15;
}

void *loop_turn_alloc(struct loop *l, size_t bytes)
{
    size_t rounded = round_up(bytes);
    if (l->block->size - l->block->used < rounded)
        add_block(l, MAX_OF(rounded, (size_t)BLOCK_BYTES));
    void *ptr = l->block->bytes + l->block->used;
    ASAN_UNPOISON_MEMORY_REGION(ptr, bytes);
    l->block->used += rounded;
    return ptr;
}

void loop_turn_trim(struct loop *l, void *ptr, size_t bytes, size_t needed)
{
    struct block *b = l->block;
    assert(needed <= bytes && (char *)ptr + round_up(bytes) == b->bytes + b->used);
    give_up_from(b, b->used - round_up(bytes) + round_up(needed));
    (void)ptr;
}

void loop_turn_give(struct loop *l, void *ptr)
{
    if (!ptr)
        return;
    struct given *g = loop_turn_alloc(l, sizeof *g);
    *g = (struct given){l->given, ptr};
    l->given = g;
}

uv_buf_t loop_read_room(struct loop *l)
{
    if (l->turn_read_bytes >= LOOP_TURN_READ_MAX)
        return uv_buf_init(NULL, 0);
    if (l->block->size - l->block->used < LOOP_READ_BYTES)
        add_block(l, BLOCK_BYTES);
    char *room = l->block->bytes + l->block->used;
    ASAN_UNPOISON_MEMORY_REGION(room, LOOP_READ_BYTES);
    return uv_buf_init(room, LOOP_READ_BYTES);
}

void loop_read_used(struct loop *l, size_t bytes)
{
    l->block->used += round_up(bytes);
    l->turn_read_bytes += bytes;
}

uint64_t loop_now_ns(const struct loop *l)
{
    return l->now_ns ? l->now_ns : clock_mono_ns();
}

void loop_set_now(struct loop *l)
{
    l->now_ns = clock_mono_ns();
}

uint64_t loop_turn(const struct loop *l)
{
    return l->turn;
}

void loop_sweep_add(struct loop *l, struct loop_sweep *s)
{
    s->prev = l->sweeps.prev;
    s->next = &l->sweeps;
    s->prev->next = s;
    l->sweeps.prev = s;
}

void loop_sweep_remove(struct loop *l, struct loop_sweep *s)
{
    if (!s->next)
        return;
    if (l->next_sweep == s)
        l->next_sweep = s->next;
    s->prev->next = s->next;
    s->next->prev = s->prev;
    s->next = s->prev = NULL;
}

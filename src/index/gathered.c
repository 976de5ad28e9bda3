/*
 * gathered.c — exchanges that are under way in the journal.
 */
#include "index/gathered.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/wire.h"

enum { SLOTS_MIN = 64 };

enum { CHUNK_BYTES_MAX = 5 * 10 }; /* varints */

/* A chunk is: distance from the end of the one before * 2 + 1 if in another segment (then that
 * segment and the whole offset follow), length, microseconds since the one before. */
static enum err pack(struct chunk_list *l, const struct chunk *c)
{
    bool moved = !l->count || c->segment != l->segment || c->offset < l->end;
    enum err err = buf_reserve(&l->packed, CHUNK_BYTES_MAX);
    if (err)
        return err;
    char *at = l->packed.ptr + l->packed.len;
    at = wire_write_varint(at, moved ? 1 : (c->offset - l->end) << 1);
    if (moved) {
        at = wire_write_varint(at, c->segment);
        at = wire_write_varint(at, c->offset);
    }
    at = wire_write_varint(at, c->len);
    at = wire_write_varint(at, wire_zigzag(c->at_us - l->last_us));
    l->packed.len = (size_t)(at - l->packed.ptr);
    return ERR_OK;
}

void chunk_list_add(struct chunk_list *l, const struct chunk *c)
{
    if (!l->packed.ceiling)
        buf_init(&l->packed, CHUNK_LIST_BYTES_MAX);
    if (l->is_cut || pack(l, c)) {
        l->is_cut = true;
        return;
    }
    l->count++;
    l->total_bytes += c->len;
    l->segment = c->segment;
    l->end = c->offset + c->len;
    l->last_us = c->at_us;
}

struct chunk_reader chunk_list_read(const struct chunk_list *l)
{
    return (struct chunk_reader){.rest = buf_str(&l->packed)};
}

bool chunk_next(struct chunk_reader *r)
{
    if (!r->rest.len)
        return false;
    struct wire_reader in = {r->rest, false};
    struct chunk *c = &r->chunk;
    uint64_t head = wire_get_varint(&in);
    if (head & 1) {
        c->segment = (uint32_t)wire_get_varint(&in);
        c->offset = wire_get_varint(&in);
    } else {
        c->offset += c->len + (head >> 1);
    }
    c->len = (uint32_t)wire_get_varint(&in);
    c->at_us += wire_unzigzag(wire_get_varint(&in));
    assert(!in.bad);
    r->rest = in.rest;
    return true;
}

/* --- the table --- */

void gathering_init(struct gathering *x)
{
    *x = (struct gathering){.slot_count = SLOTS_MIN};
    x->slots = mem_zeroed(SLOTS_MIN * sizeof *x->slots);
}

void gathering_release(struct gathering *x)
{
    while (x->newest)
        gathering_remove(x, x->newest);
    free(x->slots);
}

static struct gathered **slot_of(const struct gathering *x, const struct uuid *id)
{
    uint64_t random; /* an id's second half is */
    memcpy(&random, id->bytes + 8, sizeof random);
    return &x->slots[(random * 0x9e3779b97f4a7c15u >> 32) & (x->slot_count - 1)];
}

struct gathered *gathering_find(const struct gathering *x, const struct uuid *id)
{
    struct gathered *e = *slot_of(x, id);
    while (e && !uuid_equal(&e->record.id, id))
        e = e->hash_next;
    return e;
}

static void insert(struct gathering *x, struct gathered *e)
{
    struct gathered **slot = slot_of(x, &e->record.id);
    e->hash_next = *slot;
    *slot = e;
}

static void grow(struct gathering *x)
{
    free(x->slots);
    x->slot_count *= 2;
    x->slots = mem_zeroed(x->slot_count * sizeof *x->slots);
    for (struct gathered *e = x->newest; e; e = e->older)
        insert(x, e);
}

struct gathered *gathering_add(struct gathering *x, const struct uuid *id)
{
    if (x->count >= x->slot_count)
        grow(x);
    struct gathered *e = MEM_NEW(struct gathered);
    record_init(&e->record);
    e->record.id = *id;
    e->older = x->newest;
    if (x->newest)
        x->newest->newer = e;
    else
        x->oldest = e;
    x->newest = e;
    x->count++;
    x->running++;
    insert(x, e);
    return e;
}

void gathered_end(struct gathering *x, struct gathered *e)
{
    if (e->is_ended)
        return;
    e->is_ended = true;
    x->running--;
}

static void unlink_exchange(struct gathering *x, struct gathered *e)
{
    struct gathered **slot = slot_of(x, &e->record.id);
    while (*slot != e)
        slot = &(*slot)->hash_next;
    *slot = e->hash_next;
    *(e->older ? &e->older->newer : &x->oldest) = e->newer;
    *(e->newer ? &e->newer->older : &x->newest) = e->older;
}

void gathering_remove(struct gathering *x, struct gathered *e)
{
    gathered_end(x, e);
    unlink_exchange(x, e);
    x->fed = x->fed == e ? NULL : x->fed;
    x->count--;
    for (uint32_t i = 0; i < e->segment_count; i++)
        e->segments[i]->users--;
    buf_release(&e->request.packed);
    buf_release(&e->response.packed);
    recipe_release(&e->fresh);
    free(e->segments);
    free(e->strings.block);
    free(e);
}

uint32_t gathered_segment(struct gathered *e, struct segment *g)
{
    if (e->newest_segment == g)
        return e->segment_count - 1;
    for (uint32_t i = e->segment_count; i-- > 0;)
        if (e->segments[i] == g)
            return i;
    e->segments = mem_resize(e->segments, (e->segment_count + 1) * sizeof(struct segment *));
    e->segments[e->segment_count] = e->newest_segment = g;
    g->users++;
    return e->segment_count++;
}

void gathered_keep(struct gathered *e)
{
    record_keep_packed(&e->record, &e->strings);
}

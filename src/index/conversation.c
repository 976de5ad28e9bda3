/*
 * conversation.c — a request's body becomes a recipe.
 */
#include "index/conversation_private.h"

#include <stdlib.h>

#include <xxhash.h>

#include "base/mem.h"

enum {
    SAME_BYTES_MIN = 256 /* less in common is no parent */
};

void conversations_init(struct conversations *c, struct packer *packer)
{
    *c = (struct conversations){.packer = packer};
    arena_init(&c->arena);
    buf_init(&c->excerpt, CONVERSATION_BODY_MAX + 64);
    buf_init(&c->recipe, BLOCK_RAW_MAX);
}

static void forget(struct conversations *c, size_t slot)
{
    struct turn *t = &c->turns[slot];
    buf_release(&t->body);
    json_cuts_release(&t->cuts);
    message_chain_release(&t->chain);
    recipe_release(&t->whole);
    XXH3_freeState(t->mark.state);
    free(t->strings);
    *t = (struct turn){0};
    c->slots[slot] = (struct turn_slot){0};
}

void conversations_forget(struct conversations *c)
{
    for (size_t i = 0; i < CONVERSATIONS_MAX; i++)
        forget(c, i);
    buf_release(&c->excerpt);
    buf_release(&c->recipe);
    recipe_release(&c->whole);
    recipe_release(&c->middle);
    json_cuts_release(&c->cuts);
    json_cuts_release(&c->excerpt_cuts);
    message_chain_release(&c->chain);
    arena_release(&c->arena);
    XXH3_freeState(c->hash_state);
    XXH3_freeState(c->mark.state);
    c->hash_state = NULL;
    c->mark = (struct hash_mark){0};
}

/* --- what is the same --- */

/* A turn that reaches back to blocks nobody may share any more is as good as forgotten: the next
 * one is then stored whole, and reaches back no further than to what is still young. */
static struct match find_match(struct conversations *c, uint64_t key,
                               const struct body_parts *body)
{
    struct match best = {0};
    uint64_t floor = packer_share_floor(c->packer);
    for (size_t i = 0; i < CONVERSATIONS_MAX; i++) {
        struct turn *t = &c->turns[i];
        if (c->slots[i].key != key || !c->slots[i].used_at)
            continue;
        if (t->oldest_block < floor) {
            forget(c, i);
            continue;
        }
        size_t prefix = same_at_start(buf_str(&t->body), body);
        if (!best.parent || prefix > best.prefix)
            best = (struct match){.parent = t, .prefix = prefix};
    }
    if (!best.parent)
        return best;
    struct str before = buf_str(&best.parent->body);
    best.suffix = same_at_end(before, body, MIN_OF(before.len, body->bytes) - best.prefix);
    if (best.prefix + best.suffix < SAME_BYTES_MIN)
        best.parent = NULL;
    best.parent_bytes = before.len;
    return best;
}

/* The parent's bytes become the body's. */
static struct str take_place(const struct match *m, const struct body_parts *body)
{
    struct buf *b = &m->parent->body;
    size_t before = b->len, middle = body->bytes - m->prefix - m->suffix;
    enum err err = buf_reserve(b, body->bytes > before ? body->bytes - before : 0);
    assert(!err); /* as large as any that is remembered */
    memmove(b->ptr + body->bytes - m->suffix, b->ptr + before - m->suffix, m->suffix);
    gaps_close(&m->gaps, b->ptr, m->prefix + gaps_bytes(&m->gaps));
    parts_copy(body, m->prefix, middle, b->ptr + m->prefix);
    b->len = body->bytes;
    return buf_str(b);
}

/* The body in one part. */
static struct str join_parts(const struct body_parts *body, struct buf *room)
{
    if (body->count == 1 && body->list[0].ptr == room->ptr)
        return body->list[0];
    buf_clear(room);
    enum err err = buf_reserve(room, body->bytes);
    assert(!err); /* the caller's has room for any */
    room->len = parts_copy(body, 0, body->bytes, room->ptr);
    return buf_str(room);
}

/* --- what it says --- */

/* What its messages say; those that stand in the parent's bytes were read with it. */
static void chain_body(struct conversations *c, const struct match *m, struct str body,
                       const struct request_facts *facts)
{
    message_chain_build(&c->chain, body, &c->cuts, m->parent ? &m->parent->chain : NULL, m->prefix,
                        c->packer->store->secret);
    if ((int64_t)c->chain.count != facts->message_count)
        c->chain.count = 0; /* there are two such arrays, or too many elements */
}

static size_t last_message(const struct json_cuts *cuts)
{
    for (size_t i = cuts->count; i-- > 0;)
        if (cuts->list[i].kind == CUT_MESSAGE)
            return i;
    return SIZE_MAX;
}

/* How many bytes from the start are the parent's, and have always been. */
static size_t untouched(const struct match *m)
{
    return m->gaps.count ? m->gaps.list[0].at : m->prefix;
}

/* --- the body's hash --- */

static void *new_state(void)
{
    void *state = XXH3_createState();
    assert(state);
    return state;
}

/* How far the next turn may be the same: it is as a rule where this turn began to differ from the
 * one before, for clients mark a message or two at the end and send them otherwise later. */
static size_t place_of_mark(const struct conversations *c, const struct match *m)
{
    size_t last = last_message(&c->cuts);
    return m->parent ? untouched(m) : last == SIZE_MAX ? 0 : c->cuts.list[last].start;
}

/* As body_hash(), but what the parent has hashed already is not hashed again. */
static void hash_body(struct conversations *c, const struct match *m, struct str body,
                      uint8_t out[16])
{
    c->mark.len = 0;
    if (body.len < HASH_MARK_BODY_MIN) {
        body_hash(body, out);
        return;
    }
    if (!c->hash_state)
        c->hash_state = new_state();
    if (!c->mark.state)
        c->mark.state = new_state();
    const struct hash_mark *before = m->parent ? &m->parent->mark : NULL;
    size_t at = 0;
    if (before && before->len && before->len <= untouched(m)) {
        XXH3_copyState(c->hash_state, before->state);
        at = before->len;
    } else {
        XXH3_128bits_reset(c->hash_state);
    }
    size_t mark = MAX_OF(place_of_mark(c, m), at);
    XXH3_128bits_update(c->hash_state, body.ptr + at, mark - at);
    XXH3_copyState(c->mark.state, c->hash_state);
    c->mark.len = mark;
    XXH3_128bits_update(c->hash_state, body.ptr + mark, body.len - mark);
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(c->hash_state));
    memcpy(out, canonical.digest, sizeof canonical.digest);
}

/* --- storing what is new --- */

static bool is_shared(const struct json_cut *cut)
{
    uint32_t min = cut->kind == CUT_MESSAGE ? MESSAGE_BYTES_MIN : PIECE_BYTES_MIN;
    return cut->kind != CUT_REST && cut->len >= min && cut->len <= PIECE_BYTES_MAX;
}

/* Stores [start, end) of the body. The newest message is not shared: clients mark it and send it
 * otherwise the next time; by then it has become an older one. */
static enum err pack_part(struct conversations *c, struct str body, size_t start, size_t end,
                          bool is_new, struct recipe *out)
{
    size_t last = last_message(&c->cuts);
    enum err err = ERR_OK;
    for (size_t i = 0; i < c->cuts.count && !err; i++) {
        const struct json_cut *cut = &c->cuts.list[i];
        size_t from = MAX_OF((size_t)cut->start, start);
        size_t to = MIN_OF((size_t)cut->start + cut->len, end);
        if (from >= to)
            continue;
        struct str bytes = str_make(body.ptr + from, to - from);
        bool is_piece = bytes.len == cut->len && i != last && is_shared(cut);
        err = is_piece ? packer_put_piece(c->packer, bytes, is_new && cut->kind == CUT_MESSAGE, out)
                       : packer_put_body(c->packer, bytes, out);
        start = to;
    }
    return !err && start < end
               ? packer_put_body(c->packer, str_make(body.ptr + start, end - start), out)
               : err;
}

static struct piece_at store_recipe(struct conversations *c, const struct recipe_child *child,
                                    enum err *err)
{
    struct packer *p = c->packer;
    struct piece_at at = {0};
    size_t ranges = child ? child->middle->count : c->whole.count;
    packer_room(p, 64 + ranges * 30);
    buf_clear(&c->recipe);
    *err = child ? recipe_write_child(&c->recipe, p->block, child)
                 : recipe_write(&c->recipe, p->block, &c->whole);
    if (!*err)
        at = packer_put(p, buf_str(&c->recipe));
    return at;
}

/* What a packed body is to the next turn. */
struct packed_body {
    struct piece_at recipe;
    uint64_t root_block;
    uint32_t depth;
};

static uint64_t oldest_block(const struct conversations *c, const struct packed_body *p)
{
    return MIN_OF(p->root_block, recipe_oldest_block(&c->whole));
}

/* A recipe without parents. */
static enum err store_root(struct conversations *c, struct packed_body *out)
{
    enum err err = ERR_OK;
    out->depth = 0;
    out->recipe = store_recipe(c, NULL, &err);
    out->root_block = out->recipe.block;
    return err;
}

/* Where in the parent's body, as it is stored, is what the body has of it. */
static struct recipe_child child_of(const struct match *m)
{
    const struct turn *t = m->parent;
    const struct body_gaps *g = &m->gaps;
    struct recipe_child child = {.parent = t->recipe, .depth = t->depth + 1};
    size_t at = 0, gone = gaps_bytes(g);
    for (size_t i = 0; i < g->count; i++) {
        child.before[child.before_count++] = (struct recipe_span){at, g->list[i].at - at};
        at = g->list[i].at + g->list[i].len;
    }
    child.before[child.before_count++] = (struct recipe_span){at, m->prefix + gone - at};
    child.after = (struct recipe_span){m->parent_bytes + gone - m->suffix, m->suffix};
    return child;
}

static enum err add_span(struct conversations *c, const struct turn *t, const struct recipe_span *s)
{
    return recipe_add_part(&c->whole, &t->whole, s->start, s->len);
}

static enum err pack_child(struct conversations *c, const struct match *m, struct str body,
                           struct packed_body *out)
{
    const struct turn *t = m->parent;
    struct recipe_child child = child_of(m);
    recipe_clear(&c->middle);
    enum err err = pack_part(c, body, m->prefix, body.len - m->suffix, true, &c->middle);
    for (size_t i = 0; i < child.before_count && !err; i++)
        err = add_span(c, t, &child.before[i]);
    for (size_t i = 0; i < c->middle.count && !err; i++)
        err = recipe_add(&c->whole, c->middle.list[i]);
    if (!err)
        err = add_span(c, t, &child.after);
    child.middle = &c->middle;
    if (!err && child.depth > RECIPE_DEPTH_MAX) {
        err = store_root(c, out);
    } else if (!err) {
        out->depth = child.depth;
        out->root_block = t->root_block;
        out->recipe = store_recipe(c, &child, &err);
    }
    return err;
}

static enum err pack_whole(struct conversations *c, struct str body, struct packed_body *out)
{
    enum err err = pack_part(c, body, 0, body.len, false, &c->whole);
    return err ? err : store_root(c, out);
}

/* All of it anew, in one part. */
static enum err pack_plain(struct conversations *c, struct str body, struct packed_body *out)
{
    recipe_clear(&c->whole);
    enum err err = packer_put_body(c->packer, body, &c->whole);
    return err ? err : store_root(c, out);
}

/* --- what is new for those who read every text once --- */

/* The messages in which body and parent differ; all of the body where they differ elsewhere. */
static void find_fresh(const struct conversations *c, const struct match *m, size_t body_len,
                       const struct recipe *whole, struct packed_request *out)
{
    size_t end = body_len - m->suffix, from = SIZE_MAX, to = 0;
    out->fresh_part = FRESH_ALL;
    for (size_t i = 0; m->parent && i < c->cuts.count; i++) {
        const struct json_cut *cut = &c->cuts.list[i];
        size_t cut_end = (size_t)cut->start + cut->len;
        if (cut_end <= untouched(m) || cut->start >= end || cut->kind == CUT_REST)
            continue;
        if (cut->kind != CUT_MESSAGE)
            return;
        from = MIN_OF(from, (size_t)cut->start);
        to = cut_end;
    }
    if (!m->parent || out->facts.flags || m->parent->facts.flags ||
        (from < to && recipe_add_part(&out->fresh, whole, from, to - from)) ||
        out->fresh.count > FRESH_RANGES_MAX) {
        recipe_clear(&out->fresh);
        return;
    }
    out->fresh_part = from < to ? FRESH_SOME : FRESH_NONE;
}

/* --- remembering --- */

/* A turn that makes way; small ones leave their memory to the next. */
static void vacate(struct conversations *c, size_t slot)
{
    if (c->slots[slot].room > ROOM_REUSED_MAX)
        forget(c, slot);
    else
        c->slots[slot].used_at = 0;
}

/* A slot for a body of `room` bytes: the turns that were used longest ago make way. */
static struct turn *empty_turn(struct conversations *c, size_t room)
{
    for (;;) {
        size_t oldest = 0, empty = CONVERSATIONS_MAX, bytes = 0;
        for (size_t i = 0; i < CONVERSATIONS_MAX; i++) {
            bytes += c->slots[i].room;
            if (!c->slots[i].used_at)
                empty = MIN_OF(empty, i);
            else if (!c->slots[oldest].used_at || c->slots[i].used_at < c->slots[oldest].used_at)
                oldest = i;
        }
        if (empty < CONVERSATIONS_MAX && bytes + room <= CONVERSATION_BYTES_MAX)
            return &c->turns[empty];
        assert(c->slots[oldest].used_at);
        vacate(c, oldest);
    }
}

/* The facts' strings are the turn's then. */
static void keep_facts(struct turn *t, struct request_facts *facts)
{
    char *old = t->strings, *at;
    struct str *const strings[] = {&facts->model, &facts->user_session_id, &facts->title,
                                   &facts->project};
    t->strings = at = mem_alloc(facts->model.len + facts->user_session_id.len + facts->title.len +
                                facts->project.len + 1);
    for (size_t i = 0; i < COUNT_OF(strings); i++) {
        if (strings[i]->len)
            memcpy(at, strings[i]->ptr, strings[i]->len);
        strings[i]->ptr = at;
        at += strings[i]->len;
    }
    free(old);
    t->facts = *facts;
    t->facts.tool_error_count = 0; /* told once; and their strings are not kept */
}

/* `place` has the body already; NULL: it is in `room`. */
static void remember(struct conversations *c, uint64_t key, struct turn *place, struct buf *room,
                     struct packed_body *packed, struct packed_request *out)
{
    if (out->body.len > CONVERSATION_BODY_MAX)
        return;
    struct turn *t = place ? place : empty_turn(c, out->body.len);
    keep_facts(t, &out->facts);
    if (!place) {
        SWAP(struct buf, t->body, *room);
        room->ceiling = t->body.ceiling;
    }
    SWAP(struct json_cuts, t->cuts, c->cuts);
    SWAP(struct message_chain, t->chain, c->chain);
    SWAP(struct recipe, t->whole, c->whole);
    SWAP(struct hash_mark, t->mark, c->mark);
    out->cuts = &t->cuts;
    c->slots[t - c->turns] = (struct turn_slot){key, ++c->clock, t->body.cap};
    t->recipe = packed->recipe;
    t->root_block = packed->root_block;
    t->oldest_block = out->oldest_block;
    t->depth = packed->depth;
    memcpy(t->hash, out->hash, sizeof t->hash);
}

static bool is_repeated(const struct match *m, const struct body_parts *body)
{
    return m->parent && m->prefix == body->bytes && m->parent_bytes == body->bytes;
}

void conversations_read(struct conversations *c, struct str text, struct packed_request *out)
{
    json_cut(text, &c->arena, &c->cuts, &out->facts);
    out->body = text;
    out->cuts = &c->cuts;
    chain_body(c, &(struct match){0}, text, &out->facts);
    out->chain = c->chain;
}

static void tell_again(struct conversations *c, const struct turn *t, struct packed_request *out)
{
    c->slots[t - c->turns].used_at = ++c->clock;
    *out = (struct packed_request){.recipe = t->recipe, .oldest_block = t->oldest_block,
                                   .facts = t->facts, .chain = t->chain, .body = buf_str(&t->body),
                                   .cuts = &t->cuts, .fresh_part = FRESH_NONE};
    memcpy(out->hash, t->hash, sizeof out->hash);
}

enum err conversations_pack(struct conversations *c, uint64_t key, const struct body_parts *body,
                            struct buf *room, struct packed_request *out)
{
    struct match m = find_match(c, key, body);
    if (is_repeated(&m, body)) {
        tell_again(c, m.parent, out);
        return ERR_OK;
    }
    struct packed_body packed = {0};
    *out = (struct packed_request){.cuts = &c->cuts};
    recipe_clear(&c->whole);
    arena_clear(&c->arena);
    conversation_find_gaps(c, &m, body);
    bool is_next = holds_parent(&m, body);
    struct str bytes = out->body = is_next ? take_place(&m, body) : join_parts(body, room);
    conversation_cut(c, &m, bytes, &out->facts);
    chain_body(c, &m, bytes, &out->facts);
    out->chain = c->chain;
    hash_body(c, &m, bytes, out->hash);
    enum err err = m.parent ? pack_child(c, &m, bytes, &packed) : pack_whole(c, bytes, &packed);
    if (err) /* too many parts for one recipe */
        err = pack_plain(c, bytes, &packed);
    out->recipe = packed.recipe;
    find_fresh(c, &m, bytes.len, &c->whole, out);
    out->oldest_block = oldest_block(c, &packed);
    if (!err)
        remember(c, key, is_next ? m.parent : NULL, room, &packed, out);
    return err;
}

/*
 * taker_end.c — an exchange becomes a row of the batch: its bodies are gathered from the journal,
 * read, and put into blocks.
 */
#include <stdlib.h>

#include <xxhash.h>

#include "agents/identity.h"
#include "agents/known_agents.h"
#include "base/loss.h"
#include "base/mem.h"
#include "config/url.h"
#include "record/head_text.h"
#include "index/taker.h"
#include "record/answer.h"
#include "record/body_decode.h"
#include "record/detail.h"
#include "record/stream_fold.h"

enum { ERROR_MESSAGE_MAX = 300, HEAD_KEPT_MAX = 256 << 10, SCRATCH_KEPT_BYTES = 1 << 20 };

/* --- bodies out of the journal --- */

static enum err load_chunk(struct taker *t, struct gathered *e, const struct chunk *c,
                           struct buf *out)
{
    return segments_load(t->segments, e->segments[c->segment], c->offset, c->len, out);
}

/* The timeline of the body that is being read. */
static void mark_chunk(struct taker *t, const struct gathered *e, const struct chunk *c)
{
    if (e->is_untimed)
        return;
    if (t->mark_count == TIMELINE_MAX) {
        t->marks[TIMELINE_MAX - 1].bytes += c->len;
        return;
    }
    if (t->mark_count == t->mark_cap) {
        t->mark_cap = t->mark_cap ? t->mark_cap * 2 : 256;
        t->marks = mem_resize(t->marks, t->mark_cap * sizeof *t->marks);
    }
    t->marks[t->mark_count++] = (struct chunk_mark){c->at_us, c->len};
}

/* All of a body, as far as it can be read. */
static void gather(struct taker *t, struct gathered *e, const struct chunk_list *l,
                   struct buf *out)
{
    buf_clear(out);
    t->mark_count = 0;
    enum err err = buf_reserve(out, l->total_bytes);
    struct chunk_reader r = chunk_list_read(l);
    while (chunk_next(&r)) {
        mark_chunk(t, e, &r.chunk);
        if (!err)
            err = load_chunk(t, e, &r.chunk, out);
    }
    if (err || l->is_cut)
        e->record.flags |= RECORD_BODY_TRUNCATED;
}

/* A body too long to be held: chunk by chunk into blocks. */
static void pack_long(struct taker *t, struct gathered *e, const struct chunk_list *l,
                      struct recipe *out, uint8_t hash[16])
{
    XXH3_state_t *state = XXH3_createState();
    assert(state);
    XXH3_128bits_reset(state);
    t->mark_count = 0;
    struct chunk_reader r = chunk_list_read(l);
    enum err err = ERR_OK;
    while (chunk_next(&r)) {
        mark_chunk(t, e, &r.chunk);
        if (err)
            continue;
        buf_clear(&t->body);
        err = load_chunk(t, e, &r.chunk, &t->body);
        if (!err)
            err = packer_put_body(&t->packer, buf_str(&t->body), out);
        if (!err)
            XXH3_128bits_update(state, t->body.ptr, t->body.len);
        if (packer_bytes(&t->packer) > BATCH_BYTES_MAX)
            t->relieve(t->relieve_owner);
    }
    if (err || l->is_cut)
        e->record.flags |= RECORD_BODY_TRUNCATED;
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state));
    memcpy(hash, canonical.digest, 16);
    XXH3_freeState(state);
}

/* The same where it lies, without a copy: false when not all of it is in memory. */
static bool view(struct taker *t, struct gathered *e, const struct chunk_list *l,
                 struct body_parts *out)
{
    struct chunk_reader r = chunk_list_read(l);
    out->count = 0;
    out->bytes = l->total_bytes;
    if (l->is_cut || l->count > BODY_PARTS_MAX)
        return false;
    while (chunk_next(&r)) {
        const struct chunk *c = &r.chunk;
        const char *bytes = segments_view(t->segments, e->segments[c->segment], c->offset, c->len);
        if (!bytes)
            return false;
        out->list[out->count++] = str_make(bytes, c->len);
    }
    return true;
}

static void shrink_scratch(struct buf *b)
{
    if (b->cap > SCRATCH_KEPT_BYTES)
        buf_release(b);
}

/* --- the request --- */

static uint64_t conversation_key(const struct record *r, const struct body_parts *body)
{
    char first[96]; /* they hold the model and how messages begin */
    struct str parts[] = {r->session_id, r->agent_id, r->path,
                          str_make(first, parts_copy(body, 0, sizeof first, first))};
    uint64_t key = 0;
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        key = XXH3_64bits_withSeed(parts[i].ptr ? parts[i].ptr : "", parts[i].len, key + i);
    return key;
}

static void note_request_facts(struct taker *t, struct gathered *e, const struct request_facts *f)
{
    struct record *r = &e->record;
    struct str tool_errors = tool_errors_new(&t->tool_errors, f, &t->arena);
    r->flags |= f->flags | (f->asks_stream ? RECORD_ASKS_STREAM : 0u) |
                (f->asks_thinking ? RECORD_ASKS_THINKING : 0u);
    r->model = f->model;
    r->max_tokens = f->max_tokens;
    r->message_count = f->message_count;
    r->tool_count = f->tool_count;
    r->title = f->title;
    r->project = f->project;
    r->tool_errors = tool_errors;
    if (!r->session_id.len)
        r->session_id = f->user_session_id;
}

/* Who asks. An agent that is not known by the call that began it may still be recognised so, once
 * its parent's answer is here. `p`: NULL where the body was not read. */
static void note_identity(struct taker *t, struct gathered *e, const struct packed_request *p)
{
    struct record *r = &e->record;
    struct request_parts parts;
    struct identity who;
    struct identity_sources sources = {0};
    bool is_local = e->newest_segment->is_own && addr_is_loopback(r->client_addr);
    if (t->known)
        sources = known_agents_take(t->known, is_local);
    sources.spawns = t->spawns;
    struct identity_request q = {
        .method = r->method, .path = r->path, .client = r->client, .beta = r->anthropic_beta,
        .session_id = r->session_id, .agent_id = r->agent_id,
        .parent_agent_id = r->parent_agent_id, .parts = p ? &parts : NULL,
        .project = p ? &r->project : NULL};
    const struct json_cuts *cuts = p && json_cuts_are_all(p->cuts, &p->facts) ? p->cuts : NULL;
    request_parts_read(p ? p->body : STR_NONE, cuts, &parts);
    identity_read(&sources, &q, &t->arena, &who);
    known_agents_give_back(&sources);
    r->class = str_of(class_name(who.class));
    r->class_by = str_of(identity_source_name(who.class_by));
    r->agent_type = who.agent;
    r->agent_by = str_of(identity_source_name(who.agent_by));
    r->flags |= who.is_background ? RECORD_IS_BACKGROUND : 0u;
    e->is_guess = who.class == CLASS_MAIN && who.class_by == IDENTITY_BY_SHAPE;
    if ((who.class == CLASS_AGENT && who.agent_by != IDENTITY_BY_SPAWN) || e->is_guess)
        prompts_read(&parts, &t->arena, &e->prompts);
    gathered_keep(e);
}

static struct piece_at pack_long_request(struct taker *t, struct gathered *e)
{
    struct recipe whole;
    struct buf bytes;
    recipe_init(&whole);
    buf_init(&bytes, BLOCK_RAW_MAX);
    pack_long(t, e, &e->request, &whole, e->request_hash);
    packer_room(&t->packer, 64 + whole.count * 30);
    enum err err = recipe_write(&bytes, t->packer.block, &whole);
    assert(!err); /* RECIPE_RANGES_MAX fit */
    struct piece_at at = packer_put(&t->packer, buf_str(&bytes));
    buf_release(&bytes);
    recipe_release(&whole);
    return at;
}

/* What an encoded request says is read from a copy; its bytes are kept as they came. */
static void read_encoded(struct taker *t, struct gathered *e, struct packed_request *p)
{
    struct head_want encoding = {STR("content-encoding")};
    struct frame_begin begin;
    buf_clear(&t->head);
    if (load_chunk(t, e, &e->begin, &t->head) || frame_begin_read(buf_str(&t->head), &begin))
        return;
    head_text_read(begin.head, &encoding, 1);
    struct str text = body_text(encoding.value, p->body, &t->decoded);
    if (text.ptr != p->body.ptr)
        conversations_read(&t->conversations, text, p);
}

void taker_pack_request(struct taker *t, struct gathered *e)
{
    struct packed_request packed;
    e->is_packed = true;
    e->oldest_block = t->packer.block; /* of a long body: its blocks are all new */
    if (!e->request.total_bytes) {
        body_hash(STR_NONE, e->request_hash);
        note_identity(t, e, NULL);
        return;
    }
    if (e->request.total_bytes > BODY_READ_MAX) {
        e->fresh_part = FRESH_NONE;
        e->recipe = pack_long_request(t, e);
        note_identity(t, e, NULL);
        return;
    }
    e->oldest_block = 0; /* not known yet: any (see indexer_oldest_block) */
    struct body_parts body;
    if (!view(t, e, &e->request, &body)) {
        gather(t, e, &e->request, &t->body);
        body.list[0] = buf_str(&t->body);
        body.count = 1;
        body.bytes = t->body.len;
    }
    uint64_t key = conversation_key(&e->record, &body);
    enum err err = conversations_pack(&t->conversations, key, &body, &t->body, &packed);
    assert(!err); /* a body of this length can always be written down */
    e->recipe = packed.recipe;
    e->fresh_part = packed.fresh_part;
    e->fresh = packed.fresh;
    e->oldest_block = packed.oldest_block;
    memcpy(e->request_hash, packed.hash, sizeof e->request_hash);
    if (e->is_request_encoded)
        read_encoded(t, e, &packed);
    note_request_facts(t, e, &packed.facts);
    note_identity(t, e, &packed);
    if (!str_ends(e->record.path, STR("/count_tokens"))) /* counts what is asked next */
        threads_place(&t->threads, &e->record, &packed.chain);
    shrink_scratch(&t->body);
    shrink_scratch(&t->decoded);
}

/* --- the answer --- */

/* When the byte at `offset` of the body came. */
static int64_t time_of_byte(const struct chunk_list *l, size_t offset)
{
    struct chunk_reader r = chunk_list_read(l);
    size_t end = 0;
    while (chunk_next(&r)) {
        end += r.chunk.len;
        if (end > offset)
            return r.chunk.at_us;
    }
    return UNKNOWN;
}

static void note_answer_facts(struct taker *t, struct record *r, const struct answer_facts *f)
{
    r->tools = tool_list_text(&f->tools, &t->arena);
    spawns_note(t->spawns, r->session_id, f->spawns, f->spawn_count);
    r->flags |= f->flags;
    if (!(r->flags & RECORD_IS_TRANSLATED)) /* else it says what was asked of us */
        r->response_model = f->model;
    r->stop_reason = f->stop_reason;
    r->usage = f->usage;
    r->tool_use_count = f->tool_use_count;
    if (f->error_type.len || f->error_message.len) {
        r->error_type = f->error_type;
        r->error_message = str_head(f->error_message, ERROR_MESSAGE_MAX);
    }
}

/* What the transport calls complete may be none: HTTP 200 is not success. */
static void refine_ending(struct record *r, const struct answer_facts *f)
{
    const uint32_t unreadable = RECORD_RESPONSE_INVALID | RECORD_DECODE_PARTIAL |
                                RECORD_DECODE_LIMITED | RECORD_BODY_TRUNCATED;
    if (r->state != ENDING_COMPLETE || r->flags & RECORD_IS_OURS)
        return;
    if (r->status >= 400 || f->is_error) {
        r->state = ENDING_UPSTREAM_ERROR;
    } else if (r->is_stream && f->model.len && !f->is_complete && !(r->flags & unreadable)) {
        r->state = ENDING_UPSTREAM_TRUNCATED; /* an ordered end of bytes, but no message_stop */
        r->error_type = str_of(err_name(ERR_UPSTREAM_TRUNCATED));
        r->error_message = STR("it ended in good order, but before its last event");
    }
}

static struct str decode(struct taker *t, struct gathered *e, struct str encoding, struct str body)
{
    if (!encoding.len || str_equal_nocase(encoding, STR("identity")))
        return body;
    buf_clear(&t->decoded);
    switch (body_decode(encoding, body, &t->decoded)) {
    case DECODE_OK:
    case DECODE_UNKNOWN:
        break;
    case DECODE_PARTIAL:
        e->record.flags |= RECORD_DECODE_PARTIAL;
        break;
    case DECODE_LIMITED:
        e->record.flags |= RECORD_DECODE_LIMITED;
        break;
    }
    return buf_str(&t->decoded);
}

/* How much of the compressed body gives more than `offset` bytes: found by halving, over the
 * chunks as they came. */
static int64_t time_of_decoded_byte(struct taker *t, const struct gathered *e, struct str encoding,
                                    size_t offset)
{
    uint64_t low = 0, high = e->response.count; /* chunks: too few; enough */
    int64_t at_us = UNKNOWN;
    while (high - low > 1 || at_us == UNKNOWN) {
        uint64_t middle = high - low > 1 ? low + (high - low) / 2 : high;
        struct chunk_reader r = chunk_list_read(&e->response);
        size_t bytes = 0;
        for (uint64_t i = 0; i < middle && chunk_next(&r); i++)
            bytes += r.chunk.len;
        buf_clear(&t->decoded);
        body_decode(encoding, str_make(t->body.ptr, MIN_OF(bytes, t->body.len)), &t->decoded);
        if (t->decoded.len > offset) {
            high = middle;
            at_us = r.chunk.at_us;
        } else if (middle == high) {
            break;
        } else {
            low = middle;
        }
    }
    return at_us;
}

static void read_answer(struct taker *t, struct gathered *e, struct str head)
{
    struct head_want encoding = {STR("content-encoding")};
    struct answer_facts facts = {.first_token_at = SIZE_MAX};
    struct record *r = &e->record;
    if (e->is_encoded)
        head_text_read(head, &encoding, 1);
    struct str body = decode(t, e, encoding.value, buf_str(&t->body));
    bool is_plain = body.ptr == t->body.ptr;
    if (body.len) {
        answer_read(body, r->is_stream, &t->arena, &facts);
        note_answer_facts(t, r, &facts);
    }
    refine_ending(r, &facts);
    gathered_keep(e); /* before `decoded` is used again */
    if (facts.first_token_at == SIZE_MAX || !r->is_stream || e->is_untimed)
        return;
    r->first_token_us = is_plain
                            ? time_of_byte(&e->response, facts.first_token_at)
                            : time_of_decoded_byte(t, e, encoding.value, facts.first_token_at);
}

static void pack_answer(struct taker *t, struct gathered *e, struct str head, struct detail *d)
{
    if (e->response.total_bytes > BODY_READ_MAX) {
        pack_long(t, e, &e->response, &d->response, d->facts.response_hash);
        refine_ending(&e->record, &(struct answer_facts){0});
        return;
    }
    gather(t, e, &e->response, &t->body);
    read_answer(t, e, head);
    body_hash(buf_str(&t->body), d->facts.response_hash);
    buf_clear(&t->decoded); /* has been read */
    d->is_folded = e->record.is_stream &&
                   stream_fold(buf_str(&t->body), t->marks, t->mark_count, &t->decoded);
    struct buf *stored = d->is_folded ? &t->decoded : &t->body;
    enum err err = packer_put_body(&t->packer, buf_str(stored), &d->response);
    assert(!err); /* some forty ranges */
    shrink_scratch(&t->body);
    shrink_scratch(&t->decoded);
}

/* --- the row --- */

/* Both heads, out of the journal, into t->head. */
static void load_heads(struct taker *t, struct gathered *e, struct record_detail *f)
{
    struct frame_begin begin;
    struct frame_resp_head answer;
    buf_clear(&t->head);
    /* room for both at once, so that the first stays where it is */
    if (buf_reserve(&t->head, e->begin.len + e->response_head.len) ||
        load_chunk(t, e, &e->begin, &t->head) ||
        frame_begin_read(buf_str(&t->head), &begin) != ERR_OK)
        return;
    f->request_head = str_head(begin.head, HEAD_KEPT_MAX);
    size_t start = t->head.len;
    if (!e->response_head.len || load_chunk(t, e, &e->response_head, &t->head) ||
        frame_resp_head_read(str_from(buf_str(&t->head), start), &answer) != ERR_OK)
        return;
    f->response_head = str_head(answer.head, HEAD_KEPT_MAX);
    f->upstream_addr = answer.upstream_addr;
    f->sent_us = (int64_t)answer.sent_us;
}

/* What is known only now that the answer is. */
static void note_rest(struct taker *t, struct gathered *e)
{
    struct record *r = &e->record;
    if (r->state == ENDING_COMPLETE && r->status >= 400)
        r->state = ENDING_UPSTREAM_ERROR; /* as another program's records may have it */
    struct spawned told = spawns_recognise(t->spawns, r->session_id, r->agent_id, &e->prompts);
    if (told.type.len) {
        r->agent_type = told.type;
        r->agent_by = str_of(identity_source_name(IDENTITY_BY_SPAWN));
        r->flags |= told.is_background ? RECORD_IS_BACKGROUND : 0u;
    }
    if (told.type.len && e->is_guess) {
        r->class = str_of(class_name(CLASS_AGENT));
        r->class_by = r->agent_by;
    }
    if (t->store->prices)
        prices_cost(t->store->prices, r);
    if (t->store->prices && r->flags & RECORD_IS_SHADOW)
        r->shadow_cost_usd_micro =
            prices_cost_elsewhere(t->store->prices, r, r->route_target);
}

static void note_end(struct gathered *e, const struct frame_end *end)
{
    struct record *r = &e->record;
    r->state = end ? end->ending : ENDING_PROXY_CRASH;
    r->duration_us = e->has_no_duration        ? UNKNOWN
                     : e->last_ns > e->begin_ns ? (int64_t)((e->last_ns - e->begin_ns) / 1000) : 0;
    if (!end)
        return;
    r->error_type = end->error;
    r->error_message = str_head(end->detail, ERROR_MESSAGE_MAX);
    r->losses = end->losses;
    r->tried = end->tried;
    r->client_bytes = (int64_t)end->client_bytes;
    if (end->request_bytes != (uint64_t)r->request_bytes ||
        end->response_bytes != (uint64_t)r->response_bytes)
        r->flags |= RECORD_BODY_TRUNCATED;
    r->request_bytes = (int64_t)end->request_bytes;
    r->response_bytes = (int64_t)end->response_bytes;
}

void taker_end(struct taker *t, struct gathered *e, const struct frame_end *end)
{
    struct detail d = {0};
    arena_clear(&t->arena);
    note_end(e, end);
    gathered_keep(e);
    if (!e->is_packed)
        taker_pack_request(t, e);
    load_heads(t, e, &d.facts);
    uint64_t oldest = e->oldest_block;
    e->oldest_block = 0; /* again not known */
    pack_answer(t, e, d.facts.response_head, &d);
    note_rest(t, e);
    e->oldest_block = MIN_OF(oldest, recipe_oldest_block(&d.response));
    d.facts.timeline = t->marks; /* the answer's, which was read last */
    d.facts.timeline_len = t->mark_count;
    d.request = e->recipe;
    d.fresh_part = e->fresh_part;
    d.fresh = e->fresh;
    e->fresh = (struct recipe){0};
    memcpy(d.facts.request_hash, e->request_hash, sizeof e->request_hash);
    buf_clear(&t->detail);
    packer_room(&t->packer, MIN_OF(detail_bound(&d), (size_t)BLOCK_RAW_MAX));
    enum err err = detail_write(&t->detail, t->packer.block, &d);
    assert(!err); /* heads and timeline have ceilings below a block's */
    struct piece_at at = packer_put(&t->packer, buf_str(&t->detail));
    packer_add_row(&t->packer, &e->record, at, e->oldest_block);
    loss_note(LOSS_BODY_TRUNCATED, (e->record.flags & RECORD_BODY_TRUNCATED) != 0, NULL);
    gathered_end(&t->exchanges, e);
    t->pending_bytes += e->begin.len + e->request.total_bytes + e->response.total_bytes;
    detail_release(&d);
}

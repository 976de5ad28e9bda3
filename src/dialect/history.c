/*
 * history.c — pairs calls with results.
 *
 * Only the calls of the last assistant message are open: a result can answer no other. What comes
 * between the calls and their results (a system reminder, a word of the user) stays behind them.
 * Results stand in the order of their calls: a client sends them as the tools end, and some
 * providers (Gemini) tell two calls of one tool apart by their places only.
 */
#include "dialect/history.h"

#include <stdio.h>
#include <stdlib.h>

#include <xxhash.h>

#include "base/mem.h"

enum {
    ID_MAX = 40,        /* bytes; OpenAI's limit for a tool call's id in Chat Completions */
    ID_TRIES_MAX = 1000 /* renumberings of one id */
};

struct open_call {
    struct str client_id;
    struct block *call;
    struct message *result; /* NULL: none yet */
    struct open_call *next;
};

struct seen_id {
    struct str id;
    uint64_t hash;
    uint32_t uses;
};

void history_init(struct history *h, struct neutral *n)
{
    *h = (struct history){.n = n};
}

void history_release(struct history *h)
{
    free(h->seen);
    *h = (struct history){0};
}

static size_t slot_of(const struct history *h, struct str id, uint64_t hash)
{
    size_t at = (size_t)hash & (h->seen_cap - 1);
    while (h->seen[at] && !(h->seen[at]->hash == hash && str_equal(h->seen[at]->id, id)))
        at = (at + 1) & (h->seen_cap - 1);
    return at;
}

static void grow(struct history *h)
{
    struct seen_id **old = h->seen;
    size_t old_cap = h->seen_cap;
    h->seen_cap = old_cap ? old_cap * 2 : 64;
    h->seen = mem_zeroed(h->seen_cap * sizeof *h->seen);
    for (size_t i = 0; i < old_cap; i++)
        if (old[i])
            h->seen[slot_of(h, old[i]->id, old[i]->hash)] = old[i];
    free(old);
}

/* The entry of this id, new with uses 0. */
static struct seen_id *see(struct history *h, struct str id)
{
    uint64_t hash = XXH3_64bits(id.ptr, id.len);
    if (h->seen_count * 2 >= h->seen_cap)
        grow(h);
    size_t at = slot_of(h, id, hash);
    if (!h->seen[at]) {
        struct seen_id *s = ARENA_NEW(h->n->arena, struct seen_id);
        *s = (struct seen_id){.id = id, .hash = hash};
        h->seen[at] = s;
        h->seen_count++;
    }
    return h->seen[at];
}

static bool is_plain_id(struct str id)
{
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_' || c == '-'))
            return false;
    }
    return id.len > 0 && id.len <= ID_MAX;
}

/* An id that every provider takes: the client's own, or one made of its hash. */
static struct str sent_id(struct history *h, struct str id)
{
    if (is_plain_id(id))
        return id;
    XXH128_hash_t hash = XXH3_128bits(id.ptr, id.len);
    return arena_printf(h->n->arena, "call_%016llx%08llx", (unsigned long long)hash.high64,
                        (unsigned long long)(hash.low64 >> 32));
}

/* The same id used a second time in a conversation is renumbered, in the call and its result. */
static struct str unique_id(struct history *h, struct str client_id)
{
    struct str id = sent_id(h, client_id), unique = id;
    struct seen_id *first = see(h, id);
    for (uint32_t i = 0; i < ID_TRIES_MAX && see(h, unique)->uses; i++)
        unique = arena_printf(h->n->arena, "%.*s_%u", (int)MIN_OF(id.len, (size_t)ID_MAX - 8),
                              id.ptr, ++first->uses);
    see(h, unique)->uses++;
    if (unique.ptr != id.ptr)
        loss_report_note(h->n->losses, LOSS_KIND_RENAMED, STR("messages[].content[].id"), client_id,
                         "the id was used before in this conversation");
    return unique;
}

static struct message *result_for(struct history *h, const struct open_call *open)
{
    struct message *m = neutral_message(h->n, ROLE_TOOL);
    m->tool_id = open->call->id;
    m->tool_name = open->call->name;
    return m;
}

/* Every call needs a result, or providers refuse the whole conversation. */
static void close_calls(struct history *h)
{
    struct message *behind = h->behind;
    for (struct open_call *open = h->open; open; open = open->next) {
        if (open->result) {
            behind = open->result;
            continue;
        }
        struct message *m = result_for(h, open);
        struct block *b = neutral_block(h->n, BLOCK_TEXT);
        b->text = STR("[no result: interrupted]");
        message_add(m, b);
        neutral_insert(h->n, behind, m);
        behind = m;
        loss_report_note(h->n->losses, LOSS_KIND_APPROXIMATED, STR("messages[].content[].tool_use"),
                         open->client_id, "the call had no result; one was added that says so");
    }
    h->open = NULL;
    h->behind = NULL;
}

static void open_calls(struct history *h, struct message *m)
{
    struct open_call **tail = &h->open;
    for (struct block *b = m->first; b; b = b->next) {
        if (b->kind != BLOCK_TOOL_USE)
            continue;
        struct open_call *open = ARENA_NEW(h->n->arena, struct open_call);
        *open = (struct open_call){.client_id = b->id, .call = b};
        b->id = unique_id(h, b->id);
        *tail = open;
        tail = &open->next;
    }
    h->behind = h->open ? m : NULL;
}

void history_add(struct history *h, struct message *m)
{
    if (!m->first)
        return;
    if (m->role == ROLE_ASSISTANT)
        close_calls(h);
    neutral_insert(h->n, NULL, m);
    if (m->role == ROLE_ASSISTANT)
        open_calls(h, m);
}

static void add_orphan(struct history *h, struct message *result)
{
    struct message *m = neutral_message(h->n, ROLE_USER);
    struct block *b = neutral_block(h->n, BLOCK_TEXT);
    b->text = arena_printf(h->n->arena, "[tool result for %.*s]", STR_ARGS(result->tool_id));
    message_add(m, b);
    if (result->first) {
        b->next = result->first;
        m->last = result->last;
    }
    neutral_insert(h->n, NULL, m);
    loss_report_note(h->n->losses, LOSS_KIND_APPROXIMATED, STR("messages[].content[].tool_result"),
                     result->tool_id, "it answers no call of the message before; sent as text");
}

void history_add_result(struct history *h, struct message *result)
{
    for (; h->open && h->open->result; h->open = h->open->next) /* many in order: no quadratic work */
        h->behind = h->open->result;
    struct open_call *open = h->open;
    struct message *behind = h->behind;
    for (; open && (open->result || !str_equal(open->client_id, result->tool_id)); open = open->next)
        behind = open->result ? open->result : behind;
    if (!open) {
        add_orphan(h, result);
        return;
    }
    open->result = result;
    result->tool_id = open->call->id;
    result->tool_name = open->call->name;
    neutral_insert(h->n, behind, result);
}

void history_end(struct history *h)
{
    close_calls(h);
}

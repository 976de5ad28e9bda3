/*
 * message_hash.c — walks a message once, skipping strings whole, and adds up what counts.
 *
 * Members of an object are added, so that their order does not matter; elements of a list are
 * chained, so that it does. Strings are taken as they are written, escapes and all: a client
 * writes the same text the same way in every turn.
 */
#include "record/message_hash.h"

#include <stdlib.h>

#include <xxhash.h>

#include "base/mem.h"
#include "record/json_walk.h"

enum { NESTING_MAX = 4 }; /* lists of blocks in blocks; deeper ones are taken as written */

struct hashing {
    struct json_walk walk;
    struct str secret;
    int nesting;
};

uint64_t hash_join(uint64_t a, uint64_t b)
{
    const uint64_t both[2] = {a, b};
    return XXH3_64bits(both, sizeof both);
}

int64_t hash_key(uint64_t hash)
{
    int64_t key = (int64_t)(hash & INT64_MAX);
    return key ? key : 1;
}

int64_t conversation_begun_by(const struct uuid *id)
{
    return hash_key(XXH3_64bits(id->bytes, sizeof id->bytes));
}

static uint64_t hash_bytes(const struct hashing *h, struct str s)
{
    return XXH3_64bits_withSecret(s.ptr ? s.ptr : "", s.len, h->secret.ptr, h->secret.len);
}

static uint64_t hash_member(const struct hashing *h, struct str key, uint64_t value)
{
    return hash_join(hash_bytes(h, key), value);
}

/* What is there or not from turn to turn, and says nothing. */
static bool is_silent(struct str key, struct str raw)
{
    return json_key_is(key, STR("cache_control")) || str_equal(raw, STR("null")) ||
           str_equal(raw, STR("false"));
}

/* The client's own words, which it moves about. */
static bool is_reminder(struct str raw)
{
    return str_starts(raw, STR("\"<system-reminder>"));
}

static bool is_thinking(struct str type)
{
    return str_equal(type, STR("\"thinking\"")) || str_equal(type, STR("\"redacted_thinking\""));
}

static uint64_t hash_text_block(const struct hashing *h, struct str raw)
{
    return hash_member(h, STR("type"), hash_bytes(h, STR("\"text\""))) +
           hash_member(h, STR("text"), hash_bytes(h, raw));
}

static uint64_t hash_content(struct hashing *h);

/* A block of content; *counts is false for one that says nothing. */
static uint64_t hash_block(struct hashing *h, bool *counts)
{
    struct json_walk *w = &h->walk;
    struct str key;
    uint64_t sum = 0;
    *counts = true;
    if (!json_enter(w, '{'))
        return hash_bytes(h, json_take(w));
    while (json_next_key(w, &key)) {
        if (json_key_is(key, STR("content")) && h->nesting < NESTING_MAX) {
            sum += hash_member(h, key, hash_content(h));
            continue;
        }
        struct str raw = json_take(w);
        if (is_silent(key, raw))
            continue;
        if (json_key_is(key, STR("type")) && is_thinking(raw))
            *counts = false;
        if (json_key_is(key, STR("text")) && is_reminder(raw))
            *counts = false;
        sum += hash_member(h, key, hash_bytes(h, raw));
    }
    return sum;
}

/* The walk is at the value of "content": a string counts as one text block. */
static uint64_t hash_content(struct hashing *h)
{
    struct json_walk *w = &h->walk;
    uint64_t chain = 0;
    if (!json_enter(w, '[')) {
        bool is_text = json_peek(w) == '"';
        struct str raw = json_take(w);
        if (!is_text)
            return hash_bytes(h, raw);
        return is_reminder(raw) ? 0 : hash_join(0, hash_text_block(h, raw));
    }
    h->nesting++;
    while (json_next_element(w)) {
        bool counts;
        uint64_t block = hash_block(h, &counts);
        if (counts)
            chain = hash_join(chain, block);
    }
    h->nesting--;
    return chain;
}

static uint64_t hash_members(struct hashing *h)
{
    struct json_walk *w = &h->walk;
    struct str key;
    uint64_t sum = 0;
    while (json_next_key(w, &key)) {
        if (json_key_is(key, STR("content"))) {
            sum += hash_member(h, key, hash_content(h));
            continue;
        }
        struct str raw = json_take(w);
        if (!is_silent(key, raw))
            sum += hash_member(h, key, hash_bytes(h, raw));
    }
    return sum;
}

uint64_t message_hash(struct str message, struct str secret)
{
    struct hashing h = {.secret = secret};
    assert(secret.len >= XXH3_SECRET_SIZE_MIN);
    json_walk_init(&h.walk, message);
    if (json_peek(&h.walk) == ',')
        h.walk.at++;
    if (!json_enter(&h.walk, '{'))
        return hash_bytes(&h, message);
    uint64_t sum = hash_members(&h);
    return h.walk.is_stuck || h.walk.at != message.len ? hash_bytes(&h, message) : sum;
}

void message_chain_release(struct message_chain *c)
{
    free(c->list);
    *c = (struct message_chain){0};
}

static void push(struct message_chain *c, uint64_t value)
{
    if (c->count == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 32;
        c->list = mem_resize(c->list, c->cap * sizeof *c->list);
    }
    c->list[c->count++] = value;
}

void message_chain_build(struct message_chain *c, struct str body, const struct json_cuts *cuts,
                         const struct message_chain *before, size_t same_bytes,
                         struct str secret)
{
    uint64_t chain = 0;
    c->count = 0;
    for (size_t i = 0; i < cuts->count; i++) {
        const struct json_cut *cut = &cuts->list[i];
        if (cut->kind != CUT_MESSAGE)
            continue;
        size_t at = c->count;
        /* with the byte behind it, so that it ends there in both */
        if (before && at < before->count && (size_t)cut->start + cut->len < same_bytes)
            chain = before->list[at];
        else
            chain = hash_join(chain,
                              message_hash(str_make(body.ptr + cut->start, cut->len), secret));
        push(c, chain);
    }
}

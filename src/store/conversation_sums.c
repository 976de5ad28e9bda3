/*
 * conversation_sums.c — a batch's sums by conversation, found by a hash: a batch may hold
 * thousands of rows, each of a conversation of its own.
 */
#include "store/conversation_sums.h"

#include <stdlib.h>

#include "base/mem.h"

struct conversation_sum {
    int64_t conversation; /* the key */
    int64_t first_us, last_us, request_count, error_count, message_count;
    int64_t usage[USAGE_PARTS];
    int64_t session, agent, title, model, client; /* 0: none */
};

enum {
    NUMBERS = offsetof(struct conversation_sum, session) / sizeof(int64_t),
    NAMES = sizeof(struct conversation_sum) / sizeof(int64_t) - NUMBERS
};

struct conversation_sums {
    struct conversation_sum *list;
    size_t count, cap;
    uint32_t *slots; /* 1 + index into the list; 0: empty. 2 * cap of them, a power of two */
};

static uint32_t *slot_of(struct conversation_sums *s, int64_t conversation)
{
    size_t mask = s->cap * 2 - 1, at = (size_t)conversation & mask;
    while (s->slots[at] && s->list[s->slots[at] - 1].conversation != conversation)
        at = (at + 1) & mask;
    return &s->slots[at];
}

static void grow(struct conversation_sums *s)
{
    s->cap = s->cap ? s->cap * 2 : 32;
    s->list = mem_resize(s->list, s->cap * sizeof *s->list);
    free(s->slots);
    s->slots = mem_zeroed(s->cap * 2 * sizeof *s->slots);
    for (size_t i = 0; i < s->count; i++)
        *slot_of(s, s->list[i].conversation) = (uint32_t)i + 1;
}

static struct conversation_sum *sum_of(struct conversation_sums *s, int64_t conversation)
{
    if (s->count == s->cap)
        grow(s);
    uint32_t *slot = slot_of(s, conversation);
    if (!*slot) {
        s->list[s->count] = (struct conversation_sum){.conversation = conversation};
        *slot = (uint32_t)++s->count;
    }
    return &s->list[*slot - 1];
}

void conversation_sum_add(struct conversation_sums **sums, const struct record *r,
                          const struct row_names *names)
{
    if (!*sums)
        *sums = MEM_NEW(struct conversation_sums);
    struct conversation_sum *s = sum_of(*sums, r->conversation);
    if (!s->request_count) {
        s->first_us = s->last_us = r->started_us;
        s->session = names->session;
        s->agent = names->agent;
        s->client = names->client;
    }
    if (r->started_us >= s->last_us) {
        s->last_us = r->started_us;
        s->model = names->model ? names->model : s->model;
    }
    s->first_us = MIN_OF(s->first_us, r->started_us);
    s->request_count++;
    s->error_count += record_failed(r);
    s->message_count = MAX_OF(s->message_count, r->message_count);
    usage_sum(s->usage, &r->usage);
    s->title = s->title ? s->title : names->title;
}

enum err conversation_sums_write(struct conversation_sums *sums, struct statement *q,
                                 struct fail *f)
{
    enum err err = ERR_OK;
    for (size_t i = 0; sums && i < sums->count && !err; i++) {
        const int64_t *members = &sums->list[i].conversation; /* nothing but the columns */
        for (int at = 0; at < NUMBERS; at++)
            bind_number(q, at + 1, members[at]);
        for (int at = NUMBERS; at < NUMBERS + NAMES; at++)
            bind_name(q, at + 1, members[at]);
        err = statement_queue(q, NULL, f);
    }
    conversation_sums_clear(sums);
    return err;
}

void conversation_sums_clear(struct conversation_sums *sums)
{
    if (!sums)
        return;
    if (sums->count)
        memset(sums->slots, 0, sums->cap * 2 * sizeof *sums->slots);
    sums->count = 0;
}

void conversation_sums_free(struct conversation_sums *sums)
{
    if (!sums)
        return;
    free(sums->list);
    free(sums->slots);
    free(sums);
}

/*
 * conversation_sums.c — a batch's sums by conversation, found by a hash: a batch may hold
 * thousands of rows, each of a conversation of its own.
 */
#include "store/conversation_sums.h"

#include <stdlib.h>

#include "base/mem.h"
#include "record/message_hash.h"

struct conversation_sum {
    int64_t conversation; /* the key */
    int64_t first_us, last_us, request_count, error_count, message_count;
    int64_t usage[USAGE_PARTS];
    int64_t cost_usd_micro, unknown_cost_count;
    int64_t session, model; /* names; 0: none */
    bool is_begun;          /* its first request is in this batch */
    int64_t is_known;       /* 1: it was in the table */
};

enum { NUMBERS = offsetof(struct conversation_sum, session) / sizeof(int64_t) };

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
    if (!s->request_count)
        s->first_us = s->last_us = r->started_us;
    if (r->started_us >= s->last_us) {
        s->last_us = r->started_us;
        s->model = names->model ? names->model : s->model;
    }
    s->session = names->session;
    s->first_us = MIN_OF(s->first_us, r->started_us);
    s->request_count++;
    s->error_count += record_failed(r);
    s->message_count = MAX_OF(s->message_count, r->message_count);
    usage_sum(s->usage, &r->usage);
    s->cost_usd_micro += MAX_OF(r->cost_usd_micro, 0);
    s->unknown_cost_count += (r->flags & RECORD_COST_UNKNOWN) != 0;
    s->is_begun |= r->conversation == conversation_begun_by(&r->id);
}

#define USAGE_COLUMNS                                                                              \
    "input_tokens, output_tokens, cache_read_input_tokens, cache_creation_input_tokens,"          \
    " cache_creation_5m_tokens, cache_creation_1h_tokens, web_search_requests"

const char conversation_update_sql[] =
    "UPDATE conversations SET first_us = CASE WHEN ?2 < first_us THEN ?2 ELSE first_us END,"
    " last_us = CASE WHEN ?3 > last_us THEN ?3 ELSE last_us END,"
    " request_count = request_count + ?4, error_count = error_count + ?5,"
    " message_count = CASE WHEN ?6 > message_count THEN ?6 ELSE message_count END,"
    " input_tokens = input_tokens + ?7, output_tokens = output_tokens + ?8,"
    " cache_read_input_tokens = cache_read_input_tokens + ?9,"
    " cache_creation_input_tokens = cache_creation_input_tokens + ?10,"
    " cache_creation_5m_tokens = cache_creation_5m_tokens + ?11,"
    " cache_creation_1h_tokens = cache_creation_1h_tokens + ?12,"
    " web_search_requests = web_search_requests + ?13,"
    " cost_usd_micro = cost_usd_micro + ?14, unknown_cost_count = unknown_cost_count + ?15,"
    " model = CASE WHEN ?3 >= last_us THEN coalesce(?16, model) ELSE model END"
    " WHERE conversation = ?1";

#define SUM_OF(column) "CAST(sum(coalesce(" column ", 0)) AS BIGINT)"
/* `mine`: the rows of the conversation, as an index has them. */
#define WRITE_FROM(mine)                                                                           \
    "INSERT INTO conversations (conversation, first_us, last_us, request_count, error_count,"     \
    " message_count, " USAGE_COLUMNS ", cost_usd_micro, unknown_cost_count, session, agent,"      \
    " title, model, client)"                                                                      \
    " SELECT conversation, min(started_us), max(started_us), count(*),"                           \
    " CAST(sum(CASE WHEN state <> 1 THEN 1 ELSE 0 END) AS BIGINT), max(coalesce(message_count, 0)),"     \
    SUM_OF("input_tokens") "," SUM_OF("output_tokens") "," SUM_OF("cache_read_input_tokens") ","  \
    SUM_OF("cache_creation_input_tokens") "," SUM_OF("cache_creation_5m_tokens") ","              \
    SUM_OF("cache_creation_1h_tokens") "," SUM_OF("web_search_requests") ","                      \
    SUM_OF("cost_usd_micro") ",CAST(sum(CASE WHEN " COST_IS_UNKNOWN " THEN 1 ELSE 0 END) AS BIGINT),"       \
    " max(session), max(agent),"                                                                  \
    " (SELECT title FROM requests WHERE " mine " AND title IS NOT NULL ORDER BY id LIMIT 1),"     \
    " (SELECT model FROM requests WHERE " mine " AND model IS NOT NULL ORDER BY id DESC LIMIT 1),"\
    " max(client) FROM requests WHERE " mine " GROUP BY conversation ON CONFLICT DO NOTHING"

const char conversation_write_sql[] = WRITE_FROM("session IS NULL AND conversation = ?1");
const char conversation_write_session_sql[] = WRITE_FROM("session = ?2 AND conversation = ?1");

static enum err update_sum(struct store *s, struct conversation_sum *sum, struct fail *f)
{
    struct statement *q = s->statements[UPDATE_CONVERSATION];
    const int64_t *members = &sum->conversation; /* nothing but the columns */
    for (int at = 0; at < NUMBERS; at++)
        bind_number(q, at + 1, members[at]);
    bind_name(q, NUMBERS + 1, sum->model);
    return statement_queue(q, &sum->is_known, f);
}

/* It goes on for the first time: from its rows, this batch's among them. */
static enum err enter_sum(struct store *s, const struct conversation_sum *sum, struct fail *f)
{
    struct statement *q =
        s->statements[sum->session ? WRITE_SESSION_CONVERSATION : WRITE_CONVERSATION];
    bind_number(q, 1, sum->conversation);
    if (sum->session)
        bind_number(q, 2, sum->session);
    return statement_queue(q, NULL, f);
}

static enum err write_sums(struct store *s, struct conversation_sums *sums, struct fail *f)
{
    enum err err = ERR_OK;
    bool has_updates = false;
    for (size_t i = 0; i < sums->count && !err; i++)
        if (!sums->list[i].is_begun) {
            err = update_sum(s, &sums->list[i], f);
            has_updates = true;
        }
    if (!err && has_updates)
        err = database_settle(&s->db, f);
    for (size_t i = 0; i < sums->count && !err; i++) {
        const struct conversation_sum *sum = &sums->list[i];
        bool goes_on = !sum->is_begun || sum->request_count > 1;
        if (goes_on && !sum->is_known)
            err = enter_sum(s, sum, f);
    }
    return err;
}

enum err conversation_sums_write(struct store *s, struct fail *f)
{
    enum err err = s->conversations ? write_sums(s, s->conversations, f) : ERR_OK;
    conversation_sums_clear(s->conversations);
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

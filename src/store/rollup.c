/*
 * rollup.c — a batch's sums.
 */
#include "store/rollup.h"

#include <stdlib.h>

#include "base/mem.h"

static const int64_t us_per_hour = INT64_C(3600) * 1000000;

void usage_sum(int64_t sums[USAGE_PARTS], const struct usage *u)
{
    const int64_t parts[USAGE_PARTS] = {
        u->input_tokens, u->output_tokens, u->cache_read_input_tokens,
        u->cache_creation_input_tokens, u->cache_creation_5m_tokens, u->cache_creation_1h_tokens,
        u->web_search_requests,
    };
    for (int i = 0; i < USAGE_PARTS; i++)
        sums[i] += MAX_OF(parts[i], 0);
}

static struct rollup *rollup_of(struct store *s, const struct rollup *key)
{
    for (size_t i = s->rollup_count; i-- > 0;)
        if (memcmp(&s->rollups[i], key, offsetof(struct rollup, request_count)) == 0)
            return &s->rollups[i];
    if (s->rollup_count == s->rollup_cap) {
        s->rollup_cap = s->rollup_cap ? s->rollup_cap * 2 : 16;
        s->rollups = mem_resize(s->rollups, s->rollup_cap * sizeof *s->rollups);
    }
    s->rollups[s->rollup_count] = *key;
    return &s->rollups[s->rollup_count++];
}

void rollup_add(struct store *s, const struct record *r, const struct row_names *names)
{
    struct rollup key = {.hour = r->started_us / us_per_hour, .model = names->model,
                         .provider = names->provider, .state = r->state};
    struct rollup *sum = rollup_of(s, &key);
    sum->request_count++;
    sum->error_count += record_failed(r);
    usage_sum(sum->usage, &r->usage);
    sum->request_bytes += r->request_bytes;
    sum->response_bytes += r->response_bytes;
    sum->duration_us_sum += MAX_OF(r->duration_us, 0);
    sum->ttfb_us_sum += MAX_OF(r->ttfb_us, 0);
    sum->ttfb_count += r->ttfb_us >= 0;
}

static struct session_sum *session_of(struct store *s, int64_t session, int64_t started_us)
{
    for (size_t i = s->session_count; i-- > 0;)
        if (s->sessions[i].session == session)
            return &s->sessions[i];
    if (s->session_count == s->session_cap) {
        s->session_cap = s->session_cap ? s->session_cap * 2 : 16;
        s->sessions = mem_resize(s->sessions, s->session_cap * sizeof *s->sessions);
    }
    s->sessions[s->session_count] =
        (struct session_sum){.session = session, .first_us = started_us, .last_us = started_us};
    return &s->sessions[s->session_count++];
}

void session_sum_add(struct store *s, const struct record *r, const struct row_names *names,
                     bool is_new_agent)
{
    struct session_sum *sum = session_of(s, names->session, r->started_us);
    if (r->started_us >= sum->last_us) {
        sum->last_us = r->started_us;
        sum->model = names->model ? names->model : sum->model;
    }
    sum->first_us = MIN_OF(sum->first_us, r->started_us);
    sum->request_count++;
    sum->error_count += record_failed(r);
    sum->agent_count += is_new_agent;
    usage_sum(sum->usage, &r->usage);
    sum->title = sum->title ? sum->title : names->title;
    sum->client = sum->client ? sum->client : names->client;
}

static void bind_numbers(struct statement *q, int *at, const int64_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bind_number(q, (*at)++, numbers[i]);
}

void bind_name(struct statement *q, int at, int64_t id)
{
    if (id)
        bind_number(q, at, id);
    else
        bind_null(q, at);
}

static enum err write_rollup(struct store *s, const struct rollup *sum, struct fail *f)
{
    struct statement *q = s->statements[WRITE_ROLLUP];
    int at = 1;
    /* the struct is nothing but the columns, in their order */
    bind_numbers(q, &at, &sum->hour, sizeof *sum / sizeof(int64_t));
    return statement_queue(q, NULL, f);
}

static enum err write_session(struct store *s, const struct session_sum *sum, struct fail *f)
{
    struct statement *q = s->statements[WRITE_SESSION];
    int at = 1;
    bind_numbers(q, &at, &sum->session, offsetof(struct session_sum, title) / sizeof(int64_t));
    bind_name(q, at++, sum->title);
    bind_name(q, at++, sum->model);
    bind_name(q, at, sum->client);
    return statement_queue(q, NULL, f);
}

/* Both structs begin with their key, in numbers. */
static int compare(const int64_t *a, const int64_t *b, size_t parts)
{
    for (size_t i = 0; i < parts; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return 0;
}

static int compare_rollups(const void *a, const void *b)
{
    return compare(a, b, offsetof(struct rollup, request_count) / sizeof(int64_t));
}

static int compare_sessions(const void *a, const void *b)
{
    return compare(a, b, 1);
}

enum err rollup_write(struct store *s, struct fail *f)
{
    enum err err = ERR_OK;
    qsort(s->rollups, s->rollup_count, sizeof *s->rollups, compare_rollups);
    qsort(s->sessions, s->session_count, sizeof *s->sessions, compare_sessions);
    for (size_t i = 0; i < s->rollup_count && !err; i++)
        err = write_rollup(s, &s->rollups[i], f);
    for (size_t i = 0; i < s->session_count && !err; i++)
        err = write_session(s, &s->sessions[i], f);
    s->rollup_count = s->session_count = 0;
    return err;
}

static void negate(int64_t *from, const void *end)
{
    for (; (const void *)from < end; from++)
        *from = -*from;
}

void rollup_negate(struct store *s)
{
    for (size_t i = 0; i < s->rollup_count; i++)
        negate(&s->rollups[i].request_count, &s->rollups[i] + 1);
    for (size_t i = 0; i < s->session_count; i++)
        negate(&s->sessions[i].request_count, &s->sessions[i].title);
}

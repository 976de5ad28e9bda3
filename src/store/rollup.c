/*
 * rollup.c — open cells and a batch's sums by session, in memory. How cells get into their table:
 * rollup_cells.c.
 */
#include "store/rollup.h"

#include <stdlib.h>

#include "base/mem.h"
#include "record/tool_list.h"
#include "store/rollup_cells.h"

static const int64_t us_per_hour = INT64_C(3600) * 1000000;

/* --- cells --- */

struct rollup *rollup_of(struct store *s, const struct cell_key *key)
{
    for (size_t i = s->rollup_count; i-- > 0;)
        if (memcmp(&s->rollups[i].key, key, sizeof *key) == 0)
            return &s->rollups[i];
    if (s->rollup_count == s->rollup_cap) {
        s->rollup_cap = s->rollup_cap ? s->rollup_cap * 2 : 4;
        s->rollups = mem_resize(s->rollups, s->rollup_cap * sizeof *s->rollups);
    }
    struct rollup *sum = &s->rollups[s->rollup_count++];
    sum->key = *key;
    sum->is_changed = sum->is_written = false;
    cell_init(&sum->cell);
    return sum;
}

static struct cell_key key_of(const struct store *s, const struct record *r,
                              const struct row_names *n)
{
    int64_t type = n->agent_type ? n->agent_type : n->agent ? ROLLUP_TYPE_UNKNOWN : 0;
    return (struct cell_key){
        .span = SPAN_HOUR, .start = r->started_us / us_per_hour, .lane = s->lane,
        .model = n->model, .response_model = n->response_model, .provider = n->provider,
        .state = r->state, .status = r->status, .agent_type = type, .project = n->project,
    };
}

/* The tools that the answer calls, or whose errors the request brings back. */
static enum err add_tools(struct store *s, struct cell *cell, const struct record *r, bool errors,
                          int sign, struct fail *f)
{
    struct tool_count c;
    struct str text = errors ? r->tool_errors : r->tools;
    enum err err = ERR_OK;
    while (!err && tool_list_next(&text, &c)) {
        int64_t name;
        err = names_id(&s->names, c.name, true, &name, f);
        if (err)
            break;
        struct cell_tool *tool = cell_tool_of(&cell->tools, name, s->other_name);
        if (errors) {
            tool->error_count += sign * c.count;
            cell->sums.tool_error_count += sign * c.count;
        } else {
            cell_tool_call(tool, r, c.count, sign);
            cell->sums.tool_call_count += sign * c.count;
        }
    }
    return err;
}

/* What of the table has to be known before anything is added. */
static enum err prepare(struct store *s, struct fail *f)
{
    if (s->has_open_cells)
        return ERR_OK;
    enum err err = names_id(&s->names, STR(TOOL_OTHER), true, &s->other_name, f);
    if (!err)
        err = rollup_cells_load(s, f);
    s->has_open_cells = !err;
    return err;
}

static enum err add_cell(struct store *s, const struct record *r, const struct row_names *names,
                         int sign, struct fail *f)
{
    enum err err = prepare(s, f);
    if (err)
        return err;
    struct cell_key key = key_of(s, r, names);
    struct rollup *sum = rollup_of(s, &key);
    sum->is_changed = true;
    cell_add_record(&sum->cell, r, sign);
    if (!err)
        err = add_tools(s, &sum->cell, r, false, sign, f);
    return err ? err : add_tools(s, &sum->cell, r, true, sign, f);
}

/* --- sessions --- */

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

static void add_session(struct store *s, const struct record *r, const struct row_names *names,
                        int sign)
{
    struct session_sum *sum = session_of(s, names->session, r->started_us);
    struct cell_sums one = {0};
    cell_sums_add(&one, r, sign);
    if (r->started_us >= sum->last_us) {
        sum->last_us = r->started_us;
        sum->model = names->model ? names->model : sum->model;
    }
    sum->first_us = MIN_OF(sum->first_us, r->started_us);
    sum->request_count += sign;
    sum->error_count += one.error_count;
    for (int i = 0; i < USAGE_PARTS; i++)
        sum->usage[i] += one.usage[i];
    sum->cost_usd_micro += one.cost_usd_micro;
    sum->unknown_cost_count += one.unknown_cost_count;
    sum->title = sum->title ? sum->title : names->title;
    sum->client = sum->client ? sum->client : names->client;
    sum->project = sum->project ? sum->project : names->project;
}

void bind_name(struct statement *q, int at, int64_t id)
{
    if (id)
        bind_number(q, at, id);
    else
        bind_null(q, at);
}

static enum err write_session(struct store *s, const struct session_sum *sum, struct fail *f)
{
    struct statement *q = s->statements[WRITE_SESSION];
    const int64_t *numbers = &sum->session;
    int at = 1;
    /* the struct begins with nothing but the columns, in their order */
    for (size_t i = 0; i < offsetof(struct session_sum, title) / sizeof(int64_t); i++)
        bind_number(q, at++, numbers[i]);
    bind_name(q, at++, sum->title);
    bind_name(q, at++, sum->model);
    bind_name(q, at++, sum->client);
    bind_name(q, at, sum->project);
    return statement_queue(q, NULL, f);
}

/* --- both --- */

enum err rollup_names(struct store *s, const struct record *r, struct row_names *out,
                      struct fail *f)
{
    struct {
        struct str text;
        int64_t *id;
    } const wanted[] = {
        {r->session_id, &out->session},         {r->agent_id, &out->agent},
        {r->model, &out->model},                {r->response_model, &out->response_model},
        {r->agent_type, &out->agent_type},      {r->project, &out->project},
        {r->provider, &out->provider},
    };
    enum err err = ERR_OK;
    *out = (struct row_names){0};
    for (size_t i = 0; i < COUNT_OF(wanted) && !err; i++)
        err = names_id(&s->names, wanted[i].text, true, wanted[i].id, f);
    return err;
}

enum err rollup_add(struct store *s, const struct record *r, const struct row_names *names,
                    bool is_new_agent, struct fail *f)
{
    if (names->session) {
        add_session(s, r, names, 1);
        session_of(s, names->session, r->started_us)->agent_count += is_new_agent;
    }
    return add_cell(s, r, names, 1, f);
}

enum err rollup_subtract(struct store *s, const struct record *r, const struct row_names *names,
                         struct fail *f)
{
    if (names->session)
        add_session(s, r, names, -1);
    return add_cell(s, r, names, -1, f);
}

static int compare_sessions(const void *a, const void *b)
{
    const struct session_sum *x = a, *y = b;
    return x->session < y->session ? -1 : x->session > y->session;
}

/* Only the newest hour stays open. */
static enum err write_cells(struct store *s, struct fail *f)
{
    enum err err = ERR_OK;
    int64_t newest = s->rollup_count > OPEN_MAX ? INT64_MAX : INT64_MIN;
    for (size_t i = 0; i < s->rollup_count; i++)
        newest = MAX_OF(newest, s->rollups[i].key.start);
    for (size_t i = s->rollup_count; i-- > 0 && !err;) {
        struct rollup *sum = &s->rollups[i];
        if (sum->key.start < newest) {
            err = rollup_cells_fold(s, sum, f);
            cell_clear(&sum->cell);
            *sum = s->rollups[--s->rollup_count];
        } else if (sum->is_changed) {
            err = rollup_cells_write(s, sum, f);
        }
    }
    return err;
}

enum err rollup_write(struct store *s, struct fail *f)
{
    if (s->session_count)
        qsort(s->sessions, s->session_count, sizeof *s->sessions, compare_sessions);
    enum err err = write_cells(s, f);
    for (size_t i = 0; i < s->session_count && !err; i++)
        err = write_session(s, &s->sessions[i], f);
    s->session_count = 0;
    return err;
}

void rollup_forget(struct store *s)
{
    for (size_t i = 0; i < s->rollup_count; i++)
        cell_clear(&s->rollups[i].cell);
    s->rollup_count = s->session_count = 0;
    s->has_open_cells = false;
    rollup_cells_forget(s);
}

void rollup_release(struct store *s)
{
    rollup_forget(s);
    rollup_cells_release(s);
    free(s->rollups);
    free(s->sessions);
    s->rollups = NULL;
    s->sessions = NULL;
    s->rollup_cap = s->session_cap = 0;
}

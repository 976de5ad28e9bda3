/*
 * cell_query.c — asks for cells. Adding them up is left to who asks.
 */
#include "store/cell_query.h"

static void add_agent(struct query *q, const struct request_filter *f)
{
    if (str_equal(f->agent_id, STR("main")))
        query_add(q, " AND agent_type = 0");
    else if (f->agent_id.len)
        query_add(q, " AND agent_type <> 0");
    if (str_equal(f->agent_type, STR("unknown")))
        query_number(q, " AND agent_type = ?", ROLLUP_TYPE_UNKNOWN);
    else
        query_name(q, q->reader, " AND agent_type = ?", f->agent_type);
}

void cell_query_begin(struct query *q, struct store_reader *r, const char *columns,
                      const struct request_filter *f, enum span span)
{
    query_begin(q, r, STR_NONE);
    query_add(q, "SELECT ");
    query_add(q, columns);
    query_number(q, " FROM rollups WHERE span = ?", span);
    if (f->model.len) {
        query_name(q, r, " AND (model = ?", f->model);
        query_name(q, r, " OR response_model = ?)", f->model);
    }
    query_name(q, r, " AND provider = ?", f->provider);
    query_name(q, r, " AND project = ?", f->project);
    add_agent(q, f);
    if (f->has_state)
        query_number(q, " AND state = ?", f->state);
    query_status(q, f->status);
}

enum err cell_query_look_over(struct query *open, enum span span, cell_query_fn *on_open,
                              void *owner, int64_t *first, int64_t *last, struct fail *f)
{
    struct query range;
    query_begin(&range, open->reader, STR_NONE);
    query_number(&range, "SELECT (SELECT start FROM rollups WHERE span = ?", span);
    query_number(&range, " ORDER BY start LIMIT 1), (SELECT start FROM rollups WHERE span = ?", span);
    query_add(&range, " ORDER BY start DESC LIMIT 1)");
    enum err err = query_ask(open, f);
    if (!err)
        err = query_ask(&range, f);
    while (!err && query_next(open, &err, f))
        on_open(open->rows, owner);
    if (!err && query_next(&range, &err, f) && !column_is_null(range.rows, 0)) {
        *first = column_number(range.rows, 0);
        *last = column_number(range.rows, 1);
    }
    query_release(&range);
    return err;
}

/*
 * measure.c — how large the store is: from what is summed up at ingest.
 */
#include "store/reader.h"

enum err store_measure(struct store_reader *r, struct store_size *out, struct fail *f)
{
    struct statement *q;
    *out = (struct store_size){0};
    enum err err = reader_begin(r, f);
    if (!err)
        err = database_prepare(&r->db,
                               "SELECT requests, (SELECT count(*) FROM sessions), pieces, blocks,"
                               " raw_bytes, stored_bytes FROM totals", &q, f);
    if (err)
        return err;
    if (statement_next(q, &err, f)) {
        int64_t *const parts[] = {&out->requests, &out->sessions,  &out->pieces,
                                  &out->blocks,   &out->raw_bytes, &out->stored_bytes};
        for (int i = 0; i < (int)COUNT_OF(parts); i++)
            *parts[i] = column_number(q, i);
    }
    statement_free(q);
    out->file_bytes = r->store->engine->size(r);
    return err;
}

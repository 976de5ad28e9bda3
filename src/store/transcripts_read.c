/*
 * transcripts_read.c — lists of transcripts, and the lines of one.
 */
#include "base/mem.h"
#include "store/query.h"
#include "store/store_transcripts.h"

static const char file_columns[] =
    "SELECT file, inode, size, mtime_us, read_to, ends_len, ends_hash, is_skipping, event_count,"
    " bad_lines, long_lines, first_us, last_us, path, tool_use_id, project, session, agent,"
    " title, cwd, branch, agent_type, agent_description, place FROM transcript_files"
    " WHERE 1 = 1";
enum { COLUMN_PLACE = 23 };

static int64_t known_time(int64_t us)
{
    return us > 0 ? us : UNKNOWN;
}

static struct transcript_file read_numbers(struct statement *q)
{
    return (struct transcript_file){
        .id = column_number(q, 0),
        .inode = column_number(q, 1),
        .size = column_number(q, 2),
        .mtime_us = column_number(q, 3),
        .read_to = column_number(q, 4),
        .ends_len = column_number(q, 5),
        .ends_hash = column_number(q, 6),
        .is_skipping = column_number(q, 7) != 0,
        .event_count = column_number(q, 8),
        .bad_lines = column_number(q, 9),
        .long_lines = column_number(q, 10),
        .first_us = known_time(column_number(q, 11)),
        .last_us = known_time(column_number(q, 12)),
    };
}

static struct transcript_file read_file(struct store_reader *r, struct statement *q)
{
    struct transcript_file file = read_numbers(q);
    reader_names_trim(r);
    file.path = column_str(q, 13);
    file.tool_use_id = column_str(q, 14);
    struct str *const names[] = {
        &file.project, &file.session_id, &file.agent_id,   &file.title,
        &file.cwd,     &file.branch,     &file.agent_type, &file.agent_description};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        *names[i] = reader_name(r, column_number(q, 15 + (int)i));
    return file;
}

enum err store_each_transcript(struct store_reader *r, struct str place, store_transcript_fn *fn,
                               void *owner, struct fail *f)
{
    struct query q;
    if (!atomic_load(&r->store->is_ready))
        return fail(f, ERR_DATABASE_AWAY, "the database has not been reached yet");
    enum err err = reader_begin(r, f);
    if (err)
        return err;
    query_begin(&q, r, STR_NONE);
    query_add(&q, file_columns);
    query_name(&q, r, " AND place = ?", place);
    while (query_next(&q, &err, f)) {
        struct transcript_file file = read_numbers(q.rows);
        fn(&file, owner);
    }
    query_release(&q);
    return reader_end(r, err, f);
}

static void add_filter(struct query *q, struct store_reader *r, const struct thread_filter *filter)
{
    query_threads(q, filter);
    if (filter->project.len) {
        int64_t id = reader_name_id(r, filter->project);
        query_number(q, " AND (project = ?", id);
        query_number(q, " OR cwd = ?)", id);
    }
    if (filter->q.len)
        query_add(q, " AND (title IN (SELECT id FROM found) OR session IN (SELECT id FROM found)"
                     " OR cwd IN (SELECT id FROM found) OR branch IN (SELECT id FROM found)"
                     " OR agent_type IN (SELECT id FROM found))");
}

enum err store_transcripts(struct store_reader *r, const struct thread_filter *filter, int limit,
                           store_transcript_fn *fn, void *owner, struct fail *f)
{
    struct query q;
    enum err err = reader_begin(r, f);
    if (err)
        return err;
    query_begin(&q, r, filter->q);
    query_add(&q, file_columns);
    add_filter(&q, r, filter);
    query_number(&q, " ORDER BY last_us DESC, file DESC LIMIT ?", limit + TRANSCRIPT_TIES_MAX);
    int64_t last_us = 0;
    for (int i = 0; query_next(&q, &err, f); i++) {
        struct transcript_file file = read_file(r, q.rows);
        if (i >= limit && (file.last_us != last_us || file.last_us <= 0))
            break;
        last_us = file.last_us;
        fn(&file, owner);
    }
    query_release(&q);
    return reader_end(r, err, f);
}

enum err store_transcript(struct store_reader *r, int64_t id, struct str place, struct arena *arena,
                          struct transcript_file *out, bool *is_here, struct fail *f)
{
    struct query q;
    enum err err = reader_begin(r, f);
    if (err)
        return err;
    query_begin(&q, r, STR_NONE);
    query_add(&q, file_columns);
    query_number(&q, " AND file = ?", id);
    bool is_found = query_next(&q, &err, f);
    if (is_found) {
        *out = read_file(r, q.rows);
        transcript_file_keep(out, arena);
        *is_here = str_equal(reader_name(r, column_number(q.rows, COLUMN_PLACE)), place);
    }
    query_release(&q);
    err = reader_end(r, err, f);
    return err ? err : is_found ? ERR_OK : ERR_NOT_FOUND;
}

/* --- lines --- */

static bool read_uuid(struct statement *q, int at, struct uuid *out)
{
    struct str bytes = column_str(q, at);
    if (bytes.len != sizeof out->bytes)
        return false;
    memcpy(out->bytes, bytes.ptr, sizeof out->bytes);
    return true;
}

static struct transcript_event read_event(struct store_reader *r, struct statement *q)
{
    int64_t kind = column_number(q, 2);
    struct transcript_event e = {
        .start = column_number(q, 0),
        .len = column_number(q, 1),
        .kind = kind > 0 && kind < TRANSCRIPT_KINDS ? (enum transcript_kind)kind : TRANSCRIPT_OTHER,
        .flags = (uint32_t)column_number(q, 3),
        .at_us = known_time(column_number(q, 4)),
        .request_id = column_str(q, 7),
        .message_id = column_str(q, 8),
    };
    reader_names_trim(r);
    e.has_uuid = read_uuid(q, 5, &e.uuid);
    e.has_parent = read_uuid(q, 6, &e.parent);
    e.cwd = reader_name(r, column_number(q, 9));
    e.branch = reader_name(r, column_number(q, 10));
    return e;
}

enum err store_transcript_events(struct store_reader *r, int64_t id, int64_t from, int limit,
                                 store_event_fn *fn, void *owner, struct fail *f)
{
    struct query q;
    enum err err = reader_begin(r, f);
    if (err)
        return err;
    query_begin(&q, r, STR_NONE);
    query_add(&q, "SELECT start, len, kind, flags, at_us, uuid, parent, request_id, message_id,"
                  " cwd, branch FROM transcript_events");
    query_number(&q, " WHERE file = ?", id);
    query_number(&q, " AND start >= ?", from);
    query_number(&q, " ORDER BY start LIMIT ?", limit);
    while (query_next(&q, &err, f)) {
        struct transcript_event e = read_event(r, q.rows);
        fn(&e, owner);
    }
    query_release(&q);
    return reader_end(r, err, f);
}

enum err store_transcript_requests(struct store_reader *r, struct str session_id,
                                   void (*fn)(struct str request_id, void *owner), void *owner,
                                   struct fail *f)
{
    struct query q;
    enum err err = reader_begin(r, f);
    if (err)
        return err;
    query_begin(&q, r, STR_NONE);
    query_add(&q, "SELECT DISTINCT request_id FROM transcript_events"
                  " WHERE file IN (SELECT file FROM transcript_files WHERE 1 = 1");
    query_name(&q, r, " AND session = ?", session_id);
    query_number(&q, ") AND request_id IS NOT NULL LIMIT ?", TRANSCRIPT_REQUESTS_MAX);
    while (query_next(&q, &err, f))
        fn(column_str(q.rows, 0), owner);
    query_release(&q);
    return reader_end(r, err, f);
}

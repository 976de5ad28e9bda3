/*
 * test_store_file.c — what store_open() makes of the file it finds, and that nothing is lost.
 */
#include "check.h"

#include <dirent.h>
#include <stdio.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "batches.h"
#include "store/erase.h"
#include "store/reader.h"
#include "store/store_threads.h"
#include "store/store_transcripts.h"
#include "store/walk.h"

static const int64_t base_us = INT64_C(1795000000000000);

struct fixture {
    char dir[64], path[96];
};

static int setup(void **state)
{
    struct fixture *x = MEM_NEW(struct fixture);
    snprintf(x->dir, sizeof x->dir, "/tmp/test_store_file.XXXXXX");
    assert_non_null(mkdtemp(x->dir));
    snprintf(x->path, sizeof x->path, "%s/requests.db", x->dir);
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *x = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", x->dir);
    assert_int_equal(system(command), 0);
    free(x);
    return 0;
}

static enum err open_store(struct fixture *x, struct store **s, struct fail *f)
{
    *f = (struct fail){0};
    return store_open(s, &(struct store_options){.where = x->path}, f);
}

/* Opens, stores one request, closes. */
static struct uuid use(struct fixture *x)
{
    struct store *s;
    struct fail f;
    struct batch_maker m;
    assert_int_equal(open_store(x, &s, &f), ERR_OK);
    maker_init(&m, s);
    struct record r = maker_record(base_us);
    maker_add(&m, &r, STR("request"), STR("response"));
    assert_int_equal(store_commit(s, maker_batch(&m), &f), ERR_OK);
    maker_release(&m);
    store_close(s);
    return r.id;
}

static int64_t count_requests(struct fixture *x)
{
    struct store *s;
    struct fail f;
    int64_t count = -1;
    assert_int_equal(open_store(x, &s, &f), ERR_OK);
    struct store_reader *r = store_reader_new(s);
    assert_int_equal(store_count(r, &(struct request_filter){0}, &count, &(bool){0}, &f), ERR_OK);
    store_reader_free(r);
    store_close(s);
    return count;
}

static int count_files(const struct fixture *x, const char *part)
{
    DIR *dir = opendir(x->dir);
    int count = 0;
    for (struct dirent *e; (e = readdir(dir));)
        count += strstr(e->d_name, part) != NULL;
    closedir(dir);
    return count;
}

static void write_file(const struct fixture *x, struct str bytes)
{
    FILE *file = fopen(x->path, "wb");
    if (bytes.len)
        assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, file), bytes.len);
    fclose(file);
}

static void run_sql(const struct fixture *x, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(x->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static int on_number(void *out, int count, char **values, char **names)
{
    (void)count;
    (void)names;
    *(int *)out = atoi(values[0]);
    return 0;
}

static int number_of(const struct fixture *x, const char *sql)
{
    sqlite3 *db;
    int number = -1;
    assert_int_equal(sqlite3_open(x->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, on_number, &number, NULL), SQLITE_OK);
    sqlite3_close(db);
    return number;
}

static int schema_version(const struct fixture *x)
{
    return number_of(x, "PRAGMA user_version");
}

static void is_private_and_lasts(void **state)
{
    struct fixture *x = *state;
    use(x);
    use(x);
    struct stat st;
    assert_int_equal(stat(x->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(count_requests(x), 2);
    assert_int_equal(count_files(x, "-wal"), 0); /* all of it is in the one file */
}

static void one_writer_only(void **state)
{
    struct fixture *x = *state;
    struct store *first, *second;
    struct fail f;
    assert_int_equal(open_store(x, &first, &f), ERR_OK);
    assert_int_equal(open_store(x, &second, &f), ERR_BUSY);
    char owner[64];
    snprintf(owner, sizeof owner, "in use by process %ld", (long)getpid());
    assert_non_null(strstr(f.detail, owner));
    store_close(first);
    assert_int_equal(open_store(x, &second, &f), ERR_OK);
    store_close(second);
}

static void damaged_files_are_set_aside(void **state)
{
    struct fixture *x = *state;
    static char zeros[20000];
    write_file(x, STR("this is no database, it is a letter to a friend, and longer than a header "
                      "of a hundred bytes would be"));
    assert_int_equal(count_requests(x), 0);
    assert_int_equal(count_files(x, ".corrupt-"), 1);
    char command[200];
    snprintf(command, sizeof command, "rm '%s'/*.corrupt-*", x->dir); /* named by the second */
    assert_int_equal(system(command), 0);
    use(x);
    FILE *file = fopen(x->path, "r+b"); /* all pages but the first */
    fseek(file, 2048, SEEK_SET);
    assert_int_equal(fwrite(zeros, 1, sizeof zeros, file), sizeof zeros);
    fclose(file);
    assert_int_equal(count_requests(x), 0);
    assert_int_equal(count_files(x, ".corrupt-"), 1);
    write_file(x, STR_NONE); /* empty is new */
    assert_int_equal(count_requests(x), 0);
    assert_int_equal(count_files(x, ".corrupt-"), 1);
}

static void a_suspect_is_looked_at(void **state)
{
    struct fixture *x = *state;
    use(x);
    char mark[160];
    snprintf(mark, sizeof mark, "%s.suspect", x->path);
    fclose(fopen(mark, "w"));
    assert_int_equal(count_requests(x), 1); /* nothing was wrong */
    assert_int_equal(access(mark, F_OK), -1);
    assert_int_equal(count_files(x, ".corrupt-"), 0);
}

static void others_and_newer_ones_are_refused(void **state)
{
    struct fixture *x = *state;
    struct store *s;
    struct fail f;
    run_sql(x, "CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1);");
    assert_int_equal(open_store(x, &s, &f), ERR_CONFIG);
    assert_non_null(strstr(f.detail, "another program"));
    assert_int_equal(count_files(x, ".corrupt-"), 0);
    assert_int_equal(unlink(x->path), 0);
    use(x);
    char own_version[64];
    snprintf(own_version, sizeof own_version, "PRAGMA user_version = %d;", schema_version(x));
    run_sql(x, "PRAGMA user_version = 999;");
    assert_int_equal(open_store(x, &s, &f), ERR_CONFIG);
    assert_non_null(strstr(f.detail, "newer version"));
    run_sql(x, own_version);
    assert_int_equal(count_requests(x), 1); /* untouched */
}

/* SQLite takes the changed name for the column's: the file is as good as before to it. */
static void a_damaged_schema_is_set_aside(void **state)
{
    struct fixture *x = *state;
    struct store *s;
    struct fail f;
    struct buf out;
    struct uuid id = use(x);
    run_sql(x, "PRAGMA writable_schema = 1;"
               "UPDATE sqlite_schema SET sql = replace(sql, 'chain', 'chbin') WHERE name = 'blocks'");
    assert_int_equal(open_store(x, &s, &f), ERR_OK);
    struct store_reader *r = store_reader_new(s);
    buf_init(&out, 1000);
    assert_int_equal(store_body(r, &id, BODY_REQUEST, &out, &f), ERR_CORRUPT);
    buf_release(&out);
    store_reader_free(r);
    store_close(s);
    assert_int_equal(count_requests(x), 0);
    assert_int_equal(count_files(x, ".corrupt-"), 1);
}

static void places_that_cannot_be(void **state)
{
    struct fixture *x = *state;
    struct store *s;
    struct fail f;
    assert_int_equal(mkdir(x->path, 0700), 0);
    assert_int_equal(open_store(x, &s, &f), ERR_CONFIG);
    assert_int_equal(rmdir(x->path), 0);
    assert_int_equal(mkfifo(x->path, 0600), 0);
    assert_int_equal(open_store(x, &s, &f), ERR_CONFIG);
    snprintf(x->path, sizeof x->path, "%s/no/such/place.db", x->dir);
    assert_int_equal(open_store(x, &s, &f), ERR_IO);
}

static void planted_triggers_do_nothing(void **state)
{
    struct fixture *x = *state;
    use(x);
    run_sql(x, "CREATE TRIGGER t AFTER INSERT ON requests BEGIN DELETE FROM requests; END;");
    use(x);
    assert_int_equal(number_of(x, "SELECT count(*) FROM requests"), 2);
}

static int spied;

static void spy(sqlite3_context *c, int count, sqlite3_value **values)
{
    (void)count, (void)values;
    spied++;
    sqlite3_result_int(c, 1);
}

static int add_spy(sqlite3 *db, char **message, const struct sqlite3_api_routines *routines)
{
    (void)message, (void)routines;
    return sqlite3_create_function(db, "spy", -1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, spy, NULL, NULL);
}

/* Opens, stores, reads, as far as the file lets it. */
static void use_if_it_can_be(struct fixture *x)
{
    struct store *s;
    struct fail f;
    struct batch_maker m;
    int64_t count;
    if (open_store(x, &s, &f))
        return;
    maker_init(&m, s);
    struct record r = maker_record(base_us + 1);
    maker_add(&m, &r, STR("request"), STR("response"));
    enum err err = store_commit(s, maker_batch(&m), &f);
    struct store_reader *reader = store_reader_new(s);
    err = store_count(reader, &(struct request_filter){.model = STR("claude-opus-5")}, &count, &(bool){0}, &f);
    (void)err;
    store_reader_free(reader);
    maker_release(&m);
    store_close(s);
}

/* What stands in the file's schema cannot call what this program, or a library in it, can do. */
static void planted_calls_are_not_made(void **state)
{
    struct fixture *x = *state;
    static const char *const plants[] = {
        "CREATE TRIGGER t AFTER INSERT ON requests BEGIN SELECT spy(); END;",
        "CREATE INDEX i ON requests (spy(id));",
        "CREATE INDEX i ON requests (status) WHERE spy(id);",
        "ALTER TABLE requests ADD COLUMN g GENERATED ALWAYS AS (spy(id)) VIRTUAL;"
        "CREATE INDEX i ON requests (g);",
        "ALTER TABLE requests ADD COLUMN g CHECK (spy(id));",
        "ALTER TABLE names RENAME TO names_; CREATE VIEW names AS SELECT id, is_shared, text"
        " FROM names_ WHERE spy(id);",
    };
    assert_int_equal(sqlite3_auto_extension((void (*)(void))add_spy), SQLITE_OK);
    for (size_t i = 0; i < COUNT_OF(plants); i++) {
        char command[160];
        use(x);
        run_sql(x, plants[i]);
        spied = 0;
        use_if_it_can_be(x);
        if (spied)
            fail_msg("called %d times: %s", spied, plants[i]);
        snprintf(command, sizeof command, "rm -f '%s'*", x->path);
        assert_int_equal(system(command), 0);
    }
    sqlite3_reset_auto_extension();
}

static void ignore_stats(const struct stats_row *row, void *owner)
{
    (void)row, (void)owner;
}

static void ignore_session(const struct session_row *row, void *owner)
{
    (void)row, (void)owner;
}

static void ignore_transcript(const struct transcript_file *row, void *owner)
{
    (void)row, (void)owner;
}

static void ignore_row(const struct record *row, void *owner)
{
    (void)row, (void)owner;
}

/* Neither rows without names, nor as if there were none. */
static void assert_rows_fail(struct store *s, struct store_reader *r, const struct request_filter *filter)
{
    struct fail f = {0};
    struct eraser e;
    struct uuid last, stopped;
    bool more;
    memset(&last, 0xff, sizeof last);
    eraser_init(&e, s, NULL, r, ERASE_MARKS_NOTHING);
    assert_int_not_equal(eraser_step(&e, filter, &last, 10, &more, &f), ERR_OK);
    assert_int_not_equal(store_walk(r, filter, NULL, &last, 10, ignore_row, NULL, &f), ERR_OK);
    assert_int_not_equal(store_list_a_while(r, filter, NULL, 10, ignore_row, NULL, &stopped, &f), ERR_OK);
}

/* Who looks a name up finds no table. */
static void break_names(struct store_reader *r)
{
    struct fail f = {0};
    struct statement **q = &r->statements[READ_NAME];
    statement_free(*q);
    assert_int_equal(database_prepare(&r->db, "SELECT text FROM nowhere WHERE id = ?", q, &f), ERR_OK);
}

/* The table of names is taken away under a reader that is open, and that of tools: no answer is one with
 * empty names, or without the rows that it should have found. */
static void names_that_cannot_be_read_are_no_answer(void **state)
{
    struct fixture *x = *state;
    struct store *s;
    struct fail f = {0};
    int64_t count;
    bool is_known;
    struct uuid id = use(x);
    run_sql(x, "INSERT INTO sessions SELECT model, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, model, model, model, 0, 0,"
               " model FROM requests;"
               "INSERT INTO transcript_files (file, place, path, project, session, inode, size, mtime_us,"
               " read_to, ends_len, ends_hash, is_skipping, event_count, bad_lines, long_lines, last_us)"
               " SELECT 1, 1, 'p', model, model, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1 FROM requests");
    assert_int_equal(open_store(x, &s, &f), ERR_OK);
    struct store_reader *r = store_reader_new(s);
    assert_int_equal(store_count(r, &(struct request_filter){0}, &count, &is_known, &f), ERR_OK);
    run_sql(x, "ALTER TABLE names RENAME TO taken_away");
    struct thread_filter all = {0};
    assert_int_not_equal(store_find_sessions(r, &all, 10, ignore_session, NULL, &f), ERR_OK);
    assert_int_not_equal(store_session(r, STR("s"), &(struct arena){0}, &(struct session_row){0}, &f),
                         ERR_OK);
    assert_int_not_equal(store_transcripts(r, &all, 10, ignore_transcript, NULL, &f), ERR_OK);
    assert_int_not_equal(store_stats(r, &(struct stats_ask){.divisions = 1u << STATS_BY_MODEL}, ignore_stats,
                                     NULL, &f), ERR_OK);
    const struct request_filter text = {.q = STR("opus")}, tool = {.tool = STR("Bash")}, any = {0};
    assert_rows_fail(s, r, &text);
    assert_int_not_equal(store_count(r, &text, &count, &is_known, &f), ERR_OK);
    run_sql(x, "ALTER TABLE taken_away RENAME TO names; ALTER TABLE tool_sets RENAME TO taken_away");
    assert_rows_fail(s, r, &tool);
    assert_int_not_equal(store_count(r, &tool, &count, &is_known, &f), ERR_OK);
    run_sql(x, "ALTER TABLE taken_away RENAME TO tool_sets");
    break_names(r);
    assert_rows_fail(s, r, &any);
    struct record row;
    struct arena arena;
    arena_init(&arena);
    assert_int_not_equal(store_get(r, &id, &arena, &row, NULL, &f), ERR_OK);
    arena_release(&arena);
    assert_int_equal(store_count(r, &any, &count, &is_known, &f), ERR_OK);
    assert_int_equal(count, 1);
    store_reader_free(r);
    store_close(s);
}

/* A byte flipped anywhere: it opens or is set aside, and no answer is a wrong body. */
static void flipped_bytes(void **state)
{
    struct fixture *x = *state;
    struct uuid id = use(x);
    char kept[160], command[400];
    snprintf(kept, sizeof kept, "%s/kept", x->dir);
    assert_int_equal(rename(x->path, kept), 0);
    struct stat st;
    assert_int_equal(stat(kept, &st), 0);
    for (off_t at = 0; at < st.st_size; at += at < 200 ? 7 : 997) {
        snprintf(command, sizeof command, "cp '%s' '%s'", kept, x->path);
        assert_int_equal(system(command), 0);
        FILE *file = fopen(x->path, "r+b");
        fseek(file, at, SEEK_SET);
        int byte = fgetc(file);
        fseek(file, at, SEEK_SET);
        fputc(byte ^ 0x55, file);
        fclose(file);
        struct store *s;
        struct fail f;
        if (open_store(x, &s, &f) == ERR_OK) {
            struct store_reader *r = store_reader_new(s);
            struct buf out;
            buf_init(&out, 1 << 20);
            if (store_body(r, &id, BODY_REQUEST, &out, &f) == ERR_OK)
                assert_str_equal(buf_str(&out), STR("request"));
            buf_release(&out);
            store_reader_free(r);
            store_close(s);
        }
        snprintf(command, sizeof command, "rm -f '%s' '%s'*", x->path, x->path);
        assert_int_equal(system(command), 0);
    }
}

/* Beside a proxy that was started before the program was replaced. */
static void who_only_reads_brings_nothing_up_to_date(void **state)
{
    struct fixture *x = *state;
    struct store *s;
    struct fail f = {0};
    int64_t count;
    use(x);
    run_sql(x, "PRAGMA user_version = 3");
    assert_int_equal(store_open(&s, &(struct store_options){.where = x->path, .only_reads = true}, &f), ERR_OK);
    struct store_reader *r = store_reader_new(s);
    assert_int_equal(store_count(r, &(struct request_filter){0}, &count, &(bool){0}, &f), ERR_CONFIG);
    assert_non_null(strstr(f.detail, "older"));
    store_reader_free(r);
    store_close(s);
    assert_int_equal(count_files(x, ".suspect"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    log_setup(LOG_ERROR + 1, LOG_TEXT); /* the damage is ours */
    const struct CMUnitTest tests[] = {
        TEST(is_private_and_lasts),        TEST(one_writer_only),
        TEST(damaged_files_are_set_aside), TEST(a_suspect_is_looked_at),
        TEST(others_and_newer_ones_are_refused), TEST(places_that_cannot_be),
        TEST(planted_triggers_do_nothing), TEST(planted_calls_are_not_made),
        TEST(names_that_cannot_be_read_are_no_answer), TEST(a_damaged_schema_is_set_aside),
        TEST(who_only_reads_brings_nothing_up_to_date), TEST(flipped_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

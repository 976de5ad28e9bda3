/* test_sqlite_wal.c — what is committed has been written, and what cannot be written is no commit. */
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "store/sqlite_wal.h"

enum { ROWS = 200, ROW_BYTES = 900 };

struct scene {
    char dir[32], path[48], wal[64], copy[48];
    sqlite3 *writer, *reader;
};

static void run(sqlite3 *db, const char *sql)
{
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static int64_t number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *q;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    return n;
}

static int64_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (int64_t)st.st_size : -1;
}

static int setup(void **state)
{
    static struct scene s;
    snprintf(s.dir, sizeof s.dir, "/tmp/test_wal.XXXXXX");
    assert_non_null(mkdtemp(s.dir));
    snprintf(s.path, sizeof s.path, "%s/a.db", s.dir);
    snprintf(s.wal, sizeof s.wal, "%s/a.db-wal", s.dir);
    snprintf(s.copy, sizeof s.copy, "%s/b.db", s.dir);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    assert_non_null(sqlite_wal_vfs());
    assert_int_equal(sqlite3_open_v2(s.path, &s.writer, flags, sqlite_wal_vfs()), SQLITE_OK);
    run(s.writer, "PRAGMA page_size = 1024; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                  "PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB)");
    assert_int_equal(sqlite3_open_v2(s.path, &s.reader, flags, NULL), SQLITE_OK);
    assert_int_equal(number(s.reader, "SELECT count(*) FROM t"), 0);
    *state = &s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    char command[64];
    sqlite3_close(s->reader);
    sqlite3_close(s->writer);
    snprintf(command, sizeof command, "rm -r %s", s->dir);
    return system(command);
}

static int add_rows(sqlite3 *db)
{
    char sql[160];
    snprintf(sql, sizeof sql,
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
             " INSERT INTO t (b) SELECT randomblob(%d) FROM n", ROWS, ROW_BYTES);
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

/* As a process that is killed at this moment leaves it. */
static sqlite3 *open_copy(struct scene *s)
{
    char command[512];
    sqlite3 *copy;
    snprintf(command, sizeof command, "rm -f %s*; cp %s %s && cp %s %s-wal", s->copy, s->path, s->copy,
             s->wal, s->copy);
    assert_int_equal(system(command), 0);
    assert_int_equal(sqlite3_open_v2(s->copy, &copy, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    return copy;
}

static void test_what_is_committed_is_in_the_file(void **state)
{
    struct scene *s = *state;
    for (int i = 1; i <= 3; i++) {
        run(s->writer, "BEGIN IMMEDIATE");
        assert_int_equal(add_rows(s->writer), SQLITE_OK);
        run(s->writer, "COMMIT");
        assert_int_equal(number(s->reader, "SELECT count(*) FROM t"), ROWS * i);
        sqlite3 *copy = open_copy(s);
        assert_int_equal(number(copy, "SELECT count(*) FROM t"), ROWS * i);
        assert_int_equal(number(copy, "SELECT count(*) FROM pragma_integrity_check"
                                      " WHERE integrity_check <> 'ok'"), 0);
        sqlite3_close(copy);
    }
    run(s->writer, "PRAGMA wal_checkpoint(TRUNCATE)");
    assert_int_equal(size_of(s->wal), 0);
    assert_int_equal(number(s->reader, "SELECT sum(length(b)) FROM t"), 3 * ROWS * ROW_BYTES);
}

/* Pages that no longer fit into memory go into the WAL before the commit, and are read from it. */
static void test_a_transaction_reads_what_it_has_written(void **state)
{
    struct scene *s = *state;
    run(s->writer, "PRAGMA cache_size = 10; BEGIN IMMEDIATE");
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(add_rows(s->writer), SQLITE_OK);
        run(s->writer, "UPDATE t SET b = zeroblob(100) WHERE a % 7 = 0");
        assert_int_equal(number(s->writer, "SELECT count(*) FROM t"), ROWS * i);
        assert_int_equal(number(s->reader, "SELECT count(*) FROM t"), 0);
    }
    run(s->writer, "ROLLBACK");
    assert_int_equal(number(s->writer, "SELECT count(*) FROM t"), 0);
    assert_int_equal(add_rows(s->writer), SQLITE_OK);
    assert_int_equal(number(s->reader, "SELECT count(*) FROM t"), ROWS);
}

static void test_a_full_disk_fails_the_commit(void **state)
{
    struct scene *s = *state;
    struct rlimit before, low;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    low = before;
    low.rlim_cur = 50 * 1024; /* in the middle of the transaction's frames */
    setrlimit(RLIMIT_FSIZE, &low);
    int code = add_rows(s->writer);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_not_equal(code, SQLITE_OK);
    assert_int_equal(number(s->reader, "SELECT count(*) FROM t"), 0);
    assert_int_equal(add_rows(s->writer), SQLITE_OK);
    assert_int_equal(number(s->reader, "SELECT count(*) FROM t"), ROWS);
    sqlite3 *copy = open_copy(s);
    assert_int_equal(number(copy, "SELECT count(*) FROM t"), ROWS);
    sqlite3_close(copy);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_committed_is_in_the_file),
        TEST(test_a_transaction_reads_what_it_has_written),
        TEST(test_a_full_disk_fails_the_commit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

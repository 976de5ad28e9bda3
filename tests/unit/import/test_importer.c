/*
 * test_importer.c — other programs' files, as they write them: what becomes of an exchange in them.
 */
#include "check.h"
#include "scratch.h"

#include <sqlite3.h>

#include "import/importer.h"

enum { GOT_MAX = 16 };

static struct {
    struct exchange_copy list[GOT_MAX];
    size_t count;
    struct arena arena;
    char complaints[2048];
    struct import_counts counts;
    struct fail why;
    enum err err;
} got;

static bool has(void *owner, const struct uuid *id)
{
    (void)owner;
    for (size_t i = 0; i < got.count; i++)
        if (uuid_equal(&got.list[i].id, id))
            return true;
    return false;
}

static enum err put(void *owner, const struct exchange_copy *x, struct fail *f)
{
    (void)owner, (void)f;
    assert_true(got.count < GOT_MAX);
    struct exchange_copy *to = &got.list[got.count++];
    *to = *x;
    struct str *const texts[] = {&to->provider, &to->request_head, &to->response_head,
                                 &to->request.bytes, &to->response.bytes};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        *texts[i] = arena_str(&got.arena, *texts[i]);
    return ERR_OK;
}

static void complain(void *owner, const char *unit, uint64_t number, const char *why)
{
    (void)owner;
    size_t len = strlen(got.complaints);
    snprintf(got.complaints + len, sizeof got.complaints - len, "%s %llu: %s\n", unit,
             (unsigned long long)number, why);
}

static void import_again(const char *path)
{
    const struct import_sink sink = {NULL, has, put, complain};
    static const uint8_t key[REDACT_KEY_BYTES] = {1, 2, 3};
    struct redactor *redactor = redactor_new(key);
    struct importer *m = importer_new(&sink, redactor);
    got.complaints[0] = '\0';
    got.why = (struct fail){0};
    got.err = importer_read(m, path, &got.why);
    got.counts = importer_counts(m);
    importer_free(m);
    redactor_free(redactor);
}

static void import(const char *path)
{
    got.count = 0;
    import_again(path);
}

static void import_text(const char *text)
{
    scratch_write("file", text, strlen(text));
    import("file");
}

static bool contains(struct str text, const char *part)
{
    return str_contains_nocase(text, str_of(part));
}

static void is_text(struct str got_text, const char *want)
{
    if (!str_equal(got_text, str_of(want)))
        fail_msg("got %.*s\nwant %s", STR_ARGS(got_text), want);
}

/* --- databases of seifghazi/claude-code-proxy and of its fork with more columns --- */

static const char seifghazi_schema[] =
    "CREATE TABLE requests (id TEXT PRIMARY KEY, timestamp DATETIME, method TEXT, endpoint TEXT,"
    " headers TEXT, body TEXT, user_agent TEXT, content_type TEXT, prompt_grade TEXT,"
    " response TEXT, model TEXT, original_model TEXT, routed_model TEXT, created_at DATETIME)";
static const char fork_schema[] =
    "CREATE TABLE requests (id TEXT PRIMARY KEY, timestamp DATETIME, method TEXT, endpoint TEXT,"
    " headers TEXT, body TEXT, user_agent TEXT, content_type TEXT, prompt_grade TEXT,"
    " response TEXT, model TEXT, original_model TEXT, routed_model TEXT, created_at DATETIME,"
    " provider TEXT, subagent_name TEXT, tools_used TEXT, tool_call_count INTEGER,"
    " input_tokens INTEGER, output_tokens INTEGER, cache_read_tokens INTEGER,"
    " cache_creation_tokens INTEGER, response_time_ms INTEGER, first_byte_time_ms INTEGER)";

static void run_sql(const char *path, const char *schema, const char *rows)
{
    sqlite3 *db;
    unlink(path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, schema, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, rows, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static const char seifghazi_rows[] =
    "INSERT INTO requests (id, timestamp, method, endpoint, headers, body, user_agent,"
    " content_type, response) VALUES"
    " ('a1b2c3d4e5f60718', '2025-07-01T12:00:00-07:00', 'POST', '/v1/messages',"
    "  '{\"X-Api-Key\":[\"sha256:0f\"],\"Cookie\":[\"session=canary\"],\"Content-Length\":[\"5\"]}',"
    "  '{\"model\":\"claude-3\",\"n\":1.50}', 'claude-cli/1.0', 'application/json',"
    "  '{\"statusCode\":200,\"headers\":{\"Content-Type\":[\"text/event-stream\"],"
    "\"Content-Encoding\":[\"gzip\"]},\"bodyText\":\"Hi\",\"responseTime\":1234,"
    "\"streamingChunks\":[\"data: {\\\"type\\\":\\\"message_start\\\"}\","
    "\"data: {\\\"type\\\":\\\"message_stop\\\"}\"],\"isStreaming\":true}'),"
    " ('b1', '2025-07-01 19:00:05', 'POST', '/v1/messages', '{}', '{}', '', '',"
    "  '{\"statusCode\":529,\"headers\":{},\"body\":{\"type\":\"error\",\"x\":10000000000000000001},"
    "\"responseTime\":7,\"isStreaming\":false}'),"
    " ('c1', '2025-07-01T19:00:06Z', 'POST', '/v1/messages', '{}', '{}', '', '', NULL),"
    " ('d1', '2025-07-01T19:00:07Z', 'POST', '/v1/messages', '{}', '{}', '', '', 'no json'),"
    " ('e1', 'once upon a time', 'POST', '/v1/messages', '{}', '{}', '', '', NULL)";

static void seifghazi_database(void **state)
{
    (void)state;
    run_sql("requests.db", seifghazi_schema, seifghazi_rows);
    import("requests.db");
    assert_int_equal(got.err, ERR_OK);
    assert_int_equal(got.counts.imported, 3);
    assert_int_equal(got.counts.bad, 2);
    assert_non_null(strstr(got.complaints, ": its response is not JSON"));
    assert_non_null(strstr(got.complaints, ": its time or its request is missing"));
    const struct exchange_copy *x = NULL, *error = NULL, *none = NULL;
    for (size_t i = 0; i < got.count; i++) {
        const struct exchange_copy *one = &got.list[i];
        if (one->state == ENDING_PROXY_CRASH)
            none = one;
        else if (contains(one->response_head, "529"))
            error = one;
        else
            x = one;
    }
    assert_true(x && error && none);
    assert_int_equal(x->started_us, INT64_C(1751396400) * 1000000);
    assert_int_equal(x->duration_us, 1234000);
    assert_true(x->ttfb_us < 0);
    is_text(x->provider, "anthropic");
    is_text(x->request.bytes, "{\"model\":\"claude-3\",\"n\":1.50}");
    is_text(x->response.bytes, "event: message_start\ndata: {\"type\":\"message_start\"}\n\n"
                               "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    assert_true(contains(x->request_head, "POST /v1/messages HTTP/1.1\r\n"));
    assert_true(contains(x->request_head, "User-Agent: claude-cli/1.0\r\n"));
    assert_false(contains(x->request_head, "canary"));
    assert_false(contains(x->request_head, "content-length"));
    assert_true(contains(x->response_head, "HTTP/1.1 200"));
    assert_false(contains(x->response_head, "gzip"));
    assert_int_equal(error->started_us, INT64_C(1751396405) * 1000000);
    is_text(error->response.bytes, "{\"type\":\"error\",\"x\":10000000000000000001}");
    assert_int_equal(none->response_head.len, 0);
}

static void a_second_time_all_is_known(void **state)
{
    (void)state;
    run_sql("requests.db", seifghazi_schema, seifghazi_rows);
    import("requests.db");
    import_again("requests.db");
    assert_int_equal(got.counts.imported, 0);
    assert_int_equal(got.counts.known, 3);
}

static void the_forks_database(void **state)
{
    (void)state;
    run_sql("fork.db", fork_schema,
            "INSERT INTO requests (id, timestamp, method, endpoint, headers, body, response,"
            " provider) VALUES ('x', '2025-12-01T10:00:00Z',"
            " 'POST', '/v1/messages', '{\"A\":[\"b\",\"c\"]}', '{}', '{\"statusCode\":200,"
            "\"headers\":{},\"body\":{\"ok\":true},\"responseTime\":900,\"firstByteTime\":300}',"
            " 'plano')");
    import("fork.db");
    assert_int_equal(got.err, ERR_OK);
    assert_int_equal(got.counts.imported, 1);
    is_text(got.list[0].provider, "plano");
    assert_int_equal(got.list[0].ttfb_us, 300000);
    assert_true(contains(got.list[0].request_head, "A: b\r\nA: c\r\n"));
}

static void other_databases(void **state)
{
    (void)state;
    run_sql("other.db", "CREATE TABLE requests (id TEXT, url TEXT)", "SELECT 1");
    import("other.db");
    assert_int_equal(got.err, ERR_PARSE);
    assert_non_null(strstr(got.why.detail, "requests.timestamp is missing"));
    scratch_write("half.db", "SQLite format 3\0rest", 20);
    import("half.db");
    assert_int_not_equal(got.err, ERR_OK);
}

/* --- claude-trace --- */

static void claude_trace(void **state)
{
    (void)state;
    import_text(
        "{\"request\":{\"timestamp\":1750000000.5,\"method\":\"POST\","
        "\"url\":\"https://api.anthropic.com/v1/messages?beta=true\",\"headers\":{\"authorization\":"
        "\"Bearer sk-ant-canary-0123456789\",\"user-agent\":\"claude-cli\"},\"body\":{\"model\":"
        "\"claude-opus\",\"temperature\":1.0}},\"response\":{\"timestamp\":1750000001.25,"
        "\"status_code\":200,\"headers\":{\"content-type\":\"text/event-stream\","
        "\"content-encoding\":\"br\"},\"body_raw\":\"event: ping\\ndata: {}\\n\\n\"},"
        "\"logged_at\":\"2025-06-15T15:06:43.500Z\"}\n"
        "{\"request\":{\"timestamp\":1750000002,\"method\":\"POST\",\"url\":"
        "\"https://bedrock-runtime.us-east-1.amazonaws.com/model/x/invoke\",\"headers\":{},"
        "\"body\":{}},\"response\":{\"timestamp\":1750000003,\"status_code\":400,\"headers\":{},"
        "\"body\":{\"message\":\"no\"}},\"logged_at\":\"2025-06-15T15:06:44Z\"}\n"
        "{\"request\":{\"timestamp\":1750000004,\"method\":\"POST\",\"url\":"
        "\"https://api.anthropic.com/v1/messages\",\"headers\":{},\"body\":{}},\"response\":null,"
        "\"logged_at\":\"2025-06-15T15:06:46Z\"}\n");
    assert_int_equal(got.err, ERR_OK);
    assert_int_equal(got.counts.imported, 3);
    assert_int_equal(got.list[2].state, ENDING_PROXY_CRASH); /* its recorder saw no answer */
    const struct exchange_copy *x = &got.list[0];
    assert_int_equal(x->started_us, INT64_C(1750000000500000));
    assert_int_equal(x->ttfb_us, 750000);
    assert_int_equal(x->duration_us, 3000000);
    is_text(x->request.bytes, "{\"model\":\"claude-opus\",\"temperature\":1.0}");
    is_text(x->response.bytes, "event: ping\ndata: {}\n\n");
    assert_true(contains(x->request_head, "POST /v1/messages?beta=true HTTP/1.1\r\n"));
    assert_true(contains(x->request_head, "Host: api.anthropic.com\r\n"));
    assert_false(contains(x->request_head, "canary"));
    assert_false(contains(x->response_head, "content-encoding"));
    is_text(got.list[1].provider, "bedrock");
    is_text(got.list[1].response.bytes, "{\"message\":\"no\"}");
}

/* --- archives of browsers and debugging proxies --- */

static void http_archive(void **state)
{
    (void)state;
    import_text(
        "\xEF\xBB\xBF{\"log\":{\"version\":\"1.2\",\"creator\":{\"name\":\"b\",\"version\":\"1\"},"
        "\"pages\":[],\"entries\":[{\"startedDateTime\":\"2025-11-01T10:00:00.250+01:00\","
        "\"time\":1500.5,\"request\":{\"method\":\"GET\",\"url\":\"https://example.com/logo.png\","
        "\"headers\":[]},\"response\":{\"status\":200,\"headers\":[],\"content\":{}}},"
        "{\"startedDateTime\":\"2025-11-01T10:00:00.250+01:00\",\"time\":1500.5,"
        "\"timings\":{\"blocked\":-1,\"dns\":1,\"connect\":20,\"send\":0.5,\"wait\":500,"
        "\"receive\":979},\"request\":{\"method\":\"POST\",\"url\":"
        "\"https://api.openai.com/v1/chat/completions?key=canary\",\"headers\":[{\"name\":"
        "\"authorization\",\"value\":\"Bearer canary\"},{\"name\":\":method\",\"value\":\"POST\"}],"
        "\"postData\":{\"mimeType\":\"application/json\",\"text\":\"{\\\"model\\\":\\\"gpt\\\"}\"}},"
        "\"response\":{\"status\":200,\"statusText\":\"OK\",\"headers\":[{\"name\":\"content-type\","
        "\"value\":\"application/json\"}],\"content\":{\"text\":\"eyJvayI6MX0=\","
        "\"encoding\":\"base64\"}}}]}}");
    assert_int_equal(got.err, ERR_OK);
    assert_int_equal(got.counts.imported, 1);
    assert_int_equal(got.counts.foreign, 1);
    const struct exchange_copy *x = &got.list[0];
    assert_int_equal(x->started_us, INT64_C(1761987600250000));
    assert_int_equal(x->duration_us, 1500500);
    assert_int_equal(x->ttfb_us, 521500);
    assert_int_equal(x->connect_us, 20000);
    is_text(x->provider, "openai");
    is_text(x->request.bytes, "{\"model\":\"gpt\"}");
    is_text(x->response.bytes, "{\"ok\":1}");
    assert_false(contains(x->request_head, "canary"));
    assert_false(contains(x->request_head, ":method"));
}

static void what_is_none_of_them(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "hello", "[1,2]", "\x1f\x8b\x08", "CCPX"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        import_text(texts[i]);
        assert_int_equal(got.err, ERR_PARSE);
        assert_int_equal(got.counts.imported, 0);
    }
    import_text("{\"type\":\"user\",\"message\":{}}\n{\"half\n\n{\"request\":{},\"response\":{}}\n");
    assert_int_equal(got.err, ERR_OK);
    assert_int_equal(got.counts.bad, 3);
    assert_string_equal(got.complaints, "line 1: is none of the kinds that can be imported\n"
                                        "line 2: is not JSON\n"
                                        "line 4: its time or its request is missing\n");
}

static void hostile_values(void **state)
{
    (void)state;
    import_text("{\"request\":{\"timestamp\":1750000000,\"method\":\"PO ST\\r\\nX: y\",\"url\":"
                "\"https://h/v1/messages\\r\\nEvil: 1\",\"headers\":{\"a\\r\\nb\":\"c\",\"good\":"
                "\"v\\r\\nInjected: 1\"},\"body\":{}},\"response\":{\"status_code\":99999,"
                "\"headers\":{}},\"logged_at\":\"x\"}\n");
    assert_int_equal(got.counts.imported, 1);
    struct str rest = got.list[0].request_head, line;
    size_t lines = 0;
    while (rest.len && str_next(&rest, '\n', &line))
        lines++;
    assert_int_equal(lines, 3); /* the first, Host, good */
    assert_false(contains(got.list[0].request_head, "\nInjected"));
    assert_false(contains(got.list[0].request_head, "\nEvil"));
}

static int set_up(void **state)
{
    memset(&got, 0, sizeof got);
    arena_init(&got.arena);
    return scratch_enter(state);
}

static int tear_down(void **state)
{
    arena_release(&got.arena);
    return scratch_leave(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(seifghazi_database),  TEST(a_second_time_all_is_known), TEST(the_forks_database),
        TEST(other_databases),     TEST(claude_trace),               TEST(http_archive),
        TEST(what_is_none_of_them), TEST(hostile_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

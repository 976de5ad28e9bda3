/*
 * test_json_cut.c — cuts tile whatever comes in, agree with yyjson on where elements are, and the
 * facts are the right ones. Generated and mutated bodies, every cut of a sample.
 */
#include "check.h"

#include <stdio.h>

#include <yyjson.h>

#include "record/json_cut.h"
#include "record/json_scan.h"
#include "record/record.h"

static const char sample[] =
    "{\"model\":\"claude-x\",\"max_tokens\":32000, \"stream\" : true,\n"
    "\"system\":[{\"type\":\"text\",\"text\":\"You are\\n\\\"x\\\"\"} , "
    "{\"type\":\"text\",\"text\":\"b\"}],"
    "\"tools\":[{\"name\":\"Bash\",\"input_schema\":{\"type\":\"object\",\"a\":[1,2,{\"b\":[]}]}},"
    "{\"name\":\"Read\"}],"
    "\"metadata\":{\"user_id\":\"{\\\"device_id\\\":\\\"d\\\",\\\"session_id\\\":\\\"s-1\\\"}\"},"
    "\"messages\":[{\"role\":\"user\",\"content\":\"first\"},"
    "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"Bash\","
    "\"input\":{\"command\":\"ls \\\"[{\\\" \\\\\"}}]},"
    "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"<system-reminder>no</"
    "system-reminder>\"},"
    "{\"type\":\"text\",\"text\":\"  Fix \\u00e9\\n the  "
    "test<system-reminder>x</system-reminder>\"}]},"
    "{\"role\":\"user\",\"content\":[{\"tool_use_id\":\"t\",\"type\":\"tool_result\",\"content\":"
    "[{\"type\":\"text\",\"text\":\"output\"}]}]} ]}";

struct result {
    struct arena arena;
    struct json_cuts cuts;
    struct request_facts facts;
};

static void run(struct str body, struct result *r)
{
    r->cuts.count = 0;
    arena_release(&r->arena);
    json_cut(body, &r->arena, &r->cuts, &r->facts);
    size_t at = 0;
    for (size_t i = 0; i < r->cuts.count; i++) {
        assert_int_equal(r->cuts.list[i].start, at);
        assert_true(r->cuts.list[i].len > 0);
        at += r->cuts.list[i].len;
    }
    assert_int_equal(at, body.len);
    assert_true(r->cuts.count <= JSON_CUTS_MAX);
    assert_true(r->facts.title.len <= 120);
}

static void drop(struct result *r)
{
    json_cuts_release(&r->cuts);
    arena_release(&r->arena);
}

static void facts_of_sample(void **state)
{
    (void)state;
    struct result r = {0};
    run(str_of(sample), &r);
    assert_int_equal(r.facts.flags, 0);
    assert_str_equal(r.facts.model, STR("claude-x"));
    assert_true(r.facts.asks_stream);
    assert_int_equal(r.facts.max_tokens, 32000);
    assert_int_equal(r.facts.message_count, 4);
    assert_int_equal(r.facts.tool_count, 2);
    assert_str_equal(r.facts.user_session_id, STR("s-1"));
    assert_str_equal(r.facts.title, STR("Fix \xc3\xa9 the test"));
    drop(&r);
}

static void check_title(const char *messages, const char *want)
{
    struct result r = {0};
    char body[4096];
    snprintf(body, sizeof body, "{\"messages\":[%s],\"stream\":true}", messages);
    run(str_of(body), &r);
    assert_int_equal(r.facts.flags, 0);
    assert_str_equal(r.facts.title, str_of(want));
    drop(&r);
}

static void titles(void **state)
{
    (void)state;
    check_title("", "");
    check_title("{\"role\":\"user\",\"content\":\"hi\"}", "hi");
    check_title("{\"content\":\"hi\",\"role\":\"user\"}", "hi");
    check_title("{\"content\":[{\"text\":\"hi\",\"type\":\"text\"}],\"role\":\"user\"}", "hi");
    check_title("{\"role\":\"user\",\"content\":\"one\"},{\"role\":\"system\",\"content\":\"two\"}",
                "one");
    check_title("{\"role\":\"user\",\"content\":\"<system-reminder>never ends\"}", "");
    check_title("{\"role\":\"user\",\"content\":\"<session>\\nFix it\\n</session>\\n\\nWrite the title\"}",
                "Fix it");
    check_title("{\"role\":\"user\",\"content\":\"<session>never ends\"}", "never ends");
    check_title("{\"role\":\"user\",\"content\":[]}", "");
    check_title("{\"role\":\"user\",\"content\":[],\"x\":[{\"type\":\"text\",\"text\":\"no\"}]}",
                "");
    check_title("{\"role\":\"user\"},7,\"x\",null", "");
    check_title("{\"role\":\"us\\u0065r\",\"content\":\"an escaped role is not looked at\"}", "");
    check_title("{\"role\":\"user\",\"cont\\u0065nt\":\"hi\"}", "hi");
    check_title("{\"role\":\"user\",\"content\":\"\\ud83d\\ude00 \\ud83d \\u0000x\"}",
                "\xf0\x9f\x98\x80 \xef\xbf\xbd x");
}

static void titles_end_between_characters(void **state)
{
    (void)state;
    for (int lead = 0; lead < 8; lead++) {
        char text[600] = "{\"role\":\"user\",\"content\":\"";
        for (int i = 0; i < lead; i++)
            strcat(text, "a");
        for (int i = 0; i < 60; i++)
            strcat(text, i % 2 ? "\xe2\x82\xac" : "\\ud83d\\ude00");
        strcat(text, "\"}");
        char body[1000];
        snprintf(body, sizeof body, "{\"messages\":[%s]}", text);
        struct result r = {0};
        run(str_of(body), &r);
        assert_true(r.facts.title.len > 116 && r.facts.title.len <= 120);
        char quoted[200];
        snprintf(quoted, sizeof quoted, "\"%.*s\"", STR_ARGS(r.facts.title));
        yyjson_doc *doc = yyjson_read(quoted, strlen(quoted), 0); /* refuses bad UTF-8 */
        assert_non_null(doc);
        yyjson_doc_free(doc);
        drop(&r);
    }
}

static void session_ids(void **state)
{
    (void)state;
    struct result r = {0};
    run(STR("{\"metadata\":{\"x\":1,\"user_id\":\"user_a_account_b_session_0-1-2\"}}"), &r);
    assert_str_equal(r.facts.user_session_id, STR("0-1-2"));
    run(STR("{\"metadata\":{\"user_id\":\"just a name\"}}"), &r);
    assert_int_equal(r.facts.user_session_id.len, 0);
    run(STR("{\"metadata\":{\"user_id\":7}}"), &r);
    assert_int_equal(r.facts.user_session_id.len, 0);
    run(STR("{\"metadata\":\"session_id\"}"), &r);
    assert_int_equal(r.facts.user_session_id.len, 0);
    drop(&r);
}

static void last_duplicate_counts(void **state)
{
    (void)state;
    struct result r = {0};
    run(STR("{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"old\"}],"
            "\"mod\\u0065l\":\"b\","
            "\"messages\":[{\"role\":\"user\",\"content\":\"new\"},1]}"),
        &r);
    assert_int_equal(r.facts.flags, RECORD_DUPLICATE_KEYS);
    assert_str_equal(r.facts.model, STR("b"));
    assert_int_equal(r.facts.message_count, 2);
    assert_str_equal(r.facts.title, STR("new"));
    run(STR("{\"x\":1,\"x\":2}"), &r);
    assert_int_equal(r.facts.flags, 0); /* not a key we read */
    run(STR("{\"messages\":[1],\"messages\":7}"), &r);
    assert_int_equal(r.facts.message_count, UNKNOWN);
    drop(&r);
}

static void wrong_types(void **state)
{
    (void)state;
    struct result r = {0};
    run(STR("{\"model\":{},\"stream\":\"true\",\"max_tokens\":-1,\"tools\":{},\"messages\":null}"),
        &r);
    assert_int_equal(r.facts.flags, 0);
    assert_int_equal(r.facts.model.len, 0);
    assert_false(r.facts.asks_stream);
    assert_int_equal(r.facts.max_tokens, UNKNOWN);
    assert_int_equal(r.facts.tool_count, UNKNOWN);
    assert_int_equal(r.facts.message_count, UNKNOWN);
    run(STR("{\"max_tokens\":99999999999999999999}"), &r);
    assert_int_equal(r.facts.max_tokens, UNKNOWN);
    run(STR("[1,2]"), &r);
    assert_int_equal(r.facts.flags, 0);
    run(STR(""), &r);
    assert_int_equal(r.facts.flags, 0);
    drop(&r);
}

static void invalid_is_flagged(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "x",
        "{",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\":1}x",
        "{\"a\":[1}",
        "[}",
        "{\"messages\":[1,]}",
        "{\"messages\":[,1]}",
        "{\"messages\":[1",
        "{\"a\":\"x",
        "{\"a\":tru}",
        "{\"a\":01}",
        "{\"a\":1.}",
        "{\"a\":\"\n\"}",
        "{\"a\":{\"b\":\"\x01\"}}",
        "\xef\xbb\xbf{}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1]",
        "{,}",
        "{\"a\":[\\\"]}",
        "-",
        "1e",
        "\"\\\"",
    };
    struct result r = {0};
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        run(str_of(bodies[i]), &r);
        if (!(r.facts.flags & RECORD_REQUEST_INVALID))
            print_error("not flagged: %s\n", bodies[i]);
        assert_true(r.facts.flags & RECORD_REQUEST_INVALID);
    }
    drop(&r);
}

static void depth_is_limited(void **state)
{
    (void)state;
    struct result r = {0};
    for (int depth = 250; depth < 262; depth++) {
        char body[1024];
        size_t at = (size_t)sprintf(body, "{\"a\":");
        memset(body + at, '[', (size_t)depth);
        memset(body + at + depth, ']', (size_t)depth);
        strcpy(body + at + 2 * depth, "}");
        run(str_of(body), &r);
        assert_int_equal(r.facts.flags, depth + 1 > JSON_DEPTH_MAX ? RECORD_REQUEST_TOO_DEEP : 0);
    }
    size_t len = 3 << 20;
    char *deep = malloc(len);
    memset(deep, '[', len);
    run(str_make(deep, len), &r);
    assert_int_equal(r.facts.flags, RECORD_REQUEST_TOO_DEEP | RECORD_REQUEST_INVALID);
    free(deep);
    drop(&r);
}

static void every_prefix_tiles(void **state)
{
    (void)state;
    struct result r = {0};
    for (size_t len = 1; len < sizeof sample - 1; len++) {
        char *copy = malloc(len); /* so that reading past the end is noticed */
        memcpy(copy, sample, len);
        run(str_make(copy, len), &r);
        assert_true(r.facts.flags & RECORD_REQUEST_INVALID);
        free(copy);
    }
    drop(&r);
}

static void grown_array_shares_its_elements(void **state)
{
    (void)state;
    struct result a = {0}, b = {0};
    struct str one = STR("{\"messages\":[ 1 , 2\n,3 ],\"x\":1}"),
               two = STR("{\"messages\":[ 1 , 2\n,3 ,4],\"x\":1}");
    run(one, &a);
    run(two, &b);
    size_t shared = 0;
    for (size_t i = 0; i < a.cuts.count; i++)
        if (a.cuts.list[i].kind == CUT_MESSAGE) {
            assert_int_equal(b.cuts.list[i].kind, CUT_MESSAGE);
            assert_str_equal(str_make(one.ptr + a.cuts.list[i].start, a.cuts.list[i].len),
                             str_make(two.ptr + b.cuts.list[i].start, b.cuts.list[i].len));
            shared++;
        }
    assert_int_equal(shared, 3);
    assert_str_equal(str_make(one.ptr + a.cuts.list[2].start, a.cuts.list[2].len), STR(" , 2"));
    drop(&a);
    drop(&b);
}

static void too_many_elements_are_cut_no_further(void **state)
{
    (void)state;
    enum { ELEMENTS = JSON_CUTS_MAX + 1000 };
    char *body = malloc(ELEMENTS * 2 + 64), *at = body + sprintf(body, "{\"messages\":[");
    for (int i = 0; i < ELEMENTS; i++)
        at += sprintf(at, i ? ",1" : "1");
    at += sprintf(at, "]}");
    struct result r = {0};
    run(str_make(body, (size_t)(at - body)), &r);
    assert_int_equal(r.facts.message_count, ELEMENTS);
    assert_int_equal(r.facts.flags, 0);
    free(body);
    drop(&r);
}

/* ---- against yyjson ---- */

static uint64_t seed = 88172645463325252ull;

static unsigned pick(unsigned below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 33) % below;
}

static void put(struct buf *b, const char *text)
{
    assert_int_equal(buf_append(b, str_of(text)), ERR_OK);
}

static void put_blanks(struct buf *b)
{
    static const char *const blanks[] = {"", "", "", " ", "\n", "\t \r\n"};
    put(b, blanks[pick(COUNT_OF(blanks))]);
}

static void put_string(struct buf *b)
{
    static const char *const bits[] = {
        "a",       "text ", "\\\"",     "\\\\",     "\\n",
        "\\u00e9", "{",     "}",        "[",        "]",
        ",",       ":",     "\xc3\xa9", "\\\\\\\"", "0123456789012345678901234567890"};
    put(b, "\"");
    for (unsigned n = pick(pick(4) ? 6 : 40); n > 0; n--)
        put(b, bits[pick(COUNT_OF(bits))]);
    put(b, "\"");
}

static void put_value(struct buf *b, unsigned depth)
{
    static const char *const scalars[] = {"0", "-1.5e+3", "true", "false", "null", "17"};
    unsigned what = pick(depth ? 10 : 6);
    put_blanks(b);
    if (what < 3) {
        put(b, scalars[pick(COUNT_OF(scalars))]);
    } else if (what < 6) {
        put_string(b);
    } else {
        bool is_object = what < 8;
        put(b, is_object ? "{" : "[");
        for (unsigned i = 0, n = pick(5); i < n; i++) {
            put(b, i ? "," : "");
            put_blanks(b);
            if (is_object) {
                put_string(b);
                put_blanks(b);
                put(b, ":");
            }
            put_value(b, depth - 1);
        }
        put_blanks(b);
        put(b, is_object ? "}" : "]");
    }
    put_blanks(b);
}

static void put_body(struct buf *b)
{
    static const char *const keys[] = {"model", "system", "tools", "messages", "stream", "other"};
    put_blanks(b);
    put(b, "{");
    for (unsigned i = 0, n = pick(7); i < n; i++) {
        const char *key = keys[pick(COUNT_OF(keys))];
        put(b, i ? ",\"" : "\"");
        put(b, key);
        put(b, "\":");
        put_value(b, 4);
    }
    put(b, "}");
}

/* Each element that yyjson sees in the last array of this name is one of our cuts. */
static void compare_elements(struct str body, const struct result *r, yyjson_val *root,
                             const char *name, enum json_cut_kind kind, int64_t count)
{
    yyjson_val *array = NULL, *key, *value;
    yyjson_obj_iter members = yyjson_obj_iter_with(root);
    size_t total = 0, last = 0;
    while ((key = yyjson_obj_iter_next(&members))) {
        value = yyjson_obj_iter_get_val(key);
        if (!yyjson_equals_str(key, name))
            continue;
        array = value;
        total += yyjson_is_arr(value) ? yyjson_arr_size(value) : 0;
    }
    for (size_t i = 0; i < r->cuts.count; i++)
        last += r->cuts.list[i].kind == kind;
    assert_int_equal(last, total);
    if (!yyjson_is_arr(array)) {
        if (kind != CUT_SYSTEM)
            assert_int_equal(count, UNKNOWN);
        return;
    }
    if (kind != CUT_SYSTEM)
        assert_int_equal(count, yyjson_arr_size(array));
    for (size_t i = r->cuts.count, n = yyjson_arr_size(array); n > 0; i--) {
        const struct json_cut *cut = &r->cuts.list[i - 1];
        if (cut->kind != kind)
            continue;
        struct str text = str_make(body.ptr + cut->start, cut->len);
        while (strchr(" \n\r\t,", text.ptr[0]))
            text = str_from(text, 1);
        yyjson_doc *one = yyjson_read(text.ptr, text.len, 0);
        assert_non_null(one);
        assert_true(yyjson_equals(yyjson_doc_get_root(one), yyjson_arr_get(array, --n)));
        yyjson_doc_free(one);
    }
}

static void compare(struct str body, struct result *r)
{
    run(body, r);
    yyjson_doc *doc = yyjson_read(body.ptr, body.len, 0);
    if (doc)
        assert_int_equal(r->facts.flags & RECORD_REQUEST_INVALID, 0);
    yyjson_val *root = doc ? yyjson_doc_get_root(doc) : NULL;
    if (yyjson_is_obj(root)) {
        compare_elements(body, r, root, "messages", CUT_MESSAGE, r->facts.message_count);
        compare_elements(body, r, root, "tools", CUT_TOOL, r->facts.tool_count);
        compare_elements(body, r, root, "system", CUT_SYSTEM, UNKNOWN);
    }
    yyjson_doc_free(doc);
}

static void generated_bodies_agree(void **state)
{
    (void)state;
    struct result r = {0};
    struct buf b;
    buf_init(&b, 1 << 20);
    for (int round = 0; round < 20000; round++) {
        buf_clear(&b);
        put_body(&b);
        compare(buf_str(&b), &r);
        assert_false(r.facts.flags & RECORD_REQUEST_INVALID);
        for (int i = 0; i < 3; i++) { /* mutated, it may be valid still */
            b.ptr[pick((unsigned)b.len)] = "{}[]\",:\\ x\n\x01\xff"[pick(13)];
            compare(buf_str(&b), &r);
        }
    }
    buf_release(&b);
    drop(&r);
}

/* ---- the ways to skip, one against another ---- */

static void compare_variants(struct str text, size_t at)
{
    size_t count;
    const struct json_scan *const *all = json_scan_all(&count);
    uint32_t flags = 0, string_flags = 0;
    size_t end = all[0]->container(text, at, 0, NULL, &flags);
    size_t string_end = all[0]->string(text, at, &string_flags);
    for (size_t i = 1; i < count; i++) {
        uint32_t other = 0, other_string = 0;
        struct json_marks marks = {.depth = 2};
        if (!all[i]->is_usable())
            continue;
        assert_int_equal(all[i]->container(text, at, 0, &marks, &other), end);
        assert_int_equal(other, flags);
        assert_int_equal(all[i]->string(text, at, &other_string), string_end);
        assert_int_equal(other_string, string_flags);
        json_marks_release(&marks);
    }
}

static void variants_agree(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1 << 20);
    for (int round = 0; round < 20000; round++) {
        buf_clear(&b);
        if (pick(2))
            put_body(&b);
        else
            for (unsigned n = pick(300) + 1; n > 0; n--)
                assert_int_equal(buf_append_byte(&b, "{}[]\"\"\\\\\\ax\n\x80"[pick(13)]), ERR_OK);
        char *copy = malloc(b.len);
        memcpy(copy, b.ptr, b.len);
        size_t at = pick((unsigned)b.len);
        copy[at] = "{["[pick(2)];
        compare_variants(str_make(copy, b.len), at);
        free(copy);
    }
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_of_sample),
        cmocka_unit_test(titles),
        cmocka_unit_test(titles_end_between_characters),
        cmocka_unit_test(session_ids),
        cmocka_unit_test(last_duplicate_counts),
        cmocka_unit_test(wrong_types),
        cmocka_unit_test(invalid_is_flagged),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(every_prefix_tiles),
        cmocka_unit_test(grown_array_shares_its_elements),
        cmocka_unit_test(too_many_elements_are_cut_no_further),
        cmocka_unit_test(generated_bodies_agree),
        cmocka_unit_test(variants_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

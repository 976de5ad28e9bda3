/*
 * test_compact.c — the compact form: what goes in comes out byte for byte, shared bytes are
 * written once, and no damage passes for data.
 */
#include "check.h"

#include "base/mem.h"
#include "record/compact.h"
#include "record/detail.h"

enum { TURNS_MAX = 64 };

static struct {
    struct exchange_copy list[TURNS_MAX];
    size_t count;
    struct arena arena;
} sent;

static struct {
    size_t count;      /* handed over */
    size_t mismatches; /* not what was sent */
    enum err answer;
} got;

static struct str fill(size_t len, unsigned seed)
{
    char *text = arena_alloc(&sent.arena, len + 1);
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1103515245u + 12345u;
        text[i] = (char)('a' + (seed >> 16) % 26);
    }
    return str_make(text, len);
}

/* A request whose messages are the first `turns` of an endless conversation. */
static struct str conversation_of(int turns, size_t bytes_each, int prompt_bytes)
{
    struct str s = arena_printf(&sent.arena, "{\"model\":\"m\",\"system\":\"%.*s\",\"messages\":[",
                                prompt_bytes, fill((size_t)prompt_bytes, 1).ptr);
    for (int i = 0; i < turns; i++) {
        struct str text = fill(bytes_each, 100 + (unsigned)i);
        s = arena_str_grow(&sent.arena, s,
                           arena_printf(&sent.arena, "%s{\"role\":\"user\",\"content\":\"%.*s\"}",
                                        i ? "," : "", STR_ARGS(text)));
    }
    return arena_str_grow(&sent.arena, s,
                          arena_printf(&sent.arena, "],\"max_tokens\":%d}", 1000 + turns));
}

static struct str conversation(int turns, size_t bytes_each)
{
    return conversation_of(turns, bytes_each, 4000);
}

static struct str small_conversation(int turns)
{
    return conversation_of(turns, 100, 100);
}

static struct exchange_copy *add(struct str request, struct str response)
{
    static const struct chunk_mark marks[] = {{1000, 5}, {-3, 0}, {900000, 7}};
    struct exchange_copy *x = &sent.list[sent.count++];
    *x = (struct exchange_copy){
        .id = uuid_new(),
        .state = ENDING_UPSTREAM_ERROR,
        .started_us = 1763685787123456,
        .client_addr = STR("127.0.0.1:1"),
        .provider = STR("anthropic"),
        .request_head = STR("POST /v1/messages HTTP/1.1\r\nHost: x\r\n"),
        .response_head = STR("HTTP/1.1 200 OK\r\n"),
        .upstream_addr = STR("1.2.3.4:443"),
        .is_reused = true,
        .is_translated = true,
        .is_demoted = true,
        .asked_model = STR("gpt-5"),
        .losses = STR("[{\"what\":\"dropped\"}]"),
        .decision = {STR("agent"), STR("header"), STR("reviewer"), STR("spawn"), STR("rules.1"),
                     STR("openai:gpt-5"), false, true},
        .connect_us = UNKNOWN,
        .sent_us = 17,
        .ttfb_us = 99,
        .duration_us = 123456,
        .error_type = STR("overloaded_error"),
        .error_message = STR("so it goes"),
        .request_bytes = (int64_t)request.len,
        .response_bytes = (int64_t)response.len + 5,
        .client_bytes = 3,
        .request = {.bytes = request},
        .response = {.bytes = response},
        .timeline = marks,
        .timeline_len = COUNT_OF(marks),
    };
    body_hash(request, x->request.hash);
    body_hash(response, x->response.hash);
    return x;
}

static int set_up(void **state)
{
    (void)state;
    memset(&sent, 0, sizeof sent);
    memset(&got, 0, sizeof got);
    arena_init(&sent.arena);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_release(&sent.arena);
    return 0;
}

static struct buf written(void)
{
    struct buf out;
    buf_init(&out, 256 << 20);
    struct compact_writer *w = compact_writer_new();
    assert_int_equal(compact_begin(w, STR("test 1"), &out), ERR_OK);
    for (size_t i = 0; i < sent.count; i++)
        assert_int_equal(compact_add(w, &sent.list[i], &out), ERR_OK);
    assert_int_equal(compact_end(w, &out), ERR_OK);
    compact_writer_free(w);
    return out;
}

static bool same_text(struct str a, struct str b)
{
    return str_equal(a, b);
}

static bool same_routing(const struct exchange_copy *a, const struct exchange_copy *b)
{
    const struct frame_decision *d = &a->decision, *e = &b->decision;
    return a->is_translated == b->is_translated && a->is_demoted == b->is_demoted && d->is_shadow == e->is_shadow &&
           d->is_background == e->is_background && same_text(a->asked_model, b->asked_model) &&
           same_text(a->losses, b->losses) && same_text(d->class, e->class) &&
           same_text(d->class_by, e->class_by) && same_text(d->agent, e->agent) &&
           same_text(d->agent_by, e->agent_by) && same_text(d->rule, e->rule) &&
           same_text(d->target, e->target);
}

static bool same(const struct exchange_copy *a, const struct exchange_copy *b)
{
    if (!uuid_equal(&a->id, &b->id) || a->state != b->state || a->started_us != b->started_us ||
        a->connect_us != b->connect_us || a->sent_us != b->sent_us || a->ttfb_us != b->ttfb_us ||
        a->duration_us != b->duration_us || a->request_bytes != b->request_bytes ||
        a->response_bytes != b->response_bytes || a->client_bytes != b->client_bytes ||
        a->is_ours != b->is_ours || a->is_reused != b->is_reused ||
        a->is_untimed != b->is_untimed || a->request.fate != b->request.fate ||
        a->timeline_len != b->timeline_len)
        return false;
    for (size_t i = 0; i < a->timeline_len; i++)
        if (a->timeline[i].offset_us != b->timeline[i].offset_us ||
            a->timeline[i].bytes != b->timeline[i].bytes)
            return false;
    return same_text(a->client_addr, b->client_addr) && same_text(a->provider, b->provider) &&
           same_text(a->request_head, b->request_head) &&
           same_text(a->response_head, b->response_head) &&
           same_text(a->upstream_addr, b->upstream_addr) &&
           same_text(a->error_type, b->error_type) &&
           same_text(a->error_message, b->error_message) && same_routing(a, b) &&
           same_text(a->request.bytes, b->request.bytes) &&
           same_text(a->response.bytes, b->response.bytes) &&
           !memcmp(a->request.hash, b->request.hash, 16);
}

static enum err take(const struct exchange_copy *x, void *owner)
{
    (void)owner;
    if (got.count >= sent.count || !same(x, &sent.list[got.count]))
        got.mismatches++;
    got.count++;
    return got.answer;
}

/* Reads `bytes` in pieces of `step`; ERR_OK when all is well to the end. */
static enum err read_all(struct str bytes, size_t step, struct fail *f)
{
    got.count = got.mismatches = 0;
    struct compact_reader *r = compact_reader_new(take, NULL);
    enum err err = ERR_OK;
    while (bytes.len && !err) {
        err = compact_read(r, str_head(bytes, step), f);
        bytes = str_from(bytes, MIN_OF(step, bytes.len));
    }
    if (!err)
        err = compact_read_end(r, f);
    if (!err && compact_damaged(r))
        err = ERR_CORRUPT;
    compact_reader_free(r);
    return err;
}

static void a_round_trip_is_exact(void **state)
{
    (void)state;
    for (int i = 1; i <= 20; i++)
        add(conversation(i, 3000), fill(500, (unsigned)i));
    add(STR_NONE, STR_NONE);
    add(STR("not json at all \0 \xff"), STR("{\"type\":\"error\"}"));
    add(STR("{\"messages\":["), STR("{}"));
    struct exchange_copy *gone = add(STR_NONE, STR("x"));
    gone->request.fate = BODY_GONE;
    memset(gone->request.hash, 7, 16);
    gone->is_untimed = true;
    struct buf file = written();
    const size_t steps[] = {1, 7, 4096, SIZE_MAX};
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        assert_int_equal(read_all(buf_str(&file), steps[i], NULL), ERR_OK);
        assert_int_equal(got.count, sent.count);
        assert_int_equal(got.mismatches, 0);
    }
    buf_release(&file);
}

static void shared_pieces_are_written_once(void **state)
{
    (void)state;
    size_t raw = 0;
    for (int i = 1; i <= 60; i++)
        raw += add(conversation(i, 3000), STR_NONE)->request.bytes.len;
    struct buf file = written();
    /* letters by chance take some 4.7 bits each; 60 messages of 3000 bytes and a prompt are new */
    assert_true(raw > 5000000);
    assert_true(file.len < 60 * 3000 + 4000);
    assert_int_equal(read_all(buf_str(&file), SIZE_MAX, NULL), ERR_OK);
    assert_int_equal(got.mismatches, 0);
    buf_release(&file);
}

/* More new bytes than the window holds; a piece that has left it is written again. */
static void what_left_the_window_is_written_again(void **state)
{
    (void)state;
    struct str first = conversation(4, 200000);
    add(first, STR_NONE);
    for (unsigned i = 0; i < 5; i++)
        add(fill(9000000, 77 + i), STR_NONE);
    add(first, STR_NONE);
    struct buf file = written();
    assert_int_equal(read_all(buf_str(&file), SIZE_MAX, NULL), ERR_OK);
    assert_int_equal(got.count, sent.count);
    assert_int_equal(got.mismatches, 0);
    buf_release(&file);
}

static void a_cut_file_is_told_and_what_came_is_kept(void **state)
{
    (void)state;
    for (int i = 1; i <= 3; i++)
        add(small_conversation(i), fill(50, (unsigned)i));
    struct buf file = written();
    for (size_t len = 0; len < file.len; len++) {
        struct fail f = {0};
        assert_int_equal(read_all(str_head(buf_str(&file), len), SIZE_MAX, &f), ERR_CORRUPT);
        assert_int_equal(got.mismatches, 0);
    }
    assert_int_equal(got.count, 3); /* of the last, cut by one byte */
    assert_int_equal(buf_append_byte(&file, 'x'), ERR_OK);
    assert_int_equal(read_all(buf_str(&file), SIZE_MAX, NULL), ERR_CORRUPT);
    buf_release(&file);
}

static void no_flipped_byte_changes_anything(void **state)
{
    (void)state;
    add(small_conversation(2), fill(50, 3));
    add(small_conversation(3), fill(60, 4));
    struct buf file = written();
    int harmless = 0;
    for (size_t at = 0; at < file.len; at++) {
        for (int bit = 0; bit < 8; bit += 3) {
            file.ptr[at] ^= (char)(1 << bit);
            enum err err = read_all(buf_str(&file), 64, NULL);
            assert_int_equal(got.mismatches, 0);
            /* zstd's own head has bits that change nothing */
            assert_true(err || (got.count == sent.count && harmless++ < 16));
            file.ptr[at] ^= (char)(1 << bit);
        }
    }
    assert_int_equal(read_all(buf_str(&file), 64, NULL), ERR_OK);
    buf_release(&file);
}

static void a_body_without_its_hash_is_not_handed_over(void **state)
{
    (void)state;
    add(STR("{\"a\":1}"), STR("ok"));
    sent.list[0].response.hash[3] ^= 1;
    add(STR("{\"a\":2}"), STR("ok"));
    struct buf file = written();
    assert_int_equal(read_all(buf_str(&file), 64, NULL), ERR_CORRUPT);
    assert_int_equal(got.count, 1);
    buf_release(&file);
}

static void who_takes_may_end_it(void **state)
{
    (void)state;
    add(STR("{\"a\":1}"), STR("ok"));
    add(STR("{\"a\":2}"), STR("ok"));
    struct buf file = written();
    got.answer = ERR_FULL;
    assert_int_equal(read_all(buf_str(&file), SIZE_MAX, NULL), ERR_FULL);
    assert_int_equal(got.count, 1);
    buf_release(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_round_trip_is_exact, set_up, tear_down),
        cmocka_unit_test_setup_teardown(shared_pieces_are_written_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_left_the_window_is_written_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cut_file_is_told_and_what_came_is_kept, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(no_flipped_byte_changes_anything, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_body_without_its_hash_is_not_handed_over, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_takes_may_end_it, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

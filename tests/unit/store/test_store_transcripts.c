/*
 * test_store_transcripts.c — files and lines of transcripts are kept, changed, listed, filtered
 * and forgotten, on either engine.
 */
#include "check.h"

#include "store_scene.h"
#include "store/store_transcripts.h"

static const int64_t base_us = INT64_C(1790000000) * 1000000;
static const struct str here = {"node:/home/me/.claude/projects", 30};

struct fixture {
    struct store_scene s;
    struct transcript_file found[8];
    struct transcript_event events[8];
    int found_count, event_count, id_count;
};

static int setup(void **state)
{
    struct fixture *x = MEM_NEW(struct fixture);
    scene_begin(&x->s);
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *x = *state;
    scene_end(&x->s);
    free(x);
    return 0;
}

static struct transcript_file file_of(struct fixture *x, const char *path, const char *session,
                                      int64_t last_us)
{
    return (struct transcript_file){.id = store_transcript_id(x->s.store, here, str_of(path)),
                                    .path = str_of(path),
                                    .project = STR("-home-me"),
                                    .session_id = str_of(session),
                                    .title = STR("Fix it"),
                                    .cwd = STR("/home/me"),
                                    .branch = STR("main"),
                                    .inode = INT64_C(1) << 40,
                                    .size = 100,
                                    .mtime_us = base_us,
                                    .read_to = 90,
                                    .ends_len = 90,
                                    .ends_hash = -7,
                                    .event_count = 2,
                                    .first_us = last_us > 0 ? last_us - 1000 : UNKNOWN,
                                    .last_us = last_us};
}

static struct transcript_event event_at(int64_t start, const char *request)
{
    struct transcript_event e = {.start = start,
                                 .len = 40,
                                 .kind = TRANSCRIPT_ASSISTANT,
                                 .flags = TRANSCRIPT_IS_SIDECHAIN,
                                 .at_us = base_us + start,
                                 .has_uuid = true,
                                 .request_id = str_of(request),
                                 .branch = STR("main")};
    e.uuid.bytes[15] = (uint8_t)start;
    return e;
}

static void put(struct fixture *x, const struct transcript_file *file,
                const struct transcript_event *events, size_t count)
{
    assert_int_equal(store_put_transcript(x->s.store, here, file, events, count, NULL), ERR_OK);
}

static void on_file(const struct transcript_file *file, void *owner)
{
    struct fixture *x = owner;
    assert_true(x->found_count < 8);
    struct transcript_file *kept = &x->found[x->found_count++];
    *kept = *file;
    kept->path = arena_str(&x->s.arena, file->path);
    kept->title = arena_str(&x->s.arena, file->title);
}

static void on_event(const struct transcript_event *e, void *owner)
{
    struct fixture *x = owner;
    assert_true(x->event_count < 8);
    struct transcript_event *kept = &x->events[x->event_count++];
    *kept = *e;
    kept->request_id = arena_str(&x->s.arena, e->request_id);
    kept->branch = arena_str(&x->s.arena, e->branch);
}

static void on_id(struct str id, void *owner)
{
    struct fixture *x = owner;
    assert_true(str_starts(id, STR("req_")));
    x->id_count++;
}

static int list(struct fixture *x, struct thread_filter filter, int limit)
{
    x->found_count = 0;
    assert_int_equal(store_transcripts(x->s.reader, &filter, limit, on_file, x, NULL), ERR_OK);
    return x->found_count;
}

static int events_of(struct fixture *x, int64_t id, int64_t from, int limit)
{
    x->event_count = 0;
    assert_int_equal(store_transcript_events(x->s.reader, id, from, limit, on_event, x, NULL),
                     ERR_OK);
    return x->event_count;
}

static void keeps_files_and_lines(void **state)
{
    struct fixture *x = *state;
    struct transcript_file file = file_of(x, "p/s1.jsonl", "s1", base_us), got;
    const struct transcript_event events[] = {event_at(0, "req_1"), event_at(50, NULL)};
    bool is_here;
    put(x, &file, events, 1);
    file.agent_type = STR("finder");
    file.tool_use_id = STR("toolu_1");
    file.title = STR("Renamed");
    file.is_skipping = true;
    put(x, &file, events, 2); /* the first is there already */
    assert_int_equal(store_transcript(x->s.reader, file.id, here, &x->s.arena, &got, &is_here, NULL),
                     ERR_OK);
    assert_true(is_here && got.is_skipping);
    assert_str_equal(got.path, file.path);
    assert_str_equal(got.title, STR("Renamed"));
    assert_str_equal(got.agent_type, STR("finder"));
    assert_str_equal(got.tool_use_id, STR("toolu_1"));
    assert_str_equal(got.cwd, STR("/home/me"));
    assert_int_equal(got.agent_id.len, 0);
    assert_true(got.inode == file.inode && got.ends_hash == -7 && got.read_to == 90);
    assert_true(got.first_us == base_us - 1000 && got.last_us == base_us);
    assert_int_equal(events_of(x, file.id, 0, 8), 2);
    assert_str_equal(x->events[0].request_id, STR("req_1"));
    assert_true(x->events[0].has_uuid && !x->events[0].has_parent);
    assert_int_equal(x->events[1].uuid.bytes[15], 50);
    assert_int_equal(x->events[1].kind, TRANSCRIPT_ASSISTANT);
    assert_int_equal(x->events[1].flags, TRANSCRIPT_IS_SIDECHAIN);
    assert_int_equal(x->events[1].at_us, base_us + 50);
    assert_int_equal(x->events[1].request_id.len, 0);
    assert_int_equal(events_of(x, file.id, 1, 8), 1);
    assert_int_equal(events_of(x, file.id, 0, 1), 1);
    assert_int_equal(
        store_transcript(x->s.reader, file.id, STR("other:/place"), &x->s.arena, &got, &is_here, NULL),
        ERR_OK);
    assert_false(is_here);
    assert_int_equal(store_transcript(x->s.reader, 5, here, &x->s.arena, &got, &is_here, NULL),
                     ERR_NOT_FOUND);
}

static void lists_and_filters(void **state)
{
    struct fixture *x = *state;
    struct transcript_file a = file_of(x, "p/s1.jsonl", "s1", base_us);
    struct transcript_file b = file_of(x, "p/s1/agent-a.jsonl", "s1", base_us + 5);
    struct transcript_file c = file_of(x, "p/s2.jsonl", "s2", UNKNOWN);
    const struct transcript_event one[] = {event_at(0, "req_1"), event_at(50, "req_2")};
    const struct transcript_event two[] = {event_at(0, "req_2"), event_at(50, NULL)};
    b.agent_id = STR("a");
    c.cwd = STR_NONE;
    c.title = STR("Something else");
    put(x, &a, one, 2);
    put(x, &b, two, 2);
    put(x, &c, one, 2);
    assert_int_equal(list(x, (struct thread_filter){0}, 10), 3);
    assert_str_equal(x->found[0].path, b.path); /* newest first, without a time last */
    assert_str_equal(x->found[2].path, c.path);
    assert_int_equal(x->found[2].last_us, UNKNOWN);
    assert_int_equal(list(x, (struct thread_filter){0}, 2), 2);
    struct transcript_file d = file_of(x, "p/s4.jsonl", "s4", base_us + 5);
    put(x, &d, NULL, 0);
    assert_int_equal(list(x, (struct thread_filter){0}, 1), 2); /* of the same time */
    assert_int_equal(list(x, (struct thread_filter){.before_us = base_us + 5}, 1), 1);
    bool more;
    assert_int_equal(store_drop_transcript(x->s.store, d.id, &more, NULL), ERR_OK);
    assert_int_equal(list(x, (struct thread_filter){.session_id = STR("s1")}, 10), 2);
    assert_int_equal(list(x, (struct thread_filter){.session_id = STR("none")}, 10), 0);
    assert_int_equal(list(x, (struct thread_filter){.agent_id = STR("main")}, 10), 2);
    assert_int_equal(list(x, (struct thread_filter){.agent_id = STR("a")}, 10), 1);
    assert_int_equal(list(x, (struct thread_filter){.project = STR("-home-me")}, 10), 3);
    assert_int_equal(list(x, (struct thread_filter){.project = STR("/home/me")}, 10), 2);
    assert_int_equal(list(x, (struct thread_filter){.project = STR("/none")}, 10), 0);
    assert_int_equal(list(x, (struct thread_filter){.q = STR("SOMETHING")}, 10), 1);
    assert_int_equal(list(x, (struct thread_filter){.before_us = base_us + 5}, 10), 2);
    assert_int_equal(store_transcript_requests(x->s.reader, STR("s1"), on_id, x, NULL), ERR_OK);
    assert_int_equal(x->id_count, 2);
    x->found_count = 0;
    assert_int_equal(store_each_transcript(x->s.reader, here, on_file, x, NULL), ERR_OK);
    assert_int_equal(x->found_count, 3);
    assert_int_equal(store_each_transcript(x->s.reader, STR("no:/place"), on_file, x, NULL), ERR_OK);
    assert_int_equal(x->found_count, 3);
}

static void forgets_a_part_at_a_time(void **state)
{
    struct fixture *x = *state;
    struct transcript_file file = file_of(x, "p/s1.jsonl", "s1", base_us);
    struct transcript_file other = file_of(x, "p/s2.jsonl", "s2", base_us);
    const int count = TRANSCRIPT_DROP_EVENTS + 100;
    struct transcript_event *events = mem_alloc((size_t)count * sizeof *events),
                            one = event_at(0, "req_1");
    bool more;
    for (int i = 0; i < count; i++)
        events[i] = event_at(i * 50, NULL);
    put(x, &file, events, (size_t)count);
    put(x, &other, &one, 1);
    free(events);
    assert_int_equal(store_drop_transcript(x->s.store, file.id, &more, NULL), ERR_OK);
    assert_true(more);
    assert_int_equal(list(x, (struct thread_filter){.session_id = STR("s1")}, 10), 1);
    assert_int_equal(events_of(x, file.id, 0, 1), 1);
    assert_int_equal(store_drop_transcript(x->s.store, file.id, &more, NULL), ERR_OK);
    assert_false(more);
    assert_int_equal(events_of(x, file.id, 0, 1), 0);
    assert_int_equal(list(x, (struct thread_filter){0}, 10), 1);
    assert_int_equal(events_of(x, other.id, 0, 1), 1);
    assert_int_equal(store_drop_transcript(x->s.store, file.id, &more, NULL), ERR_OK);
    assert_false(more);
}

static void numbers_tell_places_apart(void **state)
{
    struct fixture *x = *state;
    int64_t id = store_transcript_id(x->s.store, here, STR("p/a.jsonl"));
    assert_true(id > 0);
    assert_int_equal(store_transcript_id(x->s.store, here, STR("p/a.jsonl")), id);
    assert_true(store_transcript_id(x->s.store, here, STR("p/b.jsonl")) != id);
    assert_true(store_transcript_id(x->s.store, STR("b:/c"), STR("p/a.jsonl")) != id);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keeps_files_and_lines),
        TEST(lists_and_filters),
        TEST(forgets_a_part_at_a_time),
        TEST(numbers_tell_places_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

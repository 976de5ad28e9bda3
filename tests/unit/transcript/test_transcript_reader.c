/*
 * test_transcript_reader.c — files that grow, end in mid-line, are cut, replaced, rewritten or
 * gone: what is handed to the store is what stands in them, once.
 */
#include "check.h"
#include "scratch.h"

#include <fcntl.h>

#include "base/buf.h"
#include "base/loss.h"
#include "base/mem.h"
#include "record/record.h"
#include "transcript/transcript_reader.h"

enum { FILES = 8, EVENTS = 4096 };

/* The store: in memory. */
struct kept {
    struct transcript_file file;
    struct transcript_event events[EVENTS];
    size_t count;
};
struct memory {
    struct kept files[FILES];
    struct arena arena;
    int puts, drops;
    enum err put_fails; /* the next time */
};

static struct kept *kept_of(struct memory *m, int64_t id)
{
    for (int i = 0; i < FILES; i++)
        if (m->files[i].file.id == id)
            return &m->files[i];
    return NULL;
}

static int64_t id_of(void *owner, struct str path)
{
    uint64_t sum = 5381;
    (void)owner;
    for (size_t i = 0; i < path.len; i++)
        sum = sum * 33 + (unsigned char)path.ptr[i];
    return (int64_t)(sum & INT32_MAX) + 1;
}

static enum err each(void *owner, void (*fn)(const struct transcript_file *, void *),
                     void *fn_owner, struct fail *f)
{
    struct memory *m = owner;
    (void)f;
    for (int i = 0; i < FILES; i++)
        if (m->files[i].file.id)
            fn(&m->files[i].file, fn_owner);
    return ERR_OK;
}

static void copy_file(struct transcript_file *to, const struct transcript_file *from,
                      struct arena *arena)
{
    *to = *from;
    struct str *const strings[] = {&to->path,        &to->project,    &to->session_id,
                                   &to->agent_id,    &to->agent_type, &to->agent_description,
                                   &to->tool_use_id, &to->title,      &to->cwd,
                                   &to->branch};
    for (size_t i = 0; i < COUNT_OF(strings); i++)
        *strings[i] = arena_str(arena, *strings[i]);
}

static enum err find(void *owner, int64_t id, struct arena *arena, struct transcript_file *out,
                     struct fail *f)
{
    struct kept *k = kept_of(owner, id);
    (void)f;
    if (k)
        copy_file(out, &k->file, arena);
    return k ? ERR_OK : ERR_NOT_FOUND;
}

static enum err put(void *owner, const struct transcript_file *file,
                    const struct transcript_event *events, size_t count, struct fail *f)
{
    struct memory *m = owner;
    struct kept *k = kept_of(m, file->id);
    if (m->put_fails) {
        enum err err = m->put_fails;
        m->put_fails = ERR_OK;
        return fail(f, err, "as the test wants");
    }
    if (!k)
        k = kept_of(m, 0);
    assert_non_null(k);
    m->puts++;
    copy_file(&k->file, file, &m->arena);
    for (size_t i = 0; i < count; i++) {
        assert_true(k->count < EVENTS);
        struct transcript_event *e = &k->events[k->count++];
        *e = events[i];
        e->request_id = arena_str(&m->arena, e->request_id);
        e->message_id = arena_str(&m->arena, e->message_id);
        e->branch = arena_str(&m->arena, e->branch);
        e->cwd = arena_str(&m->arena, e->cwd);
        if (k->count > 1)
            assert_true(e->start > e[-1].start);
    }
    assert_int_equal(k->count, file->event_count);
    return ERR_OK;
}

static enum err drop(void *owner, int64_t id, bool *more, struct fail *f)
{
    struct memory *m = owner;
    struct kept *k = kept_of(m, id);
    (void)f;
    assert_non_null(k);
    m->drops++;
    k->count = k->count > 2 ? k->count - 2 : 0;
    *more = k->count > 0;
    if (!*more)
        k->file.id = 0;
    return ERR_OK;
}

struct scene {
    struct memory memory;
    struct transcript_reader *reader;
};

static void open_reader(struct scene *s)
{
    const struct transcript_store store = {&s->memory, id_of, each, find, put, drop};
    s->reader = transcript_reader_new(&store, "projects");
}

static int setup(void **state)
{
    if (scratch_enter(state) || mkdir("projects", 0700) || mkdir("projects/p", 0700))
        return -1;
    struct scene *s = *state = MEM_NEW(struct scene);
    open_reader(s);
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    transcript_reader_free(s->reader);
    arena_release(&s->memory.arena);
    free(s);
    return scratch_leave(state);
}

/* One whole look around: to the next pause. */
static void look(struct scene *s)
{
    for (int i = 0; i < 2000; i++)
        if (transcript_reader_step(s->reader))
            return;
    fail_msg("it never pauses");
}

static void write_to(const char *path, int flags, const char *text, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | flags, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    close(fd);
}

static void append(const char *path, const char *text)
{
    write_to(path, O_APPEND, text, strlen(text));
}

static void replace(const char *path, const char *text)
{
    write_to(path, O_TRUNC, text, strlen(text));
}

static struct kept *at(struct scene *s, const char *path)
{
    return kept_of(&s->memory, id_of(NULL, str_of(path)));
}

#define FILE_S "projects/p/s.jsonl"
#define A1     "aaaaaaaa-0000-4000-8000-000000000001"
#define A2     "aaaaaaaa-0000-4000-8000-000000000002"
#define ASKED                                                                                      \
    "{\"parentUuid\":null,\"isSidechain\":false,\"type\":\"user\",\"message\":{\"role\":\"user\"," \
    "\"content\":\"find it\"},\"uuid\":\"" A1 "\",\"timestamp\":\"2026-11-21T07:00:00.000Z\","     \
    "\"cwd\":\"/w\",\"sessionId\":\"s\",\"gitBranch\":\"main\"}\n"
#define ANSWERED                                                                                   \
    "{\"parentUuid\":\"" A1 "\",\"type\":\"assistant\",\"message\":{\"id\":\"msg_1\",\"role\":"    \
    "\"assistant\",\"content\":[]},\"requestId\":\"req_1\",\"uuid\":\"" A2 "\",\"timestamp\":"     \
    "\"2026-11-21T07:00:02.500Z\",\"gitBranch\":\"other\"}\n"

static void reads_lines(void **state)
{
    struct scene *s = *state;
    append(FILE_S, ASKED ANSWERED);
    look(s);
    struct kept *k = at(s, "p/s.jsonl");
    assert_non_null(k);
    assert_int_equal(k->count, 2);
    assert_str_equal(k->file.session_id, STR("s"));
    assert_str_equal(k->file.project, STR("p"));
    assert_str_equal(k->file.title, STR("find it"));
    assert_str_equal(k->file.cwd, STR("/w"));
    assert_str_equal(k->file.branch, STR("other"));
    assert_int_equal(k->file.agent_id.len, 0);
    assert_int_equal(k->file.last_us - k->file.first_us, 2500000);
    assert_int_equal(k->events[0].kind, TRANSCRIPT_USER);
    assert_true(k->events[0].has_uuid && !k->events[0].has_parent);
    assert_int_equal(k->events[0].start, 0);
    assert_int_equal(k->events[0].len, strlen(ASKED) - 1);
    assert_int_equal(k->events[1].start, strlen(ASKED));
    assert_int_equal(k->events[1].kind, TRANSCRIPT_ASSISTANT);
    assert_true(uuid_equal(&k->events[1].parent, &k->events[0].uuid));
    assert_str_equal(k->events[1].request_id, STR("req_1"));
    assert_str_equal(k->events[1].message_id, STR("msg_1"));
    assert_str_equal(k->events[1].branch, STR("other"));
    assert_int_equal(k->file.read_to, strlen(ASKED ANSWERED));
}

static void goes_on_where_it_was(void **state)
{
    struct scene *s = *state;
    append(FILE_S, ASKED);
    look(s);
    int puts = s->memory.puts;
    look(s);
    assert_int_equal(s->memory.puts, puts); /* nothing new: nothing is written */
    append(FILE_S, ANSWERED);
    transcript_reader_free(s->reader); /* another process goes on */
    open_reader(s);
    look(s);
    assert_int_equal(at(s, "p/s.jsonl")->count, 2);
    assert_int_equal(s->memory.drops, 0);
    assert_str_equal(at(s, "p/s.jsonl")->file.title, STR("find it"));
    puts = s->memory.puts;
    look(s);
    assert_int_equal(s->memory.puts, puts);
}

static void waits_for_the_end_of_a_line(void **state)
{
    struct scene *s = *state;
    const char *whole = ASKED ANSWERED;
    for (size_t cut = 0; cut <= strlen(whole); cut += 7) {
        remove(FILE_S);
        write_to(FILE_S, 0, whole, cut);
        look(s);
        struct kept *k = at(s, "p/s.jsonl");
        size_t want = (cut >= strlen(ASKED)) + (cut >= strlen(whole));
        assert_int_equal(k ? k->count : 0, want);
        append(FILE_S, whole + cut);
        look(s);
        assert_int_equal(at(s, "p/s.jsonl")->count, 2);
        assert_int_equal(at(s, "p/s.jsonl")->file.bad_lines, 0);
    }
}

static void begins_again(void **state)
{
    struct scene *s = *state;
    append(FILE_S, ASKED ANSWERED);
    look(s);
    replace(FILE_S, ANSWERED); /* cut */
    look(s);
    assert_int_equal(at(s, "p/s.jsonl")->count, 1);
    assert_int_equal(at(s, "p/s.jsonl")->events[0].kind, TRANSCRIPT_ASSISTANT);
    replace(FILE_S, ASKED ANSWERED); /* written anew in place, longer than before */
    look(s);
    assert_int_equal(at(s, "p/s.jsonl")->count, 2);
    assert_int_equal(at(s, "p/s.jsonl")->events[0].kind, TRANSCRIPT_USER);
    append("projects/p/new", ANSWERED ASKED); /* another file of the same size and name */
    assert_int_equal(rename("projects/p/new", FILE_S), 0);
    look(s);
    assert_int_equal(at(s, "p/s.jsonl")->count, 2);
    assert_int_equal(at(s, "p/s.jsonl")->events[0].kind, TRANSCRIPT_ASSISTANT);
    /* its end is another one, behind more than a kilobyte that is the same */
    replace(FILE_S, ANSWERED ANSWERED ANSWERED ANSWERED ANSWERED ASKED);
    look(s);
    assert_int_equal(at(s, "p/s.jsonl")->events[5].kind, TRANSCRIPT_USER);
    replace(FILE_S,
            ANSWERED ANSWERED ANSWERED ANSWERED ANSWERED "{\"type\":\"system\"}\n" ASKED);
    look(s);
    assert_int_equal(at(s, "p/s.jsonl")->count, 7);
    assert_int_equal(at(s, "p/s.jsonl")->events[5].kind, TRANSCRIPT_SYSTEM);
    replace(FILE_S, ANSWERED ASKED);
    look(s);
    /* somewhere within, the size the same: only the time tells */
    const struct timespec times[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
    assert_int_equal(utimensat(AT_FDCWD, FILE_S, times, 0), 0);
    int drops = s->memory.drops;
    look(s);
    assert_true(s->memory.drops > drops);
    assert_int_equal(at(s, "p/s.jsonl")->count, 2);
}

static void forgets_what_has_gone(void **state)
{
    struct scene *s = *state;
    append(FILE_S, ASKED ASKED ANSWERED);
    append("projects/p/t.jsonl", ASKED);
    look(s);
    remove(FILE_S);
    look(s);
    assert_null(at(s, "p/s.jsonl"));
    assert_non_null(at(s, "p/t.jsonl"));
    /* the whole folder away: nothing is taken to have gone */
    assert_int_equal(rename("projects", "elsewhere"), 0);
    look(s);
    assert_non_null(at(s, "p/t.jsonl"));
    assert_int_equal(rename("elsewhere", "projects"), 0);
    look(s);
    assert_int_equal(at(s, "p/t.jsonl")->count, 1);
}

static void passes_over_what_is_no_line(void **state)
{
    struct scene *s = *state;
    uint64_t before = loss_read(LOSS_TRANSCRIPT_SKIPPED).since_start;
    append(FILE_S, "garbage\n\n[1]\n{\"a\":1}x\n \r\n{\"type\":\"new-kind\"}\r\n" ASKED);
    look(s);
    struct kept *k = at(s, "p/s.jsonl");
    assert_int_equal(k->count, 2);
    assert_int_equal(k->events[0].kind, TRANSCRIPT_OTHER);
    assert_int_equal(k->events[0].len, 19);
    assert_int_equal(k->events[0].at_us, UNKNOWN);
    assert_int_equal(k->file.bad_lines, 3);
    assert_int_equal(loss_read(LOSS_TRANSCRIPT_SKIPPED).since_start - before, 3);
}

static void long_lines(void **state)
{
    struct scene *s = *state;
    const size_t fits = 5 << 20, too_long = TRANSCRIPT_LINE_MAX + (3 << 20);
    char *text = mem_alloc(too_long + 1);
    memset(text, 'x', too_long);
    append(FILE_S, "{\"type\":\"user\",\"x\":\"");
    write_to(FILE_S, O_APPEND, text, fits);
    append(FILE_S, "\"}\n");
    write_to(FILE_S, O_APPEND, text, too_long);
    look(s);
    struct kept *k = at(s, "p/s.jsonl");
    assert_int_equal(k->count, 1);
    assert_true(k->events[0].len > (int64_t)fits);
    write_to(FILE_S, O_APPEND, text, 100);
    append(FILE_S, "\n" ASKED);
    transcript_reader_free(s->reader);
    open_reader(s);
    look(s);
    assert_int_equal(k->count, 2);
    assert_int_equal(k->events[1].kind, TRANSCRIPT_USER);
    assert_int_equal(k->file.long_lines, 1);
    assert_int_equal(k->file.bad_lines, 0);
    free(text);
}

static void many_lines(void **state)
{
    struct scene *s = *state;
    for (int i = 0; i < 1700; i++)
        append(FILE_S, "{}\n");
    look(s);
    assert_int_equal(at(s, "p/s.jsonl")->count, 1700);
    assert_true(s->memory.puts >= 4);
}

static void agents(void **state)
{
    struct scene *s = *state;
    assert_int_equal(mkdir("projects/p/s", 0700), 0);
    assert_int_equal(mkdir("projects/p/s/subagents", 0700), 0);
    append("projects/p/s/subagents/agent-a1.jsonl",
           "{\"isSidechain\":true,\"agentId\":\"a1\",\"type\":\"user\",\"message\":{\"content\":"
           "[{\"type\":\"text\",\"text\":\"look\"}]},\"sessionId\":\"s\"}\n");
    append("projects/p/s/subagents/agent-a1.meta.json",
           "{\"agentType\":\"finder\",\"description\":\"Find\",\"toolUseId\":\"toolu_1\"}");
    append("projects/p/agent-a2.jsonl",
           "{\"agentId\":\"a2\",\"sessionId\":\"t\",\"attributionAgent\":\"old\"}\n");
    append("projects/p/s/subagents/journal.jsonl", "{}\n");
    look(s);
    struct kept *k = at(s, "p/s/subagents/agent-a1.jsonl");
    assert_str_equal(k->file.session_id, STR("s"));
    assert_str_equal(k->file.agent_id, STR("a1"));
    assert_str_equal(k->file.agent_type, STR("finder"));
    assert_str_equal(k->file.agent_description, STR("Find"));
    assert_str_equal(k->file.tool_use_id, STR("toolu_1"));
    assert_str_equal(k->file.title, STR("look"));
    assert_int_equal(k->events[0].flags, TRANSCRIPT_IS_SIDECHAIN);
    k = at(s, "p/agent-a2.jsonl");
    assert_str_equal(k->file.session_id, STR("t"));
    assert_str_equal(k->file.agent_id, STR("a2"));
    assert_str_equal(k->file.agent_type, STR("old"));
    assert_null(at(s, "p/s/subagents/journal.jsonl"));
}

static void links_are_not_followed(void **state)
{
    struct scene *s = *state;
    scratch_write("outside.jsonl", ASKED, strlen(ASKED));
    assert_int_equal(symlink("../../outside.jsonl", FILE_S), 0);
    assert_int_equal(symlink("../p", "projects/q"), 0);
    look(s);
    assert_int_equal(s->memory.puts, 0);
}

static void tries_again_when_the_store_fails(void **state)
{
    struct scene *s = *state;
    append(FILE_S, ASKED);
    s->memory.put_fails = ERR_FULL;
    look(s);
    assert_null(at(s, "p/s.jsonl"));
    look(s);
    assert_int_equal(at(s, "p/s.jsonl")->count, 1);
}

#define SAID(content) "{\"type\":\"user\",\"message\":{\"content\":" content "}}\n"

static void titles(void **state)
{
    struct scene *s = *state;
    append(FILE_S, "{\"type\":\"user\",\"isMeta\":true,\"message\":{\"content\":\"not this\"}}\n");
    append(FILE_S, SAID("\"<command-name>/clear</command-name>\""));
    append(FILE_S, SAID("[{\"type\":\"tool_result\",\"content\":\"no\"}]"));
    append(FILE_S, SAID("\"this  one\"") SAID("\"later\""));
    look(s);
    assert_str_equal(at(s, "p/s.jsonl")->file.title, STR("this one"));
    append(FILE_S, "{\"type\":\"custom-title\",\"customTitle\":\"Mine\"}\n");
    look(s);
    assert_str_equal(at(s, "p/s.jsonl")->file.title, STR("Mine"));
}

/* --- anything at all --- */

/* What should be known of these bytes: where each line that is an object begins. */
static void check_against(struct scene *s, struct str bytes)
{
    struct kept *k = at(s, "p/s.jsonl");
    size_t count = 0, begin = 0;
    int64_t bad = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.ptr[i] != '\n')
            continue;
        struct str line = str_make(bytes.ptr + begin, i - begin);
        if (line.len && line.ptr[0] == '{') {
            assert_non_null(k);
            assert_true(count < k->count);
            assert_int_equal(k->events[count].start, begin);
            assert_int_equal(k->events[count].len, line.len);
            count++;
        } else {
            bad += line.len > 0;
        }
        begin = i + 1;
    }
    assert_int_equal(k ? k->count : 0, count);
    assert_int_equal(k ? k->file.bad_lines : 0, bad);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

/* Appends a whole line, a part of one, or the rest of it. */
static void grow(struct buf *bytes, uint32_t *seed)
{
    static const char *const parts[] = {
        "{}\n",  "{\"type\":\"user\"}\n", "bad\n", "\n", "{\"a\":[1,",
        "2]}\n", "{\"type\":\"x\"",       "}\n"};
    /* a line is whole or bad as a whole: what begins one is ended by its own rest */
    size_t which = next_random(seed) % COUNT_OF(parts);
    bool is_open = bytes->len && bytes->ptr[bytes->len - 1] != '\n';
    bool is_list = is_open && bytes->ptr[bytes->len - 1] == ',';
    if (is_open)
        which = is_list ? 5 : 7;
    else if (which == 5 || which == 7)
        which = 0;
    assert_int_equal(buf_append(bytes, str_of(parts[which])), ERR_OK);
}

/* Back to the end of a line. */
static void shrink(struct buf *bytes, uint32_t *seed)
{
    size_t len = bytes->len ? next_random(seed) % bytes->len : 0;
    while (len && bytes->ptr[len - 1] != '\n')
        len--;
    bytes->len = len;
}

static void whatever_happens_to_a_file(void **state)
{
    struct scene *s = *state;
    struct buf bytes;
    buf_init(&bytes, 1 << 20);
    for (uint32_t round = 1; round <= 400; round++) {
        uint32_t seed = round * 7919;
        switch (next_random(&seed) % 8) {
        case 0:
            shrink(&bytes, &seed);
            write_to(FILE_S, O_TRUNC, bytes.ptr ? bytes.ptr : "", bytes.len);
            break;
        case 1: /* another file takes its place */
            shrink(&bytes, &seed);
            grow(&bytes, &seed);
            write_to("projects/p/new", O_TRUNC, bytes.ptr, bytes.len);
            assert_int_equal(rename("projects/p/new", FILE_S), 0);
            break;
        case 2:
            transcript_reader_free(s->reader);
            open_reader(s);
            break;
        case 3:
            s->memory.put_fails = ERR_FULL;
            break;
        default:
            for (uint32_t i = next_random(&seed) % 5 + 1, was = (uint32_t)bytes.len; i; i--) {
                grow(&bytes, &seed);
                if (i == 1)
                    write_to(FILE_S, O_APPEND, bytes.ptr + was, bytes.len - was);
            }
        }
        look(s);
        if (!s->memory.put_fails)
            look(s); /* once more where the first was refused */
        s->memory.put_fails = ERR_OK;
        if (bytes.len > 60000)
            bytes.len = 0, remove(FILE_S), look(s);
        check_against(s, buf_str(&bytes));
    }
    buf_release(&bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_lines),
        TEST(goes_on_where_it_was),
        TEST(waits_for_the_end_of_a_line),
        TEST(begins_again),
        TEST(forgets_what_has_gone),
        TEST(passes_over_what_is_no_line),
        TEST(long_lines),
        TEST(many_lines),
        TEST(agents),
        TEST(links_are_not_followed),
        TEST(tries_again_when_the_store_fails),
        TEST(titles),
        TEST(whatever_happens_to_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

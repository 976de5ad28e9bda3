/*
 * transcript_file.c — reads lines; what is new of a file goes to the store together with how far
 * it was read, so that nothing is taken twice or left out, whenever the process ends.
 */
#include "transcript/transcript_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/clock.h"
#include "base/file_mark.h"
#include "base/loss.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "record/json_walk.h"
#include "record/record.h"
#include "transcript/transcript_folder.h"

enum { ABOUT_BYTES_MAX = 64 << 10 };

void transcript_tail_init(struct transcript_tail *t, const struct transcript_store *store)
{
    *t = (struct transcript_tail){.store = store, .fd = -1};
    buf_init(&t->bytes, TRANSCRIPT_LINE_MAX);
    arena_init(&t->kept);
    arena_init(&t->scratch);
}

void transcript_tail_close(struct transcript_tail *t)
{
    if (t->fd >= 0)
        close(t->fd);
    t->fd = -1;
    buf_release(&t->bytes);
    arena_clear(&t->kept);
    arena_clear(&t->scratch);
}

void transcript_tail_release(struct transcript_tail *t)
{
    transcript_tail_close(t);
    arena_release(&t->kept);
    arena_release(&t->scratch);
    free(t->events);
}

int64_t transcript_mtime_us(const struct stat *st)
{
    return file_mark_of(st).changed_ns / 1000;
}

/* --- what the path says --- */

struct path_facts {
    struct str project, session, agent; /* the last two may be empty */
};

/* project/session.jsonl, project/agent-id.jsonl, project/session/…/agent-id.jsonl */
static bool read_path(struct str path, struct path_facts *out)
{
    struct str rest = path, part, name = STR_NONE, second = STR_NONE;
    static const struct str prefix = {"agent-", 6};
    int count = 0;
    *out = (struct path_facts){STR_NONE, STR_NONE, STR_NONE};
    while (rest.len && str_next(&rest, '/', &part)) {
        if (count == 0)
            out->project = part;
        if (count == 1)
            second = part;
        name = part;
        count++;
    }
    if (count < 2 || !str_ends(name, STR(".jsonl")))
        return false;
    name = str_head(name, name.len - 6);
    bool is_agent = str_starts(name, prefix);
    if (is_agent)
        out->agent = str_head(str_from(name, prefix.len), TRANSCRIPT_ID_MAX);
    if (count > 2)
        out->session = str_head(second, TRANSCRIPT_ID_MAX);
    else if (!is_agent)
        out->session = str_head(name, TRANSCRIPT_ID_MAX);
    return count == 2 ? name.len > 0 : is_agent && out->agent.len > 0;
}

bool transcript_path_is_ours(struct str path)
{
    struct path_facts facts;
    return utf8_valid(path) == path.len && read_path(path, &facts);
}

/* --- opening --- */

/* What the client wrote beside an agent's transcript about the call that began it. */
static void read_about(struct transcript_tail *t, int folder_fd)
{
    struct str stem = str_head(t->file.path, t->file.path.len - 6);
    struct str path = arena_printf(&t->scratch, "%.*s.meta.json", STR_ARGS(stem));
    struct stat st;
    int fd;
    if (transcript_open(folder_fd, path, &fd, &st, NULL) != ERR_OK)
        return;
    if (st.st_size > 0 && st.st_size <= ABOUT_BYTES_MAX) {
        char *text = arena_alloc(&t->scratch, (size_t)st.st_size);
        struct str json = str_make(text, (size_t)st.st_size);
        if (transcript_read(fd, 0, st.st_size, text, NULL) == ERR_OK) {
            t->file.agent_type =
                arena_str(&t->kept, json_read_text(json_member(json, STR("agentType")),
                                                   TRANSCRIPT_ID_MAX, &t->scratch));
            t->file.agent_description =
                arena_str(&t->kept, json_read_text(json_member(json, STR("description")),
                                                   TRANSCRIPT_TEXT_MAX, &t->scratch));
            t->file.tool_use_id =
                arena_str(&t->kept, json_read_text(json_member(json, STR("toolUseId")),
                                                   TRANSCRIPT_ID_MAX, &t->scratch));
        }
    }
    close(fd);
}

static void begin_file(struct transcript_tail *t, int folder_fd, struct str path, int64_t id,
                       const struct stat *st)
{
    struct path_facts facts;
    path = arena_str(&t->kept, path);
    bool is_ours = read_path(path, &facts);
    assert(is_ours);
    t->file = (struct transcript_file){.id = id,
                                       .path = path,
                                       .project = facts.project,
                                       .session_id = facts.session,
                                       .agent_id = facts.agent,
                                       .inode = (int64_t)st->st_ino,
                                       .first_us = UNKNOWN,
                                       .last_us = UNKNOWN};
    if (facts.agent.len)
        read_about(t, folder_fd);
}

/* Of what has been read: its first bytes and its last ones. */
static enum err hash_ends(int fd, int64_t len, int64_t read_to, int64_t *hash, struct fail *f)
{
    char ends[2 * TRANSCRIPT_ENDS_BYTES];
    enum err err = transcript_read(fd, 0, len, ends, f);
    if (!err)
        err = transcript_read(fd, read_to - len, len, ends + len, f);
    *hash = err ? 0 : (int64_t)XXH3_64bits(ends, (size_t)len * 2);
    return err;
}

/* Does what is stored still stand in this file? */
static bool goes_on(const struct transcript_tail *t, const struct stat *st)
{
    const struct transcript_file *file = &t->file;
    int64_t size = st->st_size, hash;
    bool is_rewritten =
        size == file->size && size == file->read_to && transcript_mtime_us(st) != file->mtime_us;
    if (file->inode != (int64_t)st->st_ino || size < file->read_to || is_rewritten ||
        file->ends_len > MIN_OF(file->read_to, (int64_t)TRANSCRIPT_ENDS_BYTES))
        return false;
    return hash_ends(t->fd, file->ends_len, file->read_to, &hash, NULL) == ERR_OK &&
           hash == file->ends_hash;
}

enum err transcript_tail_open(struct transcript_tail *t, int folder_fd, struct str path, int64_t id,
                              struct fail *f)
{
    struct stat st;
    enum err err = transcript_open(folder_fd, path, &t->fd, &st, f);
    if (err)
        return err;
    t->size = st.st_size;
    t->mtime_us = transcript_mtime_us(&st);
    t->want_bytes = TRANSCRIPT_PIECE_BYTES;
    t->has_old = false;
    err = t->store->find(t->store->owner, id, &t->kept, &t->file, f);
    if (err && err != ERR_NOT_FOUND) {
        transcript_tail_close(t);
        return err;
    }
    if (!err && goes_on(t, &st))
        return ERR_OK;
    t->has_old = !err;
    begin_file(t, folder_fd, path, id, &st);
    return ERR_OK;
}

/* --- lines --- */

static void keep_text(struct transcript_tail *t, struct str *at, struct str text, bool always)
{
    if (text.len && (always || !at->len) && !str_equal(*at, text))
        *at = arena_str(&t->kept, text);
}

static int64_t parse_time(struct str time)
{
    char text[TRANSCRIPT_ID_MAX + 1];
    int64_t us;
    if (!time.len || time.len >= sizeof text)
        return UNKNOWN;
    memcpy(text, time.ptr, time.len);
    text[time.len] = '\0';
    return clock_parse(text, &us) && us > 0 ? us : UNKNOWN;
}

/* What the line says about the whole. */
static void note_facts(struct transcript_tail *t, const struct transcript_line *line, int64_t at_us)
{
    struct transcript_file *file = &t->file;
    keep_text(t, &file->session_id, line->session_id, false);
    keep_text(t, &file->cwd, line->cwd, false);
    keep_text(t, &file->branch, line->branch, true);
    keep_text(t, &file->title, line->title, false);
    keep_text(t, &file->title, line->naming, true);
    if (file->agent_id.len)
        keep_text(t, &file->agent_type, line->agent_type, false);
    if (at_us < 0)
        return;
    file->first_us = file->first_us < 0 ? at_us : MIN_OF(file->first_us, at_us);
    file->last_us = MAX_OF(file->last_us, at_us);
}

static void bad_line(struct transcript_tail *t, int64_t *count, const char *why)
{
    char detail[TRANSCRIPT_PATH_MAX + 64];
    snprintf(detail, sizeof detail, "%.*s: %s", STR_ARGS(t->file.path), why);
    loss_note(LOSS_TRANSCRIPT_SKIPPED, 1, detail);
    ++*count;
}

static void take_line(struct transcript_tail *t, int64_t start, struct str text)
{
    struct transcript_line line;
    if (text.len && text.ptr[text.len - 1] == '\r')
        text.len--;
    if (!str_trim(text).len)
        return;
    if (!transcript_line_read(text, &t->scratch, &line)) {
        bad_line(t, &t->file.bad_lines, "a line is no JSON object");
        return;
    }
    int64_t at_us = parse_time(line.time);
    note_facts(t, &line, at_us);
    t->file.event_count++;
    t->events[t->event_count++] = (struct transcript_event){.start = start,
                                                            .len = (int64_t)text.len,
                                                            .kind = line.kind,
                                                            .flags = line.flags,
                                                            .at_us = at_us,
                                                            .has_uuid = line.has_uuid,
                                                            .has_parent = line.has_parent,
                                                            .uuid = line.uuid,
                                                            .parent = line.parent,
                                                            .request_id = line.request_id,
                                                            .message_id = line.message_id,
                                                            .cwd = line.cwd,
                                                            .branch = line.branch};
}

/* Nothing but the beginning of a line was read. False: the rest is not written yet. */
static bool take_part(struct transcript_tail *t, struct str part)
{
    bool is_all = t->file.read_to + (int64_t)part.len >= t->size;
    if (t->file.is_skipping) {
        t->file.read_to += (int64_t)part.len;
        return !is_all;
    }
    if (part.len >= TRANSCRIPT_LINE_MAX) {
        bad_line(t, &t->file.long_lines, "a line is too long");
        t->file.is_skipping = true;
        t->file.read_to += (int64_t)part.len;
        return !is_all;
    }
    t->want_bytes = MIN_OF(t->want_bytes * 2, (size_t)TRANSCRIPT_LINE_MAX);
    return !is_all;
}

/* Takes whole lines; false when no more can be had now. */
static bool take_lines(struct transcript_tail *t, struct str rest)
{
    bool has_some = false;
    while (rest.len && t->event_count < TRANSCRIPT_EVENTS_MAX) {
        size_t end = str_find(rest, '\n');
        if (end == rest.len) {
            /* with others before it: looked at from its beginning in the next step */
            bool is_all = t->file.read_to + (int64_t)rest.len >= t->size;
            return has_some ? !is_all || t->file.is_skipping : take_part(t, rest);
        }
        if (!t->file.is_skipping)
            take_line(t, t->file.read_to, str_head(rest, end));
        t->file.is_skipping = false;
        t->file.read_to += (int64_t)end + 1;
        t->want_bytes = TRANSCRIPT_PIECE_BYTES;
        rest = str_from(rest, end + 1);
        has_some = true;
    }
    return t->file.read_to < t->size;
}

/* --- a step --- */

static enum err read_piece(struct transcript_tail *t, struct fail *f)
{
    int64_t left = t->size - t->file.read_to;
    size_t len = left > 0 ? MIN_OF((size_t)left, t->want_bytes) : 0;
    buf_clear(&t->bytes);
    enum err err = buf_reserve(&t->bytes, len);
    assert(!err); /* never more than its ceiling */
    if (len)
        err = transcript_read(t->fd, t->file.read_to, (int64_t)len, t->bytes.ptr, f);
    t->bytes.len = err ? 0 : len;
    return err;
}

static enum err note_ends(struct transcript_tail *t, struct fail *f)
{
    int64_t len = MIN_OF(t->file.read_to, (int64_t)TRANSCRIPT_ENDS_BYTES);
    t->file.ends_len = len;
    return hash_ends(t->fd, len, t->file.read_to, &t->file.ends_hash, f);
}

enum err transcript_tail_step(struct transcript_tail *t, bool *more, struct fail *f)
{
    *more = true;
    if (t->has_old)
        return t->store->drop(t->store->owner, t->file.id, &t->has_old, f);
    if (!t->events)
        t->events = mem_alloc(TRANSCRIPT_EVENTS_MAX * sizeof *t->events);
    t->event_count = 0;
    arena_clear(&t->scratch);
    enum err err = read_piece(t, f);
    if (err)
        return err;
    *more = take_lines(t, buf_str(&t->bytes));
    err = note_ends(t, f);
    if (err)
        return err;
    /* until all is read it looks like another file's size and time, to be met again */
    t->file.size = *more ? t->file.read_to : t->size;
    t->file.mtime_us = *more ? 0 : t->mtime_us;
    return t->store->put(t->store->owner, &t->file, t->events, t->event_count, f);
}

void transcript_tail_refuse(struct transcript_tail *t)
{
    t->file.size = t->size;
    t->file.mtime_us = t->mtime_us;
}

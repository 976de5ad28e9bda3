/*
 * importer.c — tells what kind a file is, reads it, and hands its exchanges on.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "import/importer_private.h"
#include "import/splitter.h"
#include "record/compact.h"

enum { HEAD_MAX = 256 << 10, SHORT_TEXT_MAX = 128, ERROR_MESSAGE_MAX = 300, SNIFF_BYTES = 4096 };

struct importer *importer_new(const struct import_sink *sink, struct redactor *redactor)
{
    struct importer *m = MEM_NEW(struct importer);
    m->sink = *sink;
    m->redactor = redactor;
    arena_init(&m->draft.arena);
    for (int i = 0; i < 2; i++) {
        buf_init(&m->draft.heads[i], HEAD_MAX);
        buf_init(&m->draft.bodies[i], IMPORT_TEXT_MAX);
        buf_init(&m->masked[i], HEAD_MAX * 2);
    }
    return m;
}

void importer_free(struct importer *m)
{
    if (!m)
        return;
    arena_release(&m->draft.arena);
    for (int i = 0; i < 2; i++) {
        buf_release(&m->draft.heads[i]);
        buf_release(&m->draft.bodies[i]);
        buf_release(&m->masked[i]);
    }
    free(m);
}

struct import_counts importer_counts(const struct importer *m)
{
    return m->counts;
}

void importer_refuse(struct importer *m, const char *why)
{
    m->counts.bad++;
    m->sink.complain(m->sink.owner, m->unit, m->number, why);
}

/* --- handing on --- */

static enum err mask_line(struct importer *m, struct str line, bool is_first, struct buf *out)
{
    size_t colon = str_find(line, ':');
    struct str name = str_head(line, colon), value = str_trim(str_from(line, colon + 1));
    enum err err;
    if (is_first)
        err = redact_target(m->redactor, line, out);
    else if (colon == line.len)
        return ERR_OK; /* no header */
    else {
        err = buf_append(out, name);
        if (!err)
            err = buf_append(out, STR(": "));
        if (!err)
            err = redact_value(m->redactor, name, value, out);
    }
    return err ? err : buf_append(out, STR("\r\n"));
}

/* Whoever wrote the file may not have masked what we would; what is masked already stays. */
static enum err mask_head(struct importer *m, struct str *head, struct buf *out)
{
    struct str rest = *head, line;
    bool is_first = true;
    enum err err = ERR_OK;
    buf_clear(out);
    while (!err && rest.len && str_next(&rest, '\n', &line)) {
        if (line.len && line.ptr[line.len - 1] == '\r')
            line.len--;
        if (line.len)
            err = mask_line(m, line, is_first, out);
        is_first = false;
    }
    *head = buf_str(out);
    return err;
}

static bool is_plausible(const struct exchange_copy *x)
{
    const int64_t latest_us = INT64_C(7258118400) * 1000000; /* the year 2200 */
    return x->started_us > 0 && x->started_us < latest_us && x->request_head.len &&
           x->duration_us < latest_us;
}

enum err importer_put(struct importer *m, struct exchange_copy *x, struct fail *f)
{
    if (!is_plausible(x)) {
        importer_refuse(m, "its time or its request is missing");
        return ERR_OK;
    }
    if (m->sink.has(m->sink.owner, &x->id)) {
        m->counts.known++;
        return ERR_OK;
    }
    if (mask_head(m, &x->request_head, &m->masked[0]) ||
        mask_head(m, &x->response_head, &m->masked[1])) {
        importer_refuse(m, "its headers are too long");
        return ERR_OK;
    }
    x->client_addr = str_head(x->client_addr, SHORT_TEXT_MAX);
    x->provider = str_head(x->provider, SHORT_TEXT_MAX);
    x->upstream_addr = str_head(x->upstream_addr, SHORT_TEXT_MAX);
    x->error_type = str_head(x->error_type, SHORT_TEXT_MAX);
    x->error_message = str_head(x->error_message, ERROR_MESSAGE_MAX);
    enum err err = m->sink.put(m->sink.owner, x, f);
    m->counts.imported += !err;
    return err;
}

/* --- reading --- */

struct source {
    int fd;
    char *bytes; /* IMPORT_READ_BYTES */
    struct fail *f;
};

static enum err read_some(struct source *s, struct str *bytes)
{
    ssize_t n;
    do
        n = read(s->fd, s->bytes, IMPORT_READ_BYTES);
    while (n < 0 && errno == EINTR);
    *bytes = str_make(s->bytes, n > 0 ? (size_t)n : 0);
    return n < 0 ? fail(s->f, ERR_IO, "it cannot be read: %s", strerror(errno)) : ERR_OK;
}

struct taking {
    struct importer *m;
    struct fail *f;
};

static enum err take_compact(const struct exchange_copy *x, void *owner)
{
    struct taking *t = owner;
    struct exchange_copy copy = *x;
    t->m->number++;
    return importer_put(t->m, &copy, t->f);
}

static enum err read_compact(struct importer *m, struct source *s, struct str first)
{
    struct taking t = {m, s->f};
    struct compact_reader *r = compact_reader_new(take_compact, &t);
    m->unit = "exchange";
    struct str bytes = first;
    enum err err = ERR_OK;
    while (!err && bytes.len) {
        err = compact_read(r, bytes, s->f);
        if (!err)
            err = read_some(s, &bytes);
    }
    if (!err)
        err = compact_read_end(r, s->f);
    m->counts.bad += compact_damaged(r);
    if (compact_damaged(r))
        m->sink.complain(m->sink.owner, m->unit, 0, "bodies do not have their hash");
    compact_reader_free(r);
    return err;
}

static bool is_blank(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!strchr(" \t\r\n", text.ptr[i]) || !text.ptr[i])
            return false;
    return true;
}

static enum err take_text(struct str text, uint64_t number, bool is_too_long, void *owner)
{
    struct taking *t = owner;
    t->m->number = number;
    if (is_too_long) {
        importer_refuse(t->m, "is too long");
        return ERR_OK;
    }
    return is_blank(text) ? ERR_OK : import_json(t->m, text, t->f);
}

static enum err read_text(struct importer *m, struct source *s, struct str first,
                          const char *member)
{
    struct splitter splitter;
    struct taking t = {m, s->f};
    m->unit = member ? "entry" : "line";
    if (member)
        splitter_init_elements(&splitter, member, IMPORT_LINE_MAX, take_text, &t);
    else
        splitter_init_lines(&splitter, IMPORT_LINE_MAX, take_text, &t);
    struct str bytes = first;
    enum err err = ERR_OK;
    while (!err && bytes.len) {
        err = splitter_feed(&splitter, bytes);
        if (!err)
            err = read_some(s, &bytes);
    }
    if (!err)
        err = splitter_end(&splitter);
    if (err == ERR_CORRUPT)
        fail(s->f, err, "it is not whole, after %llu entries",
             (unsigned long long)splitter.number);
    splitter_release(&splitter);
    return err;
}

/* --- kinds --- */

/* The name of the first member: {"name": … */
static struct str first_member(struct str text)
{
    size_t at = 0;
    while (at < text.len && text.ptr[at] && strchr(" \t\r\n{\xEF\xBB\xBF", text.ptr[at]))
        at++;
    text = str_from(text, at);
    if (!text.len || text.ptr[0] != '"')
        return STR_NONE;
    return str_head(str_from(text, 1), str_find(str_from(text, 1), '"'));
}

static bool has(struct str text, const char *part)
{
    return str_contains_nocase(text, str_of(part));
}

static enum err read_kind(struct importer *m, struct source *s, const char *path)
{
    struct str bytes;
    enum err err = read_some(s, &bytes);
    if (err)
        return err;
    struct str sniff = str_head(bytes, SNIFF_BYTES);
    if (compact_is(bytes))
        return read_compact(m, s, bytes);
    if (str_starts(bytes, STR("SQLite format 3")))
        return strcmp(path, "-") ? import_sqlite(m, path, s->f)
                                 : fail(s->f, ERR_PARSE, "a database must be given as a file");
    struct str name = first_member(sniff);
    if (str_equal(name, STR("log")))
        return read_text(m, s, bytes, "entries");
    if (str_equal(name, STR("export_version")) && has(sniff, "\"requests\":["))
        return read_text(m, s, bytes, "requests");
    if (name.len)
        return read_text(m, s, bytes, NULL);
    return fail(s->f, ERR_PARSE, "%s",
                bytes.len ? "it is none of the kinds that can be imported" : "it is empty");
}

enum err importer_read(struct importer *m, const char *path, struct fail *f)
{
    bool is_input = !strcmp(path, "-");
    struct source s = {.fd = is_input ? dup(0) : open(path, O_RDONLY | O_CLOEXEC), .f = f};
    if (s.fd < 0)
        return fail(f, ERR_IO, "%s", strerror(errno));
    s.bytes = mem_alloc(IMPORT_READ_BYTES);
    m->number = 0;
    m->unit = "entry";
    enum err err = read_kind(m, &s, path);
    free(s.bytes);
    close(s.fd);
    return err;
}

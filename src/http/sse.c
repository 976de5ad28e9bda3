/*
 * sse.c — the event-stream parser.
 *
 * Lines are found with memchr. What an event is made of stays borrowed from the feed; only at the
 * end of a feed is the unfinished rest copied.
 */
#include "http/sse.h"

void sse_parser_init(struct sse_parser *p, size_t ceiling_bytes)
{
    *p = (struct sse_parser){.ceiling = ceiling_bytes, .retry_ms = -1, .is_between = true};
    buf_init(&p->line, ceiling_bytes);
    buf_init(&p->name, ceiling_bytes);
    buf_init(&p->data, ceiling_bytes);
    buf_init(&p->id, ceiling_bytes);
}

void sse_parser_release(struct sse_parser *p)
{
    buf_release(&p->line);
    buf_release(&p->name);
    buf_release(&p->data);
    buf_release(&p->id);
}

bool sse_parser_is_inside(const struct sse_parser *p)
{
    return p->line.len || !p->is_between;
}

static enum err keep(struct buf *b, struct str *s)
{
    if (s->len == 0 || s->ptr == b->ptr)
        return ERR_OK;
    buf_clear(b);
    enum err err = buf_append(b, *s);
    *s = buf_str(b);
    return err;
}

/* `is_passing`: the value will be gone before the event is complete. */
static enum err add_data(struct sse_parser *p, struct str value, bool is_passing)
{
    enum err err = ERR_OK;
    if (!p->has_data) {
        p->has_data = true;
        p->event_data = value;
        return is_passing ? keep(&p->data, &p->event_data) : ERR_OK;
    }
    if (!p->event_data.len)
        buf_clear(&p->data);
    if ((err = keep(&p->data, &p->event_data)) || (err = buf_append_byte(&p->data, '\n')) ||
        (err = buf_append(&p->data, value)))
        return err;
    p->event_data = buf_str(&p->data);
    return ERR_OK;
}

static enum err add_field(struct sse_parser *p, struct str field, struct str value, bool is_passing)
{
    if (str_equal(field, STR("data")))
        return add_data(p, value, is_passing);
    if (str_equal(field, STR("event"))) {
        p->event_name = value;
        return is_passing ? keep(&p->name, &p->event_name) : ERR_OK;
    }
    if (str_equal(field, STR("id")) && str_find(value, '\0') == value.len) {
        buf_clear(&p->id);
        return buf_append(&p->id, value);
    }
    uint64_t ms;
    if (str_equal(field, STR("retry")) && str_to_u64(value, &ms) && ms <= INT64_MAX)
        p->retry_ms = (int64_t)ms;
    return ERR_OK;
}

static void end_event(struct sse_parser *p, uint64_t end, sse_on_event *on_event, void *owner)
{
    if (p->has_data) {
        struct sse_event event = {.name = p->event_name,
                                  .data = p->event_data,
                                  .id = buf_str(&p->id),
                                  .start = p->event_start,
                                  .end = end};
        on_event(owner, &event);
    }
    p->event_name = p->event_data = STR_NONE;
    p->has_data = false;
    p->is_between = true;
}

static enum err read_line(struct sse_parser *p, struct str line, bool is_passing)
{
    if (p->is_between) {
        p->is_between = false;
        p->event_start = p->line_start;
    }
    if (line.ptr[0] == ':')
        return ERR_OK;                                       /* a comment */
    if (line.len > 5 && memcmp(line.ptr, "data:", 5) == 0) { /* nearly all lines, and the longest */
        size_t skip = 5 + (line.ptr[5] == ' ');
        return add_data(p, str_make(line.ptr + skip, line.len - skip), is_passing);
    }
    size_t colon = str_find(line, ':');
    struct str value = str_from(line, MIN_OF(colon + 1, line.len));
    if (value.len && value.ptr[0] == ' ')
        value = str_from(value, 1);
    return add_field(p, str_head(line, colon), value, is_passing);
}

/* Takes a byte order mark off the stream's first line. */
static struct str without_mark(struct sse_parser *p, struct str line)
{
    if (p->is_begun)
        return line;
    p->is_begun = true;
    return str_starts(line, STR("\xEF\xBB\xBF")) ? str_from(line, 3) : line;
}

static enum err take_line(struct sse_parser *p, struct str part, uint64_t end,
                          sse_on_event *on_event, void *owner)
{
    bool is_passing = p->line.len > 0;
    struct str line = part;
    enum err err = ERR_OK;
    if (p->line.len + part.len > p->ceiling)
        return ERR_TOO_LARGE;
    if (is_passing) {
        if ((err = buf_append(&p->line, part)))
            return err;
        line = buf_str(&p->line);
    }
    line = without_mark(p, line);
    if (line.len)
        err = read_line(p, line, is_passing);
    else
        end_event(p, end, on_event, owner);
    buf_clear(&p->line);
    p->line_start = end;
    return err;
}

/* What is left of the feed is part of a line; it and the event so far must be copied. */
static enum err keep_rest(struct sse_parser *p, struct str rest)
{
    enum err err = ERR_OK;
    if ((err = keep(&p->name, &p->event_name)) || (err = keep(&p->data, &p->event_data)))
        return err;
    return buf_append(&p->line, rest);
}

/* Index of the first `c` from `at` on, remembered in `found` while it still lies ahead. */
static size_t next_of(struct str bytes, char c, size_t at, size_t *found)
{
    if (*found < at || *found == SIZE_MAX) {
        const char *hit = memchr(bytes.ptr + at, c, bytes.len - at);
        *found = hit ? (size_t)(hit - bytes.ptr) : bytes.len;
    }
    return *found;
}

static bool begins_at(struct str bytes, size_t at, const char *with, size_t len)
{
    return bytes.len - at >= len && memcmp(bytes.ptr + at, with, len) == 0;
}

/* The shape that nearly all events of a stream have, "event: …\ndata: …\n\n" whole in one feed,
 * read without the ceremony below. Returns the index behind it; `at` when it is another shape.
 * `cr`: where the next CR is. */
static size_t take_usual(struct sse_parser *p, struct str bytes, size_t at, size_t cr,
                         sse_on_event *on_event, void *owner)
{
    struct sse_event event = {.id = buf_str(&p->id), .start = p->fed + at};
    size_t start = at;
    const char *end;
    if (begins_at(bytes, at, "event: ", 7)) {
        if (!(end = memchr(bytes.ptr + at, '\n', bytes.len - at)))
            return start;
        event.name = str_make(bytes.ptr + at + 7, (size_t)(end - bytes.ptr) - at - 7);
        at = (size_t)(end - bytes.ptr) + 1;
    }
    if (!begins_at(bytes, at, "data: ", 6) || !(end = memchr(bytes.ptr + at, '\n', bytes.len - at)))
        return start;
    event.data = str_make(bytes.ptr + at + 6, (size_t)(end - bytes.ptr) - at - 6);
    at = (size_t)(end - bytes.ptr) + 2;
    if (at > bytes.len || end[1] != '\n' || cr < at || event.data.len + 6 > p->ceiling ||
        event.name.len + 7 > p->ceiling)
        return start;
    event.end = p->line_start = p->fed + at;
    p->is_begun = true;
    on_event(owner, &event);
    return at;
}

static enum err feed(struct sse_parser *p, struct str bytes, sse_on_event *on_event, void *owner)
{
    size_t at = 0, lf = SIZE_MAX, cr = SIZE_MAX;
    enum err err;
    while (at < bytes.len) {
        if (p->is_after_cr) {
            p->is_after_cr = false;
            if (bytes.ptr[at] == '\n') {
                at++;
                p->line_start++;
                continue;
            }
        }
        size_t next_cr = next_of(bytes, '\r', at, &cr);
        if (p->is_between && !p->line.len) {
            size_t behind = take_usual(p, bytes, at, next_cr, on_event, owner);
            if (behind > at) {
                at = behind;
                continue;
            }
        }
        size_t end = MIN_OF(next_of(bytes, '\n', at, &lf), next_cr);
        struct str part = str_make(bytes.ptr + at, end - at);
        if (end == bytes.len)
            return keep_rest(p, part);
        if ((err = take_line(p, part, p->fed + end + 1, on_event, owner)))
            return err;
        p->is_after_cr = bytes.ptr[end] == '\r';
        at = end + 1;
    }
    return keep_rest(p, STR_NONE);
}

enum err sse_parser_feed(struct sse_parser *p, struct str bytes, sse_on_event *on_event,
                         void *owner)
{
    if (!p->failed && bytes.len) {
        p->failed = feed(p, bytes, on_event, owner);
        p->fed += bytes.len;
    }
    return p->failed;
}

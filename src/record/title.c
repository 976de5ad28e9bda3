/*
 * title.c — looks through messages, newest first, for text that the user wrote.
 *
 * What the client wraps in <system-reminder> is its own and passed over; what it wraps in <session>,
 * to ask for a title, is the user's. The places where content
 * blocks begin were noted when the body was cut, so large tool results are never read again.
 */
#include "record/title.h"

#include "base/utf8.h"
#include "record/json_walk.h"

struct search {
    struct str body;
    const struct json_marks *blocks;
    struct arena *arena;
};

static const struct str reminder = {"<system-reminder>", 17};
static const struct str reminder_end = {"</system-reminder>", 18};

/* If a reminder begins at `*at`, moves behind it (to the end when it never ends). */
static bool skip_reminder(struct str inside, size_t *at)
{
    if (inside.ptr[*at] != '<' || !str_starts(str_from(inside, *at), reminder))
        return false;
    const char *end =
        memmem(inside.ptr + *at, inside.len - *at, reminder_end.ptr, reminder_end.len);
    *at = end ? (size_t)(end - inside.ptr) + reminder_end.len : inside.len;
    return true;
}

static struct str unwrap_session(struct str inside)
{
    static const struct str session = {"<session>", 9}, session_end = {"</session>", 10};
    if (!str_starts(inside, session))
        return inside;
    inside = str_from(inside, session.len);
    const char *end = memmem(inside.ptr, inside.len, session_end.ptr, session_end.len);
    return end ? str_make(inside.ptr, (size_t)(end - inside.ptr)) : inside;
}

struct str title_of_string(struct str raw, struct arena *arena)
{
    if (raw.len < 2 || raw.ptr[0] != '"' || raw.ptr[raw.len - 1] != '"')
        return STR_NONE;
    struct str inside = unwrap_session(str_make(raw.ptr + 1, raw.len - 2));
    char out[TITLE_BYTES_MAX + 4];
    size_t len = 0, at = 0;
    bool is_blank_due = false;
    while (at < inside.len) {
        char plain = inside.ptr[at];
        if (plain > ' ' && plain < 0x7F && plain != '\\' && plain != '<' &&
            len + is_blank_due < TITLE_BYTES_MAX) { /* nearly all are */
            out[len] = ' ';
            len += is_blank_due;
            out[len++] = plain;
            is_blank_due = false;
            at++;
            continue;
        }
        if (plain == ' ') {
            is_blank_due = len > 0;
            at++;
            continue;
        }
        uint32_t c = skip_reminder(inside, &at) ? ' ' : json_char(inside, &at);
        if (c <= ' ' || c == 0x7F) {
            is_blank_due = len > 0;
            continue;
        }
        char bytes[5] = " ";
        size_t more = utf8_put(bytes + is_blank_due, c) + is_blank_due;
        if (len + more > TITLE_BYTES_MAX)
            break;
        memcpy(out + len, bytes, more);
        len += more;
        is_blank_due = false;
    }
    return len ? arena_str(arena, str_make(out, len)) : STR_NONE;
}

/* The title in a content block, when it is a text block. */
static struct str title_of_block(const struct search *s, size_t start)
{
    struct json_walk w;
    struct str key, text = STR_NONE;
    bool is_text = false;
    json_walk_init(&w, s->body);
    w.at = start;
    if (!json_enter(&w, '{'))
        return STR_NONE;
    while (!(is_text && text.len) && json_next_key(&w, &key)) {
        struct str raw = json_take(&w);
        if (json_key_is(key, STR("text")))
            text = raw;
        if (!json_key_is(key, STR("type")))
            continue;
        if (!str_equal(raw, STR("\"text\"")))
            return STR_NONE;
        is_text = true;
    }
    return is_text ? title_of_string(text, s->arena) : STR_NONE;
}

static size_t first_mark_from(const struct json_marks *m, size_t start)
{
    size_t low = 0, high = m->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (m->list[middle] < start)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Is the block that begins at `start` one of the array that the walk is at? */
static bool is_in_array(struct json_walk *w, size_t start)
{
    struct json_walk inside = *w;
    if (json_enter(&inside, '[') && json_peek(&inside) >= 0 && inside.at == start)
        return true; /* its first */
    struct str content = json_take(w);
    return w->text.ptr + start < content.ptr + content.len;
}

/* `w` is at the value of `content`. */
static struct str title_of_content(const struct search *s, struct json_walk *w, size_t end)
{
    if (json_peek(w) == '"')
        return title_of_string(json_take(w), s->arena);
    if (json_peek(w) != '[')
        return STR_NONE;
    for (size_t i = first_mark_from(s->blocks, w->at); i < s->blocks->count; i++) {
        if (s->blocks->list[i] >= end)
            break;
        struct str title = title_of_block(s, s->blocks->list[i]);
        if (!title.len)
            continue;
        return is_in_array(w, s->blocks->list[i]) ? title : STR_NONE;
    }
    return STR_NONE;
}

/* Most messages are not the user's, and nearly all begin with saying so. */
static bool is_plainly_not_user(struct str message)
{
    static const struct str role = {"{\"role\":\"", 9};
    if (message.len && message.ptr[0] == ',')
        message = str_make(message.ptr + 1, message.len - 1);
    return message.len > role.len && memcmp(message.ptr, role.ptr, role.len) == 0 &&
           message.ptr[role.len] != 'u' && message.ptr[role.len] != '\\';
}

static struct str title_of_message(const struct search *s, const struct json_cut *message)
{
    if (is_plainly_not_user(str_make(s->body.ptr + message->start, message->len)))
        return STR_NONE;
    struct json_walk w;
    struct str key;
    size_t content = 0, end = message->start + message->len;
    bool is_user = false;
    json_walk_init(&w, str_head(s->body, end));
    w.at = message->start;
    if (json_peek(&w) == ',')
        w.at++;
    if (!json_enter(&w, '{'))
        return STR_NONE;
    while (!(is_user && content) && json_next_key(&w, &key)) {
        if (json_key_is(key, STR("content")))
            content = w.at;
        if (content && is_user)
            break;
        struct str raw = json_take(&w);
        if (!json_key_is(key, STR("role")))
            continue;
        if (!str_equal(raw, STR("\"user\"")))
            return STR_NONE;
        is_user = true;
    }
    if (!is_user || !content)
        return STR_NONE;
    w.at = content;
    w.is_stuck = false;
    return title_of_content(s, &w, end);
}

struct str title_find(struct str body, const struct json_cut *messages, size_t count,
                      const struct json_marks *blocks, struct arena *arena, size_t *message)
{
    struct search s = {.body = body, .blocks = blocks, .arena = arena};
    while (count-- > 0) {
        struct str title = title_of_message(&s, &messages[count]);
        *message = count;
        if (title.len)
            return title;
    }
    return STR_NONE;
}

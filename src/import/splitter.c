/*
 * splitter.c — lines, and elements of an array, out of a stream.
 */
#include "import/splitter.h"

void splitter_init_lines(struct splitter *s, size_t ceiling_bytes, split_fn *fn, void *owner)
{
    *s = (struct splitter){.fn = fn, .owner = owner};
    buf_init(&s->text, ceiling_bytes);
}

void splitter_init_elements(struct splitter *s, const char *member, size_t ceiling_bytes,
                            split_fn *fn, void *owner)
{
    splitter_init_lines(s, ceiling_bytes, fn, owner);
    s->member = member;
}

void splitter_release(struct splitter *s)
{
    buf_release(&s->text);
}

static void keep(struct splitter *s, struct str bytes)
{
    if (!s->is_too_long && buf_append(&s->text, bytes) != ERR_OK) {
        s->is_too_long = true;
        buf_release(&s->text);
    }
}

static enum err give(struct splitter *s)
{
    enum { KEPT_BYTES = 4 << 20 };
    enum err err = s->fn(buf_str(&s->text), ++s->number, s->is_too_long, s->owner);
    s->is_too_long = false;
    if (s->text.cap > KEPT_BYTES)
        buf_release(&s->text);
    buf_clear(&s->text);
    return err;
}

static enum err feed_lines(struct splitter *s, struct str bytes)
{
    enum err err = ERR_OK;
    while (bytes.len && !err) {
        size_t end = str_find(bytes, '\n');
        keep(s, str_head(bytes, end));
        if (end < bytes.len)
            err = give(s);
        bytes = str_from(bytes, end + 1);
    }
    return err;
}

/* --- elements --- */

/* Inside a string: does it go on like the member's name? */
static void match_name(struct splitter *s, char c)
{
    if (s->key_at == SIZE_MAX)
        return;
    s->key_at = s->member[s->key_at] == c && c ? s->key_at + 1 : SIZE_MAX;
}

static void end_string(struct splitter *s)
{
    s->in_string = false;
    s->is_named = s->key_at != SIZE_MAX && !s->member[s->key_at];
}

static void open_bracket(struct splitter *s, char c)
{
    s->depth++;
    if (c == '[' && s->is_named && !s->array_depth && !s->number)
        s->array_depth = s->depth;
    else if (c == '{' && s->array_depth && s->depth == s->array_depth + 1)
        s->is_element = true;
}

/* True when an element ends here. */
static bool close_bracket(struct splitter *s)
{
    bool ends = s->is_element && s->depth == s->array_depth + 1;
    if (s->depth == 0) {
        s->is_broken = true;
        return false;
    }
    if (s->depth == s->array_depth)
        s->array_depth = 0;
    s->depth--;
    return ends;
}

/* One byte outside of elements, or inside. True when an element ends with it. */
static bool take_byte(struct splitter *s, char c)
{
    if (s->in_string) {
        if (s->is_escaped)
            s->is_escaped = false;
        else if (c == '\\')
            s->is_escaped = true;
        else if (c == '"') {
            end_string(s);
            return false;
        }
        match_name(s, c);
        return false;
    }
    switch (c) {
    case '"':
        s->in_string = true;
        s->key_at = 0;
        return false;
    case '{':
    case '[':
        open_bracket(s, c);
        break;
    case '}':
    case ']':
        s->is_named = false;
        return close_bracket(s);
    case ':':
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        return false; /* a name still names what follows */
    default:
        break;
    }
    s->is_named = false;
    return false;
}

static enum err feed_elements(struct splitter *s, struct str bytes)
{
    enum err err = ERR_OK;
    size_t start = 0;
    for (size_t i = 0; i < bytes.len && !err && !s->is_broken; i++) {
        bool was_element = s->is_element, ends = take_byte(s, bytes.ptr[i]);
        if (!was_element && s->is_element)
            start = i;
        if (!ends)
            continue;
        keep(s, str_make(bytes.ptr + start, i + 1 - start));
        s->is_element = false;
        err = give(s);
    }
    if (!err && s->is_element)
        keep(s, str_from(bytes, start));
    return err ? err : s->is_broken ? ERR_CORRUPT : ERR_OK;
}

enum err splitter_feed(struct splitter *s, struct str bytes)
{
    return s->member ? feed_elements(s, bytes) : feed_lines(s, bytes);
}

enum err splitter_end(struct splitter *s)
{
    if (!s->member)
        return s->text.len || s->is_too_long ? give(s) : ERR_OK;
    return s->depth || s->in_string ? ERR_CORRUPT : ERR_OK;
}

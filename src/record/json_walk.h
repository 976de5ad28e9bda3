/*
 * json_walk.h — a cursor over JSON text: enter, step, take. No tree, no allocation.
 *
 * Strict where it walks, blind inside what it takes whole (json_scan.h). Raw values are slices of
 * the text; json_read_text() and json_read_int() read them.
 */
#ifndef RECORD_JSON_WALK_H
#define RECORD_JSON_WALK_H

#include "base/arena.h"
#include "record/json_scan.h"

struct json_walk {
    struct str text;
    size_t at;
    unsigned depth;
    bool is_first;  /* nothing has been read in the container we are in */
    bool is_stuck;  /* the grammar was broken here: nothing more comes */
    uint32_t flags; /* JSON_SCAN_…; INVALID also when stuck */
    struct json_marks *marks;
    const struct json_scan *scan;
};

void json_walk_init(struct json_walk *w, struct str text);

static inline bool json_is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* The next byte that is no space; -1 at the end. */
static inline int json_peek(struct json_walk *w)
{
    while (w->at < w->text.len && json_is_space(w->text.ptr[w->at]))
        w->at++;
    return w->at < w->text.len ? (unsigned char)w->text.ptr[w->at] : -1;
}

/* Goes inside when `bracket` ('{' or '[') is next; else false, and nothing has happened. */
bool json_enter(struct json_walk *w, char bracket);
/* To the next member: `key` is what stands between its quotes, `at` is at its value. False at the
 * object's end (then behind it) and when stuck. */
bool json_next_key(struct json_walk *w, struct str *key);
/* The same for an array. */
bool json_next_element(struct json_walk *w);
/* The whole next value; behind it afterwards. Empty when there is none (then stuck). */
struct str json_take(struct json_walk *w);

/* The same for a key that is longer than the name: it may be written with escapes. */
bool json_key_is_written(struct str key, struct str name);
/* Is this key, as it stands between its quotes, `name` (ASCII)? */
static inline bool json_key_is(struct str key, struct str name)
{
    if (key.len == name.len)
        return memcmp(key.ptr, name.ptr, name.len) == 0;
    return key.len > name.len && json_key_is_written(key, name);
}

/* The first member of this name in a raw object; empty when there is none. */
struct str json_member(struct str object, struct str name);

/* A raw string's text as valid UTF-8, at most `max` bytes and never cut in mid-character;
 * borrowed where plain, else in the arena. Empty when `raw` is no string. */
struct str json_read_text(struct str raw, size_t max, struct arena *arena);
/* The same for what stands between the quotes. */
struct str json_read_inside(struct str inside, size_t max, struct arena *arena);
/* The character at `*at` of a string's inside, escapes undone; moves `*at` behind it. What is no
 * character comes as U+FFFD. */
uint32_t json_char(struct str inside, size_t *at);

enum json_int_result { JSON_INT_OK, JSON_INT_NULL, JSON_INT_BAD };
/* A whole number from 0 to `max`. NULL: the literal, or nothing at all. */
enum json_int_result json_read_int(struct str raw, int64_t max, int64_t *out);

#endif

/*
 * glob.c — trying a pattern: names without wildcards, beginnings and parts without a search.
 */
#include "proxy/glob.h"

bool glob_matches(struct str pattern, struct str text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, mark = 0;
    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            mark = t;
        } else if (p < pattern.len && (pattern.ptr[p] == '?' || pattern.ptr[p] == text.ptr[t])) {
            p++, t++;
        } else if (star != SIZE_MAX) { /* the last star takes one more */
            p = star + 1;
            t = ++mark;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*')
        p++;
    return p == pattern.len;
}

static bool is_plain(struct str text)
{
    return str_find(text, '*') == text.len && str_find(text, '?') == text.len;
}

struct glob glob_make(struct str text)
{
    struct glob g = {text, GLOB_GENERAL};
    struct str last = text.len ? str_head(text, text.len - 1) : text;
    bool ends = text.len && text.ptr[text.len - 1] == '*';
    if (str_equal(text, STR("*")))
        g.form = GLOB_ANY;
    else if (is_plain(text))
        g.form = GLOB_PLAIN;
    else if (ends && is_plain(last))
        g.form = GLOB_PREFIX;
    else if (ends && text.ptr[0] == '*' && is_plain(str_from(last, 1)) && last.len > 1)
        g.form = GLOB_PART;
    return g;
}

/* Most of what does not fit is told by the last byte. */
static bool end_fits(struct str pattern, struct str text)
{
    char last = pattern.len ? pattern.ptr[pattern.len - 1] : '*';
    return last == '*' || (text.len && (last == '?' || last == text.ptr[text.len - 1]));
}

bool glob_fits(const struct glob *g, struct str text)
{
    struct str t = g->text;
    switch (g->form) {
    case GLOB_ANY:
        return true;
    case GLOB_PLAIN:
        return str_equal(t, text);
    case GLOB_PREFIX:
        return str_starts(text, str_head(t, t.len - 1));
    case GLOB_PART:
        return text.len + 2 >= t.len && memmem(text.ptr, text.len, t.ptr + 1, t.len - 2);
    default:
        return end_fits(t, text) && glob_matches(t, text);
    }
}

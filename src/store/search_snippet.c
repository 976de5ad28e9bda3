/*
 * search_snippet.c — walks a text's words as the index did, and notes where terms end.
 */
#include "store/search_snippet.h"

#include "store/search_match.h"

struct range {
    size_t start, end; /* bytes of the text */
};

struct walk {
    struct term_walk walk;
    struct range window; /* from the first match on */
    struct range found[SNIPPET_MARKS_MAX];
    int found_count;
    struct str text;
};

static bool is_boundary(struct str s, size_t at)
{
    return at >= s.len || ((unsigned char)s.ptr[at] & 0xC0) != 0x80;
}

static void place_window(struct walk *k, struct range first)
{
    size_t start = first.start > SNIPPET_BEFORE_BYTES ? first.start - SNIPPET_BEFORE_BYTES : 0;
    size_t end = MIN_OF(MAX_OF(start + SNIPPET_BYTES, first.end), k->text.len);
    while (!is_boundary(k->text, start))
        start++;
    while (!is_boundary(k->text, end))
        end++;
    /* a word is not cut in two, where it is short */
    for (size_t at = start; start && at < MIN_OF(start + 16, first.start); at++)
        if (k->text.ptr[at] == ' ' || k->text.ptr[at] == '\n') {
            start = at + 1;
            break;
        }
    k->window = (struct range){start, end};
}

/* A match that overlaps the one before it makes that one longer. */
static void note(struct term_walk *walk, int term, size_t start, size_t end)
{
    struct walk *k = (struct walk *)walk;
    struct range at = {start, end};
    if (walk->terms->list[term].is_excluded)
        return;
    if (!k->found_count)
        place_window(k, at);
    walk->until = k->window.end;
    if (at.end > k->window.end)
        return;
    struct range *last = k->found_count ? &k->found[k->found_count - 1] : NULL;
    if (last && at.start < last->end) {
        last->start = MIN_OF(last->start, at.start);
        last->end = MAX_OF(last->end, at.end);
    } else if (k->found_count < SNIPPET_MARKS_MAX) {
        k->found[k->found_count++] = at;
    }
}

static uint32_t utf16_len(struct str s)
{
    uint32_t units = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        units += ((c & 0xC0) != 0x80) + (c >= 0xF0);
    }
    return units;
}

void snippet_make(struct str text, const struct terms *terms, struct arena *arena,
                  struct snippet *out)
{
    static const char dots[] = "\xE2\x80\xA6";
    struct walk k = {.walk = {terms, note, SIZE_MAX}, .text = text};
    *out = (struct snippet){0};
    terms_each(&k.walk, text);
    if (!k.found_count)
        place_window(&k, (struct range){0, 0});
    struct str shown = str_make(text.ptr + k.window.start, k.window.end - k.window.start);
    bool is_cut = k.window.start > 0;
    out->text = arena_printf(arena, "%s%.*s%s", is_cut ? dots : "", STR_ARGS(shown),
                             k.window.end < text.len ? dots : "");
    uint32_t units = is_cut;
    size_t at = 0;
    for (int i = 0; i < k.found_count; i++) {
        struct range r = k.found[i];
        if (r.start < k.window.start)
            continue;
        units += utf16_len(str_make(shown.ptr + at, r.start - k.window.start - at));
        uint32_t len = utf16_len(str_make(text.ptr + r.start, r.end - r.start));
        out->marks[out->mark_count++] = (struct snippet_mark){units, len};
        units += len;
        at = r.end - k.window.start;
    }
}

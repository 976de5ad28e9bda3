/*
 * search_snippet.c — walks a text's words as the index did, and notes where terms end.
 */
#include "store/search_snippet.h"

#include "record/words.h"

enum { RING = 32 }; /* words remembered; a power of two, above TERM_WORDS_MAX */

struct range {
    size_t start, end; /* bytes of the text */
};

struct walk {
    const struct terms *terms;
    struct {
        struct range at;
        size_t len;
        char text[WORD_BYTES_MAX];
    } ring[RING];
    struct range window; /* from the first match on */
    struct range found[SNIPPET_MARKS_MAX];
    int found_count;
    struct str text;
};

static bool is_word(struct str got, struct str want, bool is_prefix)
{
    return is_prefix ? str_starts(got, want) : str_equal(got, want);
}

static struct str ring_word(const struct walk *k, uint32_t place)
{
    return str_make(k->ring[place % RING].text, k->ring[place % RING].len);
}

/* Does the term end with the word at `place`? */
static bool ends_at(const struct walk *k, const struct term *t, uint32_t place)
{
    if ((uint32_t)t->word_count > place + 1)
        return false;
    for (int i = 0; i < t->word_count; i++) {
        struct str got = ring_word(k, place - (uint32_t)i);
        struct str want = t->words[t->word_count - 1 - i];
        if (!is_word(got, want, i == 0 && t->is_prefix))
            return false;
    }
    return true;
}

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
static void note(struct walk *k, struct range at)
{
    if (!k->found_count)
        place_window(k, at);
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

static void look(struct walk *k, const struct word *w)
{
    for (int i = 0; i < k->terms->count; i++) {
        const struct term *t = &k->terms->list[i];
        if (t->is_excluded)
            continue;
        if (w->is_whole) {
            bool is_single = t->word_count == 1 && is_word(w->text, t->words[0], t->is_prefix);
            if (is_single || (t->whole.len && is_word(w->text, t->whole, t->is_prefix)))
                note(k, (struct range){w->start, w->end});
        } else if (ends_at(k, t, w->place)) {
            uint32_t first = w->place - (uint32_t)(t->word_count - 1);
            note(k, (struct range){k->ring[first % RING].at.start, w->end});
        }
    }
}

static bool on_word(const struct word *w, void *owner)
{
    struct walk *k = owner;
    if (k->found_count && w->start >= k->window.end)
        return false;
    if (!w->is_whole) {
        size_t slot = w->place % RING;
        k->ring[slot].at = (struct range){w->start, w->end};
        k->ring[slot].len = w->text.len;
        memcpy(k->ring[slot].text, w->text.ptr, w->text.len);
    }
    look(k, w);
    return true;
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
    struct walk k = {.terms = terms, .text = text};
    *out = (struct snippet){0};
    words_each(text, on_word, &k);
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

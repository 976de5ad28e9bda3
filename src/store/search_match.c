/*
 * search_match.c — walks a text's words as the index did, and finds terms in them.
 */
#include "store/search_match.h"

#include <assert.h>

#include "record/words.h"

enum { RING = 32 }; /* words remembered; a power of two */

static_assert((int)RING >= (int)TERM_WORDS_MAX, "a term's words are remembered");
static_assert(TERMS_MAX <= 32, "terms are bits of a number");

struct text_walk {
    struct term_walk *asked;
    struct {
        size_t start, len;
        char text[WORD_BYTES_MAX];
    } ring[RING];
};

static bool is_word(struct str got, struct str want, bool is_prefix)
{
    return is_prefix ? str_starts(got, want) : str_equal(got, want);
}

/* Does the term end with this word? */
static bool ends_at(const struct text_walk *k, const struct term *t, const struct word *w)
{
    int last = t->word_count - 1;
    if (!is_word(w->text, t->words[last], t->is_prefix) || (uint32_t)last > w->place)
        return false;
    for (int i = 1; i <= last; i++) {
        uint32_t slot = (w->place - (uint32_t)i) % RING;
        if (!str_equal(str_make(k->ring[slot].text, k->ring[slot].len), t->words[last - i]))
            return false;
    }
    return true;
}

static void look(struct text_walk *k, const struct word *w, int i)
{
    const struct term *t = &k->asked->terms->list[i];
    if (w->is_whole) {
        bool is_single = t->word_count == 1 && is_word(w->text, t->words[0], t->is_prefix);
        if (is_single || (t->whole.len && is_word(w->text, t->whole, t->is_prefix)))
            k->asked->on_term(k->asked, i, w->start, w->end);
    } else if (ends_at(k, t, w)) {
        uint32_t first = w->place - (uint32_t)(t->word_count - 1);
        k->asked->on_term(k->asked, i, k->ring[first % RING].start, w->end);
    }
}

static bool on_word(const struct word *w, void *owner)
{
    struct text_walk *k = owner;
    if (w->start >= k->asked->until)
        return false;
    if (!w->is_whole) {
        size_t slot = w->place % RING;
        k->ring[slot].start = w->start;
        k->ring[slot].len = w->text.len;
        memcpy(k->ring[slot].text, w->text.ptr, w->text.len);
    }
    for (int i = 0; i < k->asked->terms->count; i++)
        look(k, w, i);
    return true;
}

void terms_each(struct term_walk *asked, struct str text)
{
    struct text_walk k;
    k.asked = asked;
    words_each(text, on_word, &k);
}

/* Bytes of characters that are folded to ASCII, or stand within words unseen (words.c): U+00C0 to U+017F,
 * U+0300 to U+036F, full width. */
static bool may_fold(unsigned char c)
{
    return (c >= 0xC3 && c <= 0xC5) || c == 0xCC || c == 0xCD || c == 0xEF;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Do the words stand from `at` on, with no letter between them? */
static bool words_from(struct str text, size_t at, const struct term *t)
{
    for (int i = 0; i < t->word_count; i++) {
        while (i && at < text.len && !is_letter(text.ptr[at]))
            at++;
        struct str word = t->words[i];
        if (!str_starts_nocase(str_from(text, MIN_OF(at, text.len)), word))
            return false;
        at += word.len;
    }
    return true;
}

static bool is_plain(const struct term *t)
{
    for (int i = 0; i < t->word_count; i++)
        for (size_t k = 0; k < t->words[i].len; k++)
            if (!is_letter(t->words[i].ptr[k]) || t->words[i].len >= WORD_BYTES_MAX)
                return false;
    return true;
}

/* Ten times as quick as to walk its words; seldom wrong in saying that a phrase may be there. */
static bool may_hold(struct str text, const struct term *t)
{
    if (t->word_count == 1 || !is_plain(t))
        return true;
    char first = t->words[0].ptr[0];
    for (size_t at = 0; at < text.len; at++) {
        char c = text.ptr[at];
        if ((c | 0x20) == first && words_from(text, at, t)) /* a digit has that bit */
            return true;
        if (may_fold((unsigned char)c))
            return true;
    }
    return false;
}

struct matching {
    struct term_walk walk;
    uint32_t found; /* bits: terms that are there */
    bool goes_on;   /* to the end: something is excluded */
};

/* One of each group of alternatives. */
static bool is_enough(const struct terms *terms, uint32_t found)
{
    bool is_there = true; /* one of the group so far */
    for (int i = 0; i < terms->count; i++) {
        const struct term *t = &terms->list[i];
        bool has = found >> i & 1;
        if (t->is_excluded)
            continue;
        if (!t->is_alternative && !is_there)
            return false;
        is_there = has || (t->is_alternative && is_there);
    }
    return is_there;
}

static void take_term(struct term_walk *walk, int term, size_t start, size_t end)
{
    struct matching *m = (struct matching *)walk;
    (void)start, (void)end;
    m->found |= UINT32_C(1) << term;
    if (!m->goes_on && is_enough(walk->terms, m->found))
        walk->until = 0;
}

bool terms_match(const struct terms *terms, struct str text)
{
    struct matching m = {.walk = {terms, take_term, SIZE_MAX}};
    uint32_t excluded = 0, possible = 0;
    for (int i = 0; i < terms->count; i++) {
        excluded |= (uint32_t)terms->list[i].is_excluded << i;
        possible |= (uint32_t)may_hold(text, &terms->list[i]) << i;
    }
    if (!is_enough(terms, possible))
        return false;
    m.goes_on = excluded != 0;
    terms_each(&m.walk, text);
    return is_enough(terms, m.found) && !(m.found & excluded);
}

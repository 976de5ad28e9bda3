/*
 * words.c — a text as the words it can be found by.
 */
#include "record/words.h"

#include "base/utf8.h"
#include "record/json_walk.h"

/* What a character is to a word. */
enum kind { GAP, LETTER, MARK, ALONE };

struct run {
    char folded[WORD_BYTES_MAX];
    size_t folded_len;
    size_t start, end;
    bool is_ascii;
    /* where parts begin, in the text; the first is `start` */
    size_t parts[WORD_PARTS_MAX];
    uint32_t part_count; /* past WORD_PARTS_MAX: too many */
};

struct words {
    struct str text;
    word_fn *fn;
    void *owner;
    uint32_t place;
};

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_ascii_letter(char c)
{
    return is_lower(c) || is_upper(c) || is_digit(c);
}

static char lower(char c)
{
    return is_upper(c) ? (char)(c | 0x20) : c;
}

struct range {
    uint32_t first, last;
};

static bool is_in(uint32_t c, const struct range *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (c >= list[i].first && c <= list[i].last)
            return true;
    return false;
}

/* Unicode 15: punctuation, symbols and spaces beyond ASCII, by blocks. */
static const struct range gaps[] = {
    {0x80, 0xA9},     {0xAB, 0xB4},     {0xB6, 0xB9},     {0xBB, 0xBF},     {0xD7, 0xD7},
    {0xF7, 0xF7},     {0x2000, 0x206F}, {0x20A0, 0x20CF}, {0x2190, 0x2BFF}, {0x2E00, 0x2E7F},
    {0x3000, 0x3004}, {0x3008, 0x3020}, {0x3030, 0x3030}, {0xE000, 0xF8FF}, {0xFE00, 0xFE6F},
    {0xFF00, 0xFF0F}, {0xFF1A, 0xFF20}, {0xFF3B, 0xFF40}, {0xFF5B, 0xFF65}, {0xFFF0, 0xFFFF},
    {0x1F000, 0x1FAFF}, {0xE0000, 0x10FFFF},
};

/* Written without spaces. */
static const struct range alone[] = {
    {0x2E80, 0x2FDF}, {0x3005, 0x3007}, {0x3021, 0x302F}, {0x3031, 0x4DBF}, {0x4E00, 0x9FFF},
    {0xAC00, 0xD7AF}, {0xF900, 0xFAFF}, {0xFF66, 0xFFDC}, {0x20000, 0x3FFFF},
};

static enum kind kind_of(uint32_t c)
{
    if (c >= 0x300 && c < 0x370)
        return MARK;
    if (is_in(c, gaps, COUNT_OF(gaps)))
        return GAP;
    return c >= 0x2E80 && is_in(c, alone, COUNT_OF(alone)) ? ALONE : LETTER;
}

/* U+00C0 to U+017F without their accents. */
static const char latin[] =
    "aaaaaaaceeeeiiiidnooooo\0ouuuuytsaaaaaaaceeeeiiiidnooooo\0ouuuuyty"
    "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkklllllllllln"
    "nnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";

static uint32_t fold(uint32_t c)
{
    if (c >= 0xC0 && c <= 0x17F && latin[c - 0xC0])
        return (unsigned char)latin[c - 0xC0];
    if ((c >= 0x391 && c <= 0x3A9) || (c >= 0x410 && c <= 0x42F))
        return c + 0x20; /* Greek, Cyrillic */
    if (c >= 0x400 && c <= 0x40F)
        return c + 0x50;
    if (c >= 0xFF21 && c <= 0xFF3A)
        return c - 0xFF21 + 'a'; /* full width */
    return c >= 0xFF10 && c <= 0xFF19 ? c - 0xFF10 + '0' : c;
}

static bool tell(struct words *w, struct str text, size_t start, size_t end)
{
    struct word word = {text, start, end, w->place, false, 1};
    w->place++;
    return w->fn(&word, w->owner);
}

/* The parts of a camelCase word, the whole behind the first. */
static bool tell_parts(struct words *w, const struct run *r)
{
    for (uint32_t i = 0; i < r->part_count; i++) {
        size_t from = r->parts[i] - r->start;
        size_t to = i + 1 < r->part_count ? r->parts[i + 1] - r->start : r->end - r->start;
        struct str text = str_make(r->folded + from, to - from);
        if (!tell(w, text, r->start + from, r->start + to))
            return false;
        struct word whole = {str_make(r->folded, r->folded_len), r->start, r->end, w->place - 1,
                             true, r->part_count};
        if (i == 0 && !w->fn(&whole, w->owner))
            return false;
    }
    return true;
}

static bool tell_run(struct words *w, const struct run *r)
{
    if (!r->folded_len)
        return true;
    bool has_parts = r->is_ascii && r->part_count > 1 && r->part_count <= WORD_PARTS_MAX &&
                     r->folded_len == r->end - r->start;
    return has_parts ? tell_parts(w, r)
                     : tell(w, str_make(r->folded, r->folded_len), r->start, r->end);
}

static void put(struct run *r, const char *bytes, size_t len)
{
    if (r->folded_len + len > WORD_BYTES_MAX)
        return;
    memcpy(r->folded + r->folded_len, bytes, len);
    r->folded_len += len;
}

/* Does a part begin at `at`, within a run: getUser, HTTPServer? */
static bool begins_part(struct str text, size_t start, size_t at)
{
    const char *p = text.ptr;
    if (at == start || !is_upper(p[at]))
        return false;
    return !is_upper(p[at - 1]) || (at + 1 < text.len && is_lower(p[at + 1]));
}

static void put_ascii(struct run *r, struct str text, size_t at)
{
    char c = lower(text.ptr[at]);
    if (begins_part(text, r->start, at)) {
        if (r->part_count < WORD_PARTS_MAX)
            r->parts[r->part_count] = at;
        r->part_count++;
    }
    put(r, &c, 1);
    r->end = at + 1;
}

static void begin(struct run *r, size_t at)
{
    r->folded_len = 0;
    r->start = r->end = r->parts[0] = at;
    r->part_count = 1;
    r->is_ascii = true;
}

static size_t put_wide(struct run *r, uint32_t c, size_t end)
{
    char bytes[4];
    put(r, bytes, utf8_put(bytes, fold(c)));
    r->is_ascii = false;
    r->end = end;
    return end;
}

/* One character at `at`, which is not ASCII; returns where the next one is, 0 to stop. */
static size_t take_wide(struct words *w, struct run *r, size_t at, bool *goes_on)
{
    size_t end = at;
    uint32_t c = json_char(w->text, &end);
    char bytes[4];
    *goes_on = true;
    switch (kind_of(c)) {
    case LETTER:
        return put_wide(r, c, end);
    case MARK:
        r->end = r->folded_len ? end : r->end;
        return end;
    case ALONE:
        *goes_on = tell_run(w, r) &&
                   tell(w, str_make(bytes, utf8_put(bytes, c)), at, end);
        break;
    case GAP:
        *goes_on = tell_run(w, r);
        break;
    }
    begin(r, end);
    return end;
}

void words_each(struct str text, word_fn *fn, void *owner)
{
    struct words w = {text, fn, owner, 0};
    struct run r;
    bool goes_on = true;
    begin(&r, 0);
    for (size_t at = 0; at < text.len && goes_on;) {
        char c = text.ptr[at];
        if (is_ascii_letter(c)) {
            if (!r.folded_len)
                begin(&r, at);
            put_ascii(&r, text, at++);
        } else if ((unsigned char)c < 0x80) {
            if (r.folded_len)
                goes_on = tell_run(&w, &r);
            begin(&r, ++at);
        } else {
            if (!r.folded_len)
                begin(&r, at);
            at = take_wide(&w, &r, at, &goes_on);
        }
    }
    if (goes_on)
        tell_run(&w, &r);
}

/*
 * search_terms.c — what somebody asks for, as terms, and as FTS5 wants to be asked.
 */
#include "store/search_terms.h"

#include "record/words.h"

struct reading {
    struct arena *arena;
    struct term *term;
    uint32_t whole_parts; /* of the term's first word */
};

static bool take_word(const struct word *w, void *owner)
{
    struct reading *r = owner;
    struct term *t = r->term;
    if (w->is_whole) {
        if (w->place == 0) {
            t->whole = arena_str(r->arena, w->text);
            r->whole_parts = w->parts;
        }
        return true;
    }
    if (t->word_count < TERM_WORDS_MAX)
        t->words[t->word_count++] = arena_str(r->arena, w->text);
    return t->word_count < TERM_WORDS_MAX;
}

static bool is_space(char c)
{
    return (unsigned char)c <= ' ';
}

/* The next term's text off `rest`: what is in quotes, or up to a blank or a quote. */
static struct str next_text(struct str *rest, bool *is_quoted)
{
    *is_quoted = rest->ptr[0] == '"';
    size_t end = *is_quoted, close;
    if (*is_quoted)
        end = 1 + str_find(str_from(*rest, 1), '"');
    else
        while (end < rest->len && !is_space(rest->ptr[end]) && rest->ptr[end] != '"')
            end++;
    struct str text = str_make(rest->ptr + *is_quoted, MIN_OF(end, rest->len) - *is_quoted);
    close = MIN_OF(end + *is_quoted, rest->len);
    *rest = str_from(*rest, close);
    return text;
}

static bool take_star(struct str *text, struct str *rest, bool is_quoted)
{
    if (is_quoted) {
        bool is_starred = rest->len && rest->ptr[0] == '*';
        *rest = str_from(*rest, is_starred);
        return is_starred;
    }
    if (!text->len || text->ptr[text->len - 1] != '*')
        return false;
    text->len--;
    /* "foo.*": the star stands by itself */
    return text->len && ((unsigned char)text->ptr[text->len - 1] >= 0x80 ||
                         strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
                                text->ptr[text->len - 1]));
}

bool terms_parse(struct str question, struct arena *arena, struct terms *out)
{
    bool is_alternative = false, has_wanted = false;
    out->count = 0;
    while (question.len && out->count < TERMS_MAX) {
        if (is_space(question.ptr[0])) {
            question = str_from(question, 1);
            continue;
        }
        bool is_excluded = question.len > 1 && question.ptr[0] == '-' && !is_space(question.ptr[1]);
        question = str_from(question, is_excluded);
        bool is_quoted;
        struct str text = next_text(&question, &is_quoted);
        if (!is_quoted && str_equal(text, STR("OR"))) {
            is_alternative = out->count && !out->list[out->count - 1].is_excluded;
            continue;
        }
        struct term *t = &out->list[out->count];
        *t = (struct term){.is_excluded = is_excluded};
        t->is_prefix = take_star(&text, &question, is_quoted);
        struct reading r = {arena, t, 0};
        words_each(text, take_word, &r);
        if (r.whole_parts != (uint32_t)t->word_count)
            t->whole = STR_NONE; /* there is more than that name */
        if (!t->word_count)
            continue;
        t->is_alternative = is_alternative && !is_excluded;
        is_alternative = false;
        has_wanted |= !is_excluded;
        out->count++;
    }
    return has_wanted;
}

/* --- FTS5 --- */

static enum err put_word(struct buf *b, struct str word, bool is_prefix)
{
    enum err err = buf_append_byte(b, '"');
    if (!err)
        err = buf_append(b, word); /* letters and digits only */
    return err ? err : buf_append(b, is_prefix ? STR("\"*") : STR("\""));
}

/* All of its words, or the whole. */
static enum err put_term(struct buf *b, const struct term *t)
{
    enum err err = t->whole.len ? buf_append_byte(b, '(') : ERR_OK;
    for (int i = 0; i < t->word_count && !err; i++) {
        err = i ? buf_append(b, STR(" AND ")) : ERR_OK;
        if (!err)
            err = put_word(b, t->words[i], t->is_prefix && i + 1 == t->word_count);
    }
    if (err || !t->whole.len)
        return err;
    err = buf_append(b, STR(" OR "));
    if (!err)
        err = put_word(b, t->whole, t->is_prefix);
    return err ? err : buf_append_byte(b, ')');
}

/* Wanted terms: (a) AND (b OR c AND d) …; excluded ones: a OR b …, but for those of several words. */
static enum err put_terms(struct buf *b, const struct terms *terms, bool is_excluded, int *put)
{
    enum err err = ERR_OK;
    *put = 0;
    for (int i = 0; i < terms->count && !err; i++) {
        const struct term *t = &terms->list[i];
        if (t->is_excluded != is_excluded || (is_excluded && t->word_count > 1))
            continue;
        bool joins = *put && (is_excluded || t->is_alternative);
        if (*put)
            err = buf_append(b, joins ? STR(" OR ") : STR(") AND ("));
        else
            err = buf_append_byte(b, '(');
        ++*put;
        if (!err)
            err = put_term(b, t);
    }
    return err || !*put ? err : buf_append_byte(b, ')');
}

enum err terms_to_fts5(const struct terms *terms, struct buf *out)
{
    int put;
    struct buf excluded;
    buf_init(&excluded, out->ceiling);
    enum err err = buf_append_byte(out, '(');
    if (!err)
        err = put_terms(out, terms, false, &put);
    if (!err)
        err = buf_append_byte(out, ')');
    if (!err)
        err = put_terms(&excluded, terms, true, &put);
    if (!err && put)
        err = buf_append(out, STR(" NOT "));
    if (!err && put)
        err = buf_append(out, buf_str(&excluded));
    buf_release(&excluded);
    return err;
}

bool terms_need_text(const struct terms *terms)
{
    for (int i = 0; i < terms->count; i++)
        if (terms->list[i].word_count > 1)
            return true;
    return false;
}

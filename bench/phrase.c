/*
 * phrase.c — see phrase.h. The word list is common English and programmers' words, by falling
 * frequency; rarer words are made of syllables from a fixed seed, so that every build agrees.
 */
#include "phrase.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    WORDS = 3000,
    WORD_BYTES = 16,
    FOLLOWERS = 16, /* likely successors of a word */
    MARGIN = 64,    /* the longest thing put out at once */
};

static const char common[] =
    "the to of and a in is it that for on with as this be are not from by or an if we was can "
    "but when has which file will error all should there one so test function value code use "
    "have at you then line now into only each data they call what see after its request run "
    "no before return type new does check build path change let need read first more list "
    "set been would same name because version add user also where key make default state two "
    "fix out write case still like up here than field other object result server time must "
    "string both client while response over back size using works without any module already "
    "index output input message handle passes instead just how table command directory found "
    "missing between config header parse empty previous number options update method buffer "
    "called work current expected import logic process around main found thread event next "
    "connection failed failing sure look through last query actual line until every root body "
    "points inside second comment schema loop issue once stream against branch correct order "
    "release local edge cache long limit point start looks wrong place exists end helper keep "
    "per node them library argument package token given behaviour search parameter entry text "
    "exactly another within page global memory item patch session record array match block "
    "shows different changes stored commit count down left used single fails public right step";

static const char *const syllables[] = {"con", "ver", "ta",  "lo",  "re",   "mi", "ster", "pro",
                                        "ken", "da",  "ri",  "sol", "ment", "al", "per",  "tion",
                                        "un",  "de",  "qua", "ble", "or",   "in", "spec", "trum",
                                        "ga",  "net", "vi",  "ous", "fer",  "ly", "ex",   "po"};

struct word {
    unsigned char len;
    char text[WORD_BYTES];
};

static struct word words[WORDS];
static uint16_t followers[WORDS][FOLLOWERS];
static unsigned common_count;

static void split_common(void)
{
    const char *at = common;

    while (*at) {
        size_t len = strcspn(at, " ");

        assert(len < WORD_BYTES && common_count < WORDS);
        memcpy(words[common_count].text, at, len);
        words[common_count++].len = (unsigned char)len;
        at += len + (at[len] == ' ');
    }
}

static void make_rare(struct dice *d)
{
    for (unsigned i = common_count; i < WORDS; i++) {
        size_t len = 0;

        for (unsigned n = dice_between(d, 2, 3); n > 0; n--) {
            const char *s = syllables[dice_below(d, sizeof(syllables) / sizeof(syllables[0]))];

            memcpy(words[i].text + len, s, strlen(s));
            len += strlen(s);
        }
        words[i].len = (unsigned char)len;
    }
}

static void make_language(void)
{
    struct dice d = {20260901};

    split_common();
    make_rare(&d);
    for (unsigned i = 0; i < WORDS; i++)
        for (unsigned f = 0; f < FOLLOWERS; f++)
            followers[i][f] =
                (uint16_t)(dice_below(&d, 5) ? dice_skewed(&d, WORDS) : dice_below(&d, WORDS));
}

void phrase_init(struct phrase *p, uint64_t seed)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, make_language);
    memset(p, 0, sizeof(*p));
    p->dice.state = seed * 0x2545f4914f6cdd1du + 1;
}

static const struct word *say(struct phrase *p)
{
    p->word = followers[p->word][dice_skewed(&p->dice, FOLLOWERS)];
    return &words[p->word];
}

static char *put(char *at, const char *text)
{
    size_t len = strlen(text);

    memcpy(at, text, len);
    return at + len;
}

static char *put_word(char *at, const struct word *w)
{
    memcpy(at, w->text, WORD_BYTES); /* whole words are copied; only len counts */
    return at + w->len;
}

/* A new file has new identifiers: a word, or two joined. */
static void choose_names(struct phrase *p)
{
    p->name_count = dice_between(&p->dice, 6, PHRASE_NAMES);
    for (unsigned i = 0; i < p->name_count; i++) {
        char *at = put_word(p->names[i], &words[dice_below(&p->dice, WORDS)]);

        if (dice_below(&p->dice, 2)) {
            *at++ = '_';
            at = put_word(at, &words[dice_below(&p->dice, common_count)]);
        }
        p->name_lens[i] = (unsigned char)(at - p->names[i]);
    }
}

static char *put_name(struct phrase *p, char *at)
{
    unsigned i = dice_below(&p->dice, p->name_count);

    memcpy(at, p->names[i], PHRASE_NAME_BYTES);
    return at + p->name_lens[i];
}

/* A word of a sentence, at times with a mark, a number or the end of the sentence behind it. */
static char *put_prose(struct phrase *p, char *at)
{
    uint32_t what = dice_below(&p->dice, 200);

    at = what < 10 ? put_name(p, at) : put_word(at, say(p));
    if (what >= 186)
        at = put(at, what == 199 ? ".\\n\\n" : ". ");
    else if (what >= 178)
        at = put(at, ", ");
    else
        *at++ = ' ';
    return at;
}

/* A line of code, or part of one: the shapes that fill real files. %n is a name, %w a word. */
static char *put_code(struct phrase *p, char *at)
{
    static const char *const shapes[] = {"%n = %n(%n, %n);",
                                         "if (%n == NULL) {",
                                         "return %n;",
                                         "%n(%n);",
                                         "}",
                                         "const %w = %n.%w(%n);",
                                         "for (const %n of %n) {",
                                         "// %w %w %w %w",
                                         "%n.%w = %d;",
                                         "throw new Error(\\\"%w %w %w\\\");",
                                         "} else {",
                                         "await %n.%w({ %n, %w: %d });",
                                         "expect(%n.%w).toBe(%d);",
                                         "",
                                         "import { %n, %n } from \\\"./%n\\\";",
                                         "export function %n(%n, %w) {"};
    const char *shape = shapes[dice_skewed(&p->dice, sizeof(shapes) / sizeof(shapes[0]))];
    size_t len = strlen(shape);

    if (shape[0] == '}' && p->depth > 0)
        p->depth--;
    for (unsigned i = 0; i < p->depth; i++)
        at = put(at, "    ");
    for (; *shape; shape++) {
        if (*shape != '%') {
            *at++ = *shape;
            continue;
        }
        shape++;
        if (*shape == 'n')
            at = put_name(p, at);
        else if (*shape == 'w')
            at = put_word(at, &words[dice_skewed(&p->dice, WORDS)]);
        else
            *at++ = (char)('0' + dice_below(&p->dice, 10));
    }
    if (len > 1 && shape[-1] == '{' && p->depth < 4)
        p->depth++;
    return put(at, "\\n");
}

void phrase_fill(struct phrase *p, enum phrase_kind kind, char *out, size_t bytes)
{
    enum { LONGEST_LINE = 4 * MARGIN };
    char *at = out, *end = out + bytes;
    bool is_code = kind == PHRASE_CODE;

    choose_names(p);
    p->depth = 0;
    while (end - at > LONGEST_LINE) {
        at = is_code ? put_code(p, at) : put_prose(p, at);
        if (kind == PHRASE_MIXED && dice_below(&p->dice, is_code ? 20 : 80) == 0)
            is_code = !is_code;
    }
    while (end - at > MARGIN)
        at = put_prose(p, at);
    while (at < end) { /* the last words are cut where the room ends */
        const struct word *w = say(p);
        size_t room = (size_t)(end - at), len = w->len < room ? w->len : room;

        memcpy(at, w->text, len);
        at += len;
        if (at < end)
            *at++ = ' ';
    }
}

void pool_init(struct pool *p, uint64_t seed, size_t bytes)
{
    enum { TEXT_BYTES = 8192 };
    struct phrase phrase;

    phrase_init(&phrase, seed);
    p->bytes = bytes / TEXT_BYTES * TEXT_BYTES;
    p->text = malloc(p->bytes);
    assert(p->text && p->bytes);
    for (size_t at = 0; at < p->bytes; at += TEXT_BYTES)
        phrase_fill(&phrase, PHRASE_MIXED, p->text + at, TEXT_BYTES);
}

struct piece pool_piece(const struct pool *p, struct dice *d, size_t bytes)
{
    const char *at = p->text + dice_below(d, (uint32_t)(p->bytes - bytes)), *end = at + bytes;

    assert(bytes < p->bytes);
    while (at < end && *at++ != ' ')
        continue;
    while (end > at && end[-1] != ' ')
        end--;
    return (struct piece){at, (size_t)(end - at)};
}

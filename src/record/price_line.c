/*
 * price_line.c — a row of own prices as a line of text: "glm-5* input=0.6 output=2.2".
 */
#include "record/price.h"

#include <ctype.h>

/* The amounts of a line: dollars, kept as millionths. */
static const struct {
    const char *name;
    size_t offset;
} amounts[] = {
    {"input", offsetof(struct price, input)},
    {"output", offsetof(struct price, output)},
    {"cache_read", offsetof(struct price, cache_read)},
    {"cache_write_5m", offsetof(struct price, cache_write_5m)},
    {"cache_write_1h", offsetof(struct price, cache_write_1h)},
    {"web_search", offsetof(struct price, web_search)},
};

static int64_t *amount_of(struct price *p, size_t i)
{
    return (int64_t *)(void *)((char *)p + amounts[i].offset);
}

/* "0.075": at most six digits behind the point, less than a million dollars. */
static bool read_dollars(struct str text, int64_t *micro)
{
    enum { DECIMALS = 6 };
    size_t point = str_find(text, '.');
    struct str whole = str_head(text, point), part = str_from(text, point + 1);
    uint64_t dollars, rest = 0;
    if (!str_to_u64(whole, &dollars) || dollars >= 1000000 || part.len > DECIMALS)
        return false;
    if (point < text.len && !str_to_u64(part, &rest))
        return false;
    for (size_t i = part.len; i < DECIMALS; i++)
        rest *= 10;
    *micro = (int64_t)(dollars * 1000000 + rest);
    return true;
}

static bool read_digits(struct str text, size_t at, size_t len, int64_t *out)
{
    uint64_t n;
    if (!str_to_u64(str_head(str_from(text, at), len), &n))
        return false;
    *out = (int64_t)n;
    return true;
}

/* "2026-10-07": its midnight, UTC. */
static bool read_day(struct str text, int64_t *us)
{
    static const int64_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t y, m, d;
    if (text.len != 10 || text.ptr[4] != '-' || text.ptr[7] != '-' ||
        !read_digits(text, 0, 4, &y) || !read_digits(text, 5, 2, &m) ||
        !read_digits(text, 8, 2, &d) || y < 1970 || m < 1 || m > 12 || d < 1)
        return false;
    bool is_leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    if (d > days[m - 1] + (m == 2 && is_leap))
        return false;
    *us = PRICE_DAY(y, m, d);
    return true;
}

static bool read_word(struct price *p, struct str name, struct str value)
{
    uint64_t n;
    for (size_t i = 0; i < COUNT_OF(amounts); i++)
        if (str_equal(name, str_of(amounts[i].name)))
            return read_dollars(value, amount_of(p, i));
    if (str_equal(name, STR("from")))
        return read_day(value, &p->from_us);
    if (!str_to_u64(value, &n))
        return false;
    if (str_equal(name, STR("above")) && n < 1000000000)
        p->above_tokens = (int64_t)n;
    else if (str_equal(name, STR("fast")) && n <= 10000)
        p->fast_percent = (int)n;
    else
        return false;
    return true;
}

/* As the names of models are looked for. */
static struct str plain_name(struct str text, struct arena *arena)
{
    char out[PRICE_NAME_MAX];
    bool is_resold, is_beginning = str_ends(text, STR("*"));
    struct str name = price_name(str_head(text, text.len - is_beginning), out, &is_resold);
    if (!name.len && !is_beginning)
        return STR_NONE;
    return arena_printf(arena, "%.*s%s", STR_ARGS(name), is_beginning ? "*" : "");
}

enum err price_parse(struct str line, struct arena *arena, struct price *out, struct fail *why)
{
    struct str word, rest = str_trim(line);
    *out = (struct price){.input = UNKNOWN, .output = UNKNOWN, .cache_read = UNKNOWN,
                          .cache_write_5m = UNKNOWN, .cache_write_1h = UNKNOWN,
                          .web_search = UNKNOWN, .source = "configuration"};
    struct str name = str_next(&rest, ' ', &word) ? plain_name(word, arena) : STR_NONE;
    if (!name.len)
        return fail(why, ERR_CONFIG, "a model's name must come first");
    out->model = name.ptr;
    while (str_next(&rest, ' ', &word)) {
        size_t sign = str_find(word, '=');
        if (word.len && !read_word(out, str_head(word, sign), str_from(word, sign + 1)))
            return fail(why, ERR_CONFIG,
                        "\"%.*s\" is none of input=, output=, cache_read=, cache_write_5m=, "
                        "cache_write_1h=, web_search= (dollars, such as 0.075), from=2026-10-07, "
                        "above=200000 (tokens), fast=200 (percent)", STR_ARGS(str_head(word, 80)));
    }
    if (out->input == UNKNOWN || out->output == UNKNOWN)
        return fail(why, ERR_CONFIG, "input= and output= are needed");
    return ERR_OK;
}

/*
 * price.c — names of models, rows of prices, and the sum.
 */
#include "record/price.h"

#include <stdlib.h>

#include <xxhash.h>

#include "base/mem.h"

/* More tokens than a request can have; keeps every product below 2^63. */
static const int64_t tokens_max = 100000000;

struct row {
    struct price price;
    struct str name;   /* without the '*' */
    bool is_beginning; /* had one */
};

struct prices {
    struct row *rows; /* own ones first, then the table */
    size_t count;
};

/* --- the table --- */

#define NONE       (-0.000001)
#define MICRO(usd) ((int64_t)((usd) * 1000000 + ((usd) < 0 ? -0.5 : 0.5)))

#define ALWAYS     0
#define DAY    PRICE_DAY

static const struct price table[] = {
#define PRICE(model, from, above, in, out, read, write_5m, write_1h, search, fast, source)         \
    {model, from, above, MICRO(in), MICRO(out), MICRO(read), MICRO(write_5m), MICRO(write_1h),     \
     MICRO(search), fast, source},
#include "record/prices.def"
#undef PRICE
};

static void add_row(struct prices *p, const struct price *price)
{
    struct row *row = &p->rows[p->count++];
    row->price = *price;
    row->price.model = mem_strdup(price->model);
    row->price.source = mem_strdup(price->source ? price->source : "");
    row->name = str_of(row->price.model);
    row->is_beginning = str_ends(row->name, STR("*"));
    row->name.len -= row->is_beginning;
}

struct prices *prices_new(const struct price *own, size_t count)
{
    assert(count <= PRICE_OWN_MAX);
    struct prices *p = MEM_NEW(struct prices);
    p->rows = mem_zeroed((count + COUNT_OF(table)) * sizeof *p->rows);
    for (size_t i = 0; i < count; i++)
        add_row(p, &own[i]);
    for (size_t i = 0; i < COUNT_OF(table); i++)
        add_row(p, &table[i]);
    return p;
}

void prices_free(struct prices *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->count; i++) {
        free((char *)p->rows[i].price.model);
        free((char *)p->rows[i].price.source);
    }
    free(p->rows);
    free(p);
}

/* What is added up has changed, though no price has: RULES is raised. */
uint64_t prices_fingerprint(const struct prices *p)
{
    enum { RULES = 1 };
    uint64_t hash = RULES;
    for (size_t i = 0; i < p->count; i++) {
        const struct price *r = &p->rows[i].price;
        const int64_t parts[] = {r->from_us, r->above_tokens, r->input, r->output,
                                 r->cache_read, r->cache_write_5m, r->cache_write_1h,
                                 r->web_search, r->fast_percent};
        hash = XXH3_64bits_withSeed(r->model, strlen(r->model), hash);
        hash = XXH3_64bits_withSeed(parts, sizeof parts, hash);
    }
    return hash;
}

/* --- names --- */

static bool is_digits(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
    return s.len > 0;
}

static struct str without_end(struct str s, size_t len)
{
    return str_head(s, s.len - len);
}

/* Index of the last `c`, or s.len. */
static size_t find_last(struct str s, char c)
{
    for (size_t i = s.len; i-- > 0;)
        if (s.ptr[i] == c)
            return i;
    return s.len;
}

/* "…/name", "us.anthropic.name", "deepseek.name" of Bedrock, "openai.gpt…" stay as they are. */
static struct str without_provider(struct str s, bool *is_resold)
{
    static const struct str vendor = {"anthropic.", 10};
    size_t slash = find_last(s, '/');
    if (slash < s.len) {
        s = str_from(s, slash + 1);
        *is_resold = true;
    }
    const char *at = s.len ? memmem(s.ptr, s.len, vendor.ptr, vendor.len) : NULL;
    if (!at)
        return s;
    *is_resold = true;
    return str_from(s, (size_t)(at - s.ptr) + vendor.len);
}

/* "@20250929", ":0", and before that "-v1". */
static struct str without_version(struct str s, bool *is_resold)
{
    size_t at = str_find(s, '@'), colon = find_last(s, ':');
    if (at < s.len) {
        *is_resold = true;
        s = str_head(s, at);
    } else if (colon < s.len && is_digits(str_from(s, colon + 1))) {
        *is_resold = true;
        s = str_head(s, colon);
    }
    if (*is_resold && s.len > 3 && is_digits(str_from(s, s.len - 1)) &&
        str_equal(str_head(str_from(s, s.len - 3), 2), STR("-v")))
        s = without_end(s, 3);
    return s;
}

static bool is_date_at_end(struct str s, const char *form)
{
    size_t len = strlen(form);
    if (s.len <= len)
        return false;
    const char *end = s.ptr + s.len - len;
    for (size_t i = 0; i < len; i++)
        if (form[i] == '9' ? end[i] < '0' || end[i] > '9' : end[i] != form[i])
            return false;
    return true;
}

static struct str without_date(struct str s)
{
    static const char *const forms[] = {"-99999999", "-9999-99-99"};
    if (str_ends(s, STR("-latest")))
        s = without_end(s, strlen("-latest"));
    for (size_t i = 0; i < COUNT_OF(forms); i++)
        if (is_date_at_end(s, forms[i]))
            return without_end(s, strlen(forms[i]));
    return s;
}

struct str price_name(struct str model, char out[PRICE_NAME_MAX], bool *is_resold)
{
    *is_resold = false;
    struct str s = str_trim(model);
    if (s.len > PRICE_NAME_MAX)
        return STR_NONE;
    for (size_t i = 0; i < s.len; i++)
        out[i] = (char)(s.ptr[i] >= 'A' && s.ptr[i] <= 'Z' ? s.ptr[i] + 'a' - 'A' : s.ptr[i]);
    s = str_make(out, s.len);
    size_t bracket = str_find(s, '[');
    if (bracket < s.len && str_ends(s, STR("]")))
        s = str_head(s, bracket);
    s = without_provider(s, is_resold);
    s = without_version(s, is_resold);
    s = without_date(s);
    if (!str_starts(s, STR("claude-")))
        return s;
    for (char *c = out + (s.ptr - out); c < s.ptr + s.len; c++)
        *c = *c == '.' ? '-' : *c;
    return str_ends(s, STR("-4-0")) ? without_end(s, 2) : s; /* "claude-opus-4-0" */
}

/* --- rows --- */

static bool row_fits(const struct row *row, struct str name)
{
    return row->is_beginning ? str_starts(name, row->name) : str_equal(name, row->name);
}

static bool is_better(const struct price *best, const struct price *price)
{
    return !best || price->from_us > best->from_us ||
           (price->from_us == best->from_us && price->above_tokens > best->above_tokens);
}

static const struct price *find(const struct prices *p, struct str name, int64_t at_us,
                                int64_t prompt_tokens)
{
    const struct row *first = NULL;
    const struct price *best = NULL;
    for (size_t i = 0; i < p->count; i++) {
        const struct row *row = &p->rows[i];
        if (first ? !str_equal(row->name, first->name) || row->is_beginning != first->is_beginning
                  : !row_fits(row, name))
            continue;
        if (first && i >= p->count - COUNT_OF(table) &&
            (size_t)(first - p->rows) < p->count - COUNT_OF(table))
            break; /* own rows stand instead of the table's */
        first = first ? first : row;
        if (row->price.from_us <= at_us && row->price.above_tokens < MAX_OF(prompt_tokens, 1) &&
            is_better(best, &row->price))
            best = &row->price;
    }
    return best;
}

const struct price *prices_find(const struct prices *p, struct str model, int64_t at_us,
                                int64_t prompt_tokens)
{
    char out[PRICE_NAME_MAX];
    bool is_resold;
    struct str name = price_name(model, out, &is_resold);
    return name.len ? find(p, name, at_us, prompt_tokens) : NULL;
}

/* --- the sum --- */

struct sum {
    int64_t pico; /* millionths of a millionth of a dollar */
    bool is_unknown, is_estimated;
};

/* `price` is for `unit` of these. */
static void add(struct sum *sum, int64_t count, int64_t price, int64_t unit)
{
    if (count <= 0)
        return;
    if (price == UNKNOWN || count > tokens_max)
        sum->is_unknown = true;
    else
        sum->pico += count * price * (1000000 / unit);
}

static void add_cache_writes(struct sum *sum, const struct usage *u, const struct price *price)
{
    int64_t short_lived = MAX_OF(u->cache_creation_5m_tokens, 0);
    int64_t long_lived = MAX_OF(u->cache_creation_1h_tokens, 0);
    int64_t rest = u->cache_creation_input_tokens - short_lived - long_lived;
    add(sum, short_lived, price->cache_write_5m, 1000000);
    add(sum, long_lived, price->cache_write_1h, 1000000);
    if (rest > 0) { /* which they were was not told: five minutes are the usual */
        add(sum, rest, price->cache_write_5m, 1000000);
        sum->is_estimated |= price->cache_write_5m != price->cache_write_1h;
    }
}

static void multiply(struct sum *sum, const struct price *price, struct str name, uint32_t flags)
{
    if (flags & RECORD_BILLED_FAST) {
        sum->is_unknown |= !price->fast_percent;
        sum->pico = sum->pico / 100 * price->fast_percent;
    }
    if (flags & RECORD_BILLED_BATCH)
        sum->pico /= 2;
    if (flags & RECORD_BILLED_IN_US && str_starts(name, STR("claude-")))
        sum->pico = sum->pico / 10 * 11;
    sum->is_estimated |= (flags & RECORD_BILLED_PRIORITY) != 0;
}

static int64_t prompt_tokens(const struct usage *u)
{
    return MAX_OF(u->input_tokens, 0) + MAX_OF(u->cache_read_input_tokens, 0) +
           MAX_OF(u->cache_creation_input_tokens, 0);
}

static struct sum add_up(const struct prices *p, const struct record *r)
{
    char out[PRICE_NAME_MAX];
    const struct usage *u = &r->usage;
    struct sum sum = {.is_unknown = u->input_tokens < 0 || u->output_tokens < 0};
    struct str model = r->response_model.len ? r->response_model : r->model;
    struct str name = price_name(model, out, &sum.is_estimated);
    const struct price *price =
        name.len ? find(p, name, r->started_us, prompt_tokens(u)) : NULL;
    if (!price) {
        sum.is_unknown = true;
        return sum;
    }
    add(&sum, u->input_tokens, price->input, 1000000);
    add(&sum, u->output_tokens, price->output, 1000000);
    add(&sum, u->cache_read_input_tokens, price->cache_read, 1000000);
    add_cache_writes(&sum, u, price);
    multiply(&sum, price, name, r->flags);
    add(&sum, u->web_search_requests, price->web_search, 1000);
    sum.is_estimated |= r->state != ENDING_COMPLETE || str_starts(name, STR("deepseek-"));
    return sum;
}

static bool has_usage(const struct usage *u)
{
    return u->input_tokens >= 0 || u->output_tokens >= 0 || u->cache_read_input_tokens >= 0 ||
           u->cache_creation_input_tokens >= 0;
}

/* Can this request, whose answer told no usage, have been charged for all the same? */
static bool may_be_charged(const struct record *r)
{
    return r->model.len && r->state != ENDING_REJECTED && r->status < 400 &&
           !str_ends(r->path, STR("/count_tokens"));
}

void prices_cost(const struct prices *p, struct record *r)
{
    r->cost_usd_micro = UNKNOWN;
    r->flags &= ~(uint32_t)(RECORD_COST_UNKNOWN | RECORD_COST_ESTIMATED);
    if (!has_usage(&r->usage)) {
        r->flags |= may_be_charged(r) ? RECORD_COST_UNKNOWN : 0u;
        return;
    }
    struct sum sum = add_up(p, r);
    if (sum.is_unknown) {
        r->flags |= RECORD_COST_UNKNOWN;
        return;
    }
    r->cost_usd_micro = (sum.pico + 500000) / 1000000;
    r->flags |= sum.is_estimated ? RECORD_COST_ESTIMATED : 0u;
}

int64_t prices_cost_elsewhere(const struct prices *p, const struct record *r, struct str target)
{
    char out[PRICE_NAME_MAX];
    bool is_resold;
    struct record other = *r;
    struct usage *u = &other.usage;
    size_t colon = str_find(target, ':');
    if (colon < target.len)
        other.response_model = str_from(target, colon + 1);
    struct str name = price_name(other.response_model, out, &is_resold);
    const struct price *price = name.len ? find(p, name, r->started_us, prompt_tokens(u)) : NULL;
    if (!price || !has_usage(u))
        return UNKNOWN;
    if (price->cache_write_5m == UNKNOWN) {
        u->input_tokens = MAX_OF(u->input_tokens, 0) + MAX_OF(u->cache_creation_input_tokens, 0);
        u->cache_creation_input_tokens = u->cache_creation_5m_tokens = u->cache_creation_1h_tokens = 0;
    }
    if (price->cache_read == UNKNOWN) {
        u->input_tokens = MAX_OF(u->input_tokens, 0) + MAX_OF(u->cache_read_input_tokens, 0);
        u->cache_read_input_tokens = 0;
    }
    if (price->web_search == UNKNOWN)
        u->web_search_requests = 0;
    other.flags = 0; /* fast mode and the like are the other one's */
    prices_cost(p, &other);
    return other.cost_usd_micro;
}

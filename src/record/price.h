/*
 * price.h — what a request costs, in millionths of a dollar: a dated table of public prices
 * (prices.def), which the configuration can add to and overrule.
 *
 * What is not known stays unknown and is never nothing. Whole-number arithmetic; a cost is rounded
 * once, to the nearest millionth of a dollar, halves upwards.
 */
#ifndef RECORD_PRICE_H
#define RECORD_PRICE_H

#include "base/arena.h"
#include "record/record.h"

enum {
    PRICE_NAME_MAX = 128, /* bytes of a model's name that are looked at */
    PRICE_OWN_MAX = 64    /* rows of the configuration */
};

/* Prices are in millionths of a dollar for a million tokens (or a thousand searches); UNKNOWN. */
struct price {
    const char *model;    /* as price_name() gives it; in own rows "begins-so*" is allowed */
    int64_t from_us;      /* holds from then on; 0: always did */
    int64_t above_tokens; /* for prompts longer than that */
    int64_t input, output, cache_read, cache_write_5m, cache_write_1h, web_search;
    int fast_percent; /* of all these, in fast mode; 0: not offered */
    const char *source;
};

/* Midnight of a day (UTC) in microseconds since 1970; years begin in March. */
#define PRICE_YEAR(y, m) ((y) - ((m) < 3))
#define PRICE_DAY(y, m, d)                                                                         \
    ((INT64_C(365) * PRICE_YEAR(y, m) + PRICE_YEAR(y, m) / 4 - PRICE_YEAR(y, m) / 100 +            \
      PRICE_YEAR(y, m) / 400 + (153 * (((m) + 9) % 12) + 2) / 5 + (d) - 1 - 719468) *              \
     86400 * 1000000)

/* A line of the configuration: "model input=0.6 output=2.2 …" (docs/prices.md); dollars per million
 * tokens, per thousand searches. Texts in the arena. ERR_CONFIG. */
enum err price_parse(struct str line, struct arena *arena, struct price *out,
                     struct fail *why) MUST_CHECK;

struct prices;

/* `own` rows (copied) are asked before the table: the first whose model fits decides which rows
 * count. */
struct prices *prices_new(const struct price *own, size_t count);
void prices_free(struct prices *p);
/* Differs when any cost may. */
uint64_t prices_fingerprint(const struct prices *p);

/* Fills cost_usd_micro and the flags about it, from what else the record says. Any thread. */
void prices_cost(const struct prices *p, struct record *r);

/* What the tokens of `r`, an answer of another model, would have cost at `target`
 * ("openai:gpt-4o"), in millionths of a dollar. What has no price of its own there, such as writing
 * to a cache, is plain input. UNKNOWN. Any thread. */
int64_t prices_cost_elsewhere(const struct prices *p, const struct record *r, struct str target);

/* The row for this model, then and for so long a prompt; NULL: unknown. */
const struct price *prices_find(const struct prices *p, struct str model, int64_t at_us,
                                int64_t prompt_tokens);

/* A model's plain name: lower case, without provider ("us.anthropic.", "anthropic/",
 * "publishers/…/models/"), version ("-v1:0", "@20250929"), date ("-20250929", "-2025-09-29"),
 * "-latest" and "[1m]"; Claude's with '-' for '.'. *is_resold: it had the form that Bedrock,
 * Vertex or OpenRouter use, whose prices may differ. */
struct str price_name(struct str model, char out[PRICE_NAME_MAX], bool *is_resold);

#endif

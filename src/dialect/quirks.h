/*
 * quirks.h — how one endpoint and model differ from the plain form of their language, as a value:
 * it goes into a translation and, where something was learned, comes out of it changed. Who keeps
 * it, by base URL and model, is the caller's business.
 */
#ifndef DIALECT_QUIRKS_H
#define DIALECT_QUIRKS_H

#include "base/buf.h"

enum quirk {
#define QUIRK(name, text, what) QUIRK_##name,
#include "dialect/quirks.def"
#undef QUIRK
    QUIRK_COUNT
};

/* How reasoning is asked for. */
enum reasoning_style {
    REASONING_EFFORT,     /* reasoning_effort: "high" */
    REASONING_NONE,       /* not at all */
    REASONING_OPENROUTER, /* reasoning: {effort} or {max_tokens} */
    REASONING_DEEPSEEK,   /* thinking: {type}, reasoning_effort: high or max */
    REASONING_QWEN,       /* enable_thinking, thinking_budget */
    REASONING_TYPE,       /* thinking: {type} (Kimi, GLM) */
    REASONING_STYLE_COUNT
};

/* In order of strength; an effort that an endpoint does not know becomes the nearest below. */
enum effort {
    EFFORT_OFF,
    EFFORT_MINIMAL,
    EFFORT_LOW,
    EFFORT_MEDIUM,
    EFFORT_HIGH,
    EFFORT_XHIGH,
    EFFORT_MAX,
    EFFORT_COUNT
};

struct quirks {
    uint64_t flags;   /* 1 << enum quirk */
    uint64_t learned; /* those of the flags that a refusal taught */
    enum reasoning_style style;
    uint32_t efforts;        /* 1 << enum effort: what the endpoint knows; 0: low, medium, high */
    int64_t max_tokens;      /* the most it accepts; 0: unknown */
    bool has_learned_values; /* efforts or max_tokens are from a refusal */
};

static inline bool quirks_have(const struct quirks *q, enum quirk flag)
{
    return q->flags >> flag & 1;
}

const char *effort_name(enum effort e); /* "none", "minimal", … "max" */
bool effort_parse(struct str text, enum effort *out);
/* The strongest known effort that is not above `wanted`; else the weakest known above off. */
enum effort quirks_effort(const struct quirks *q, enum effort wanted);

/* The text form: flags by name, "reasoning=deepseek", "efforts=low|medium|high", "cap=16384",
 * separated by commas; a name with "-" before it takes it away. For presets, configuration and
 * state files. ERR_CONFIG names the first word that is unknown. */
enum err quirks_parse(struct quirks *q, struct str text, struct fail *f) MUST_CHECK;
enum err quirks_format(const struct quirks *q, struct buf *out) MUST_CHECK;

/* Known by a model's name, before anything could be learned. */
void quirks_guess(struct quirks *q, struct str model);

/* Reads a refusal (status 400, 404 or 422, decoded body); true when something was learned that makes
 * another try worth it. Never learns the same twice. */
bool quirks_learn(struct quirks *q, int status, struct str body);

#endif

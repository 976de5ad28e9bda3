/*
 * envelope.h — what a provider wants back with its reasoning, packed as the `signature` of a
 * thinking block, so that nothing has to be remembered here between two requests.
 *
 * "ccp1." and base64url of: kind, four bytes of whom it is from, the payload. It says of itself
 * whose it is: a signature that is not ours, or of another provider, is never handed to one.
 */
#ifndef DIALECT_ENVELOPE_H
#define DIALECT_ENVELOPE_H

#include "base/arena.h"
#include "base/buf.h"

enum envelope_kind {
    ENVELOPE_PLAIN = 'n',     /* nothing but the thinking's own text */
    ENVELOPE_ENCRYPTED = 'e', /* Responses: a reasoning item's encrypted_content */
    ENVELOPE_DETAILS = 'd',   /* OpenRouter: reasoning_details, as JSON */
    ENVELOPE_THOUGHT = 'g'    /* Gemini: thoughtSignature */
};

enum { ENVELOPE_MAX = 4 << 20 /* bytes of a payload */ };

struct envelope {
    enum envelope_kind kind;
    uint32_t origin;    /* envelope_origin() of the provider it came from */
    struct str payload; /* in the arena */
};

/* What Gemini takes in place of a thought signature that is lost (ai.google.dev, thought signatures). */
#define THOUGHT_UNCHECKED STR("skip_thought_signature_validator")
#define ENVELOPE_MARK     STR("ccp1.")

uint32_t envelope_origin(struct str base_url);
struct str envelope_seal(struct arena *a, const struct envelope *e);
/* False when it is not one of ours. */
bool envelope_open(struct arena *a, struct str signature, struct envelope *e);
/* Gemini's signature of this provider for what follows the thinking; empty: there is none. */
struct str envelope_thought(struct arena *a, struct str signature, uint32_t origin);
bool envelope_is_ours(struct str signature);

#endif

/*
 * dialect.h — a request in one provider's language asked of another, and the answer brought back:
 * the one header of this folder that others need.
 *
 * Bytes in, bytes out. Nothing here waits, connects, reads a clock or remembers: the caller says
 * what came and how late it is, sends what comes out, and keeps quirks and factors between
 * exchanges. A translation lives as long as one exchange and is used by one thread.
 *
 *     t = translation_new(&options);
 *     translation_request(t, body, &out, &fail)       the provider's body; translation_path(t)
 *     translation_answer(t, &head)                    the provider's status and headers
 *     translation_feed(t, bytes, &out) …              translation_tick(t, now_ms, &out) once a second
 *     translation_end(t, is_clean, &out)
 * After each of these: translation_state(t) says what to do with `out`.
 */
#ifndef DIALECT_DIALECT_H
#define DIALECT_DIALECT_H

#include "base/buf.h"
#include "dialect/loss_report.h"
#include "dialect/quirks.h"

enum dialect {
    DIALECT_ANTHROPIC, /* POST /v1/messages */
    DIALECT_CHAT,      /* POST /v1/chat/completions */
    DIALECT_RESPONSES, /* POST /v1/responses */
    DIALECT_GEMINI,    /* POST /v1beta/models/…:generateContent */
    DIALECT_COUNT
};

const char *dialect_name(enum dialect d); /* "anthropic", "openai", "responses", "gemini" */
bool dialect_parse(struct str name, enum dialect *out);
bool dialect_is_client(enum dialect d); /* may a client speak it to us? */

enum {
    TRANSLATION_FRAME_MAX = 16 << 20, /* bytes of one event of a provider's stream */
    TRANSLATION_ERROR_MAX = 1 << 20,  /* bytes of a refusal that are kept */
    TRANSLATION_WHOLE_MAX = 64 << 20, /* bytes of an answer that comes in one piece */
    TRANSLATION_TRIES_MAX = 3         /* times that a refusal may teach something */
};

struct translation_options {
    enum dialect client, provider; /* dialect_is_client(client) */
    struct str model;              /* to ask for; empty: the client's */
    struct str base_url;           /* the provider's: for what is sealed, and for messages */
    struct str exchange_id;        /* the ids of the answer are made of it */
    struct quirks quirks;
    double token_factor; /* learned: counted / estimated; 0: none yet */
    int64_t now_s;       /* since 1970, for OpenAI clients' "created" */
    uint32_t
        hold_ms; /* after the provider's head; 0: 3 s. Until then an early error keeps its status */
    uint32_t head_hold_ms; /* before it; 0: 10 s */
    uint32_t ping_ms;      /* of our silence; 0: 10 s */
    uint32_t silence_ms;   /* of the provider's, after which it is given up; 0: 300 s */
};

enum translation_state {
    TRANSLATION_HELD, /* nothing for the client yet */
    TRANSLATION_OPEN, /* translation_head() is fixed; what is in `out` is the body's next bytes */
    TRANSLATION_DONE, /* the same, and it is the last; the provider can be let go */
    TRANSLATION_AGAIN /* ask again: translation_request() with the same body, then a new attempt */
};

struct translation;

struct translation *translation_new(const struct translation_options *options);
void translation_free(struct translation *t); /* NULL is fine */

/* Writes the provider's request. ERR_BAD_REQUEST: the client's mistake, `f` says which; then
 * translation_refuse() makes the answer. ERR_TOO_LARGE: `out`'s ceiling. */
enum err translation_request(struct translation *t, struct str body, struct buf *out,
                             struct fail *f) MUST_CHECK;
/* Behind the base URL, with its query; valid until the next translation_request(). */
struct str translation_path(const struct translation *t);
bool translation_is_plain(const struct translation *t); /* both sides speak the same: bytes pass */
bool translation_asks_stream(const struct translation *t); /* Accept: text/event-stream */

/* What of the provider's head matters; empty texts where a header is missing. */
struct translation_answer {
    int status;
    struct str retry_after, retry_after_ms, ratelimit_reset, date;
};
void translation_answer(struct translation *t, const struct translation_answer *head);
/* Decoded body (no chunks, no gzip). ERR_TOO_LARGE: `out`'s ceiling. */
enum err translation_feed(struct translation *t, struct str bytes, struct buf *out) MUST_CHECK;
/* `is_clean`: as the framing said; else the connection broke. */
enum err translation_end(struct translation *t, bool is_clean, struct buf *out) MUST_CHECK;
/* `now_ms`: any clock that only goes forward. First called when the request has been sent. */
enum err translation_tick(struct translation *t, uint64_t now_ms, struct buf *out) MUST_CHECK;
/* An end of our own making in place of the provider's: it could not be reached, and the like. */
enum err translation_refuse(struct translation *t, int status, const char *type, struct str message,
                            struct buf *out) MUST_CHECK;

enum translation_state translation_state(const struct translation *t);

struct translation_head {
    int status;
    const char *content_type; /* NULL: the provider's own; nothing was translated */
    int64_t retry_after_s;    /* -1: no such header */
    bool is_final;            /* send x-should-retry: false */
    struct str request_id;    /* for the header request-id; lives as long as the translation */
};
struct translation_head translation_head(const struct translation *t);

/* Did the answer end with an error, towards the client? */
bool translation_is_error(const struct translation *t);
const struct loss_report *translation_losses(const struct translation *t);
const struct quirks *translation_quirks(const struct translation *t); /* with what was learned */
/* counted / estimated of this exchange; 0 where the provider counted nothing. */
double translation_token_factor(const struct translation *t);

/* Anthropic's count_tokens: writes {"input_tokens":n}. ERR_BAD_REQUEST as above. */
enum err dialect_count_tokens(struct str body, double token_factor, struct buf *out,
                              struct fail *f) MUST_CHECK;
/* An error body in the client's language. */
enum err dialect_write_error(enum dialect client, const char *type, struct str message,
                             struct str request_id, struct buf *out) MUST_CHECK;

#endif

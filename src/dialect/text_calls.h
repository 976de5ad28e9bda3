/*
 * text_calls.h — finds tool calls that a model printed as text, because its server does not know
 * its way of calling: <tool_call>{…}</tool_call>, <function=name>…</function>, [TOOL_CALLS][…], a
 * JSON object or a fenced one as all that was said.
 *
 * What looks like a call is held until it is one or is not; then it goes on as what it is. Only
 * names of the client's tools make a call.
 */
#ifndef DIALECT_TEXT_CALLS_H
#define DIALECT_TEXT_CALLS_H

#include "dialect/json_progress.h"

enum { TEXT_CALL_MAX = 1 << 20 /* bytes of a call that is held; longer ones are text */ };

struct text_calls_sink {
    void *owner;
    void (*text)(void *owner, struct str text);
    /* `args`: a JSON object. False: there is no such tool. */
    bool (*call)(void *owner, struct str name, struct str args);
};

struct text_calls {
    const struct call_form *form; /* that was begun; NULL: none */
    struct buf held;              /* ceiling: TEXT_CALL_MAX and one piece */
    size_t looked_at;             /* bytes of `held` known not to end the form */
    struct json_progress progress;
    bool has_text; /* something else was said: bare JSON is no call any more */
};

void text_calls_init(struct text_calls *t);
void text_calls_release(struct text_calls *t);
void text_calls_feed(struct text_calls *t, struct str piece, const struct text_calls_sink *sink);
void text_calls_end(struct text_calls *t, const struct text_calls_sink *sink);

#endif

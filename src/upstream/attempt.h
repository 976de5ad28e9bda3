/*
 * attempt.h — one try at getting an answer from a provider: a connection from the pool or a new
 * one, the request out, the answer in.
 *
 * A request is sent once: connecting may be tried again, sending may not.
 */
#ifndef UPSTREAM_ATTEMPT_H
#define UPSTREAM_ATTEMPT_H

#include "upstream/pool.h"

struct attempt;

/* All on the loop; after on_done or on_fail nothing more is called. */
struct attempt_events {
    /* A connection stands; write the request now. */
    void (*on_ready)(void *owner);
    /* The answer's head (of the final answer; 1xx are skipped). *no_body: it answers HEAD. */
    void (*on_head)(void *owner, const struct head *h, bool *no_body);
    void (*on_body)(void *owner, struct str bytes); /* valid until the turn's end */
    void (*on_done)(void *owner);                   /* the answer is whole */
    /* Before the head: no answer at all. After it: it broke off. */
    void (*on_fail)(void *owner, enum err err, const struct fail *f);
    void (*on_full)(void *owner, bool is_full);     /* of the request's direction */
};

struct attempt *attempt_new(struct pool *p, const struct attempt_events *events, void *owner);
void attempt_connect_once(struct attempt *a); /* before it starts: there is somebody else to ask */
void attempt_start(struct attempt *a); /* may call on_ready before it returns */
void attempt_write(struct attempt *a, struct str bytes); /* after on_ready; borrowed till turn's end */
void attempt_write_chunk(struct attempt *a, struct str bytes); /* framed as one chunk; not empty */
void attempt_sent(struct attempt *a); /* the request is whole: the wait for its answer begins */
void attempt_read(struct attempt *a, bool on); /* pauses the answer */
void attempt_abort(struct attempt *a);         /* closes; nothing is called after this */
const char *attempt_addr(const struct attempt *a);  /* "160.79.104.10:443" */
bool attempt_is_reused(const struct attempt *a);
uint64_t attempt_connect_us(const struct attempt *a);
enum body_framing attempt_framing(const struct attempt *a); /* in on_head */

#endif

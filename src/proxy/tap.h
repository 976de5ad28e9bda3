/*
 * tap.h — remembers what passes through one exchange: frames for the journal.
 *
 * It never alters, delays or fails what it records: it only notes bytes that stay valid until the
 * turn's end, when the journal is written. Secrets are masked here, before the first byte is
 * noted. With no journal every call does nothing.
 */
#ifndef PROXY_TAP_H
#define PROXY_TAP_H

#include "proxy/proxy.h"

struct spawns;
struct spawn_watch;

struct tap {
    struct proxy *proxy;
    struct uuid id;
    uint32_t seq;
    uint64_t request_bytes, response_bytes, client_bytes;
    bool hides_bodies; /* they are credentials: of each byte it is only kept that there was one */
    bool is_off;     /* nothing is recorded (any more) */
    bool is_begun;   /* its beginning is in the journal */
    uint64_t turn;   /* the journal's, that wrote the beginning */
    struct frame_decision decision; /* of the rules, where there are any; borrowed */
    struct spawns *spawns;     /* where calls in the answer are to be noted; NULL: nowhere */
    struct str session;        /* whose they are; borrowed */
    struct spawn_watch *watch; /* NULL: none */
};

void tap_begin(struct tap *t, struct proxy *p, const struct uuid *id, int64_t wall_us, uint64_t mono_ns,
               struct str client_addr, struct str provider, const struct head *h);
/* For who must not serve what cannot be recorded: writes the beginning now. False when that fails;
 * then nothing more of the exchange is recorded. */
bool tap_secure(struct tap *t) MUST_CHECK;
/* Nothing of the exchange is in the journal, as far as is known now, nor will be. */
bool tap_is_lost(struct tap *t);
void tap_request_body(struct tap *t, struct str bytes);
void tap_request_end(struct tap *t);

struct tap_answer {
    struct str head; /* as the client is sent it; masked here */
    struct str upstream_addr;
    struct str provider, model; /* that it was routed to; empty: as it began, and as was asked */
    bool is_ours, is_reused, is_translated, is_demoted;
    uint64_t connect_us, sent_us;
};
void tap_answer(struct tap *t, const struct tap_answer *a);
void tap_answer_body(struct tap *t, struct str bytes);
void tap_answer_body_copy(struct tap *t, struct str bytes); /* of a few bytes that do not stay */
/* `losses`: what a translation could not carry over, `tried`: who was asked before; as JSON, or
 * empty. */
void tap_end(struct tap *t, enum ending ending, const struct fail *f, struct str losses,
             struct str tried);

#endif

/*
 * translated.h — the provider's half of an exchange whose provider speaks another language: asks in
 * that language, again where a refusal taught something, and gives an answer in the client's.
 *
 * What the client may be told and when is decided in dialect/; connections are upstream/'s. Here one
 * is tied to the other.
 */
#ifndef PROXY_TRANSLATED_H
#define PROXY_TRANSLATED_H

#include "proxy/proxy.h"
#include "proxy/router.h"
#include "server/client.h"

struct translated;

/* All on the loop; after on_done nothing more is called. */
struct translated_events {
    /* The answer's head, as the client is to be sent it; its memory lives until the turn's end. */
    void (*on_head)(void *owner, struct str head, enum body_framing framing, int status);
    void (*on_body)(void *owner, struct str bytes); /* valid until the turn's end */
    /* The answer is whole. `f`: what broke towards the provider, if anything did; the client has
     * been told of it in its own language. */
    void (*on_done)(void *owner, const struct fail *f);
    /* Instead of all that: the provider failed before the client was sent anything, by an answer of
     * this status (in the client's terms) or without one. True: somebody else is asked, and this
     * translation may be gone already. False: the client is to be told of it. `what`: for people;
     * empty where the status says it. */
    bool (*on_refused)(void *owner, int status, int64_t retry_after_s, const char *what);
};

struct translated_options {
    struct proxy *proxy;
    const struct route_provider *provider;
    struct pool *pool;       /* of the provider */
    enum routable routable;  /* what is asked, and in which language */
    const struct uuid *id;
    struct str model;        /* to ask for; copied */
    struct str body;         /* the request; borrowed until translated_free() */
    bool is_http10;
    bool has_next;           /* somebody else could answer: until this one does, the client is told
                                nothing, however long it takes */
};

struct translated *translated_new(const struct translated_options *o,
                                  const struct translated_events *events, void *owner);
void translated_start(struct translated *t); /* may call events before it returns */
void translated_read(struct translated *t, bool on); /* pauses the provider's answer */
void translated_free(struct translated *t); /* aborts what runs; NULL is fine */

/* Of the attempt that was answered. */
const char *translated_addr(const struct translated *t);
bool translated_is_reused(const struct translated *t);
uint64_t translated_connect_us(const struct translated *t);
struct str translated_model(const struct translated *t); /* that the provider is asked for */
/* The client has heard of what broke, in its own language. */
bool translated_was_told(const struct translated *t);
/* How it ended, after on_done; RUNNING: as the answer's status says. */
enum ending translated_ending(const struct translated *t);
/* [{"what","path",…}]: what could not be carried over. Valid until the turn's end. */
struct str translated_losses(const struct translated *t);

#endif

/*
 * exchange_private.h — one exchange, for the files that are it: exchange.c (the flow),
 * exchange_chain.c (who is asked), exchange_relayed.c (Anthropic's half), exchange_routed.c (another
 * provider's half) and exchange_end.c (how it ends).
 */
#ifndef PROXY_EXCHANGE_PRIVATE_H
#define PROXY_EXCHANGE_PRIVATE_H

#include "proxy/proxy.h"
#include "proxy/router.h"
#include "proxy/tap.h"
#include "server/client.h"

struct attempt;
struct pause;
struct translated;

enum flow { GO_ON, WAIT };

struct exchange {
    struct proxy *proxy;
    struct exchange *prev, *next;
    struct routes *routes;          /* as they were when it began */
    struct client *client;          /* NULL: it has left, the answer is only recorded */
    struct attempt *attempt;        /* NULL: not begun, or over */
    struct demoted *demoted;        /* one message, asked for as a stream; NULL: nothing of the kind */
    struct translated *translated;  /* instead of it, for another provider than Anthropic */
    const struct route_rule *rule;  /* NULL: to Anthropic */
    struct route_decision decision; /* what the rules said; strings in the next */
    struct arena decided;
    enum routable routable;         /* if so, read whole before it goes anywhere */
    struct route_hop hop;           /* who is asked, or was last */
    const struct provider *provider; /* the same */
    struct health_try try;          /* of them */
    struct pause *pause;            /* NULL: it need not wait before they are asked again */
    int asked_again;                /* how often */
    bool is_let;                    /* they may be asked: `try` has begun */
    bool is_turned, has_turned;     /* another one has to be asked; and ever had to be */
    struct buf tried;               /* who did not answer: chain_tried() */
    int64_t retry_after_s;          /* that was asked for, by them or, where all rest, by us; -1 */
    int looked_again;               /* how often, in the hope that more is known of who asks */
    struct tap tap;
    size_t step;
    struct buf early;               /* the body's first bytes, until there is a connection; all
                                       of it as long as it may have to be sent elsewhere */
    struct buf decoded;             /* what that says, where it is encoded: exchange_text() */
    bool is_text_known;             /* it was decoded, or that cannot be: it is tried once */
    uint64_t began_ns;
    uint64_t sent_us;
    int status;
    enum body_framing request_framing, answer_framing;
    bool awaits_token;              /* one that is being renewed, before a connection is made */
    bool keeps_body;                /* somebody else may have to be sent it */
    bool is_ready;                  /* a connection stands */
    bool is_head_sent;
    bool is_request_whole, is_request_sent;
    bool has_answer;                /* its head has come */
    bool is_answer_whole;
    bool no_answer_body;            /* answers HEAD */
    bool is_running;                /* wake() is on the stack */
    enum ending ending;             /* RUNNING: as the rest says */
    bool is_concluded, is_durable;  /* its end is noted; and on the disk, where that is asked */
    bool is_ours;                   /* we answered for the provider */
    struct durability_wait wait;
    struct str last;                /* sync: the last bytes of an answer with a length, held back
                                       until its end is on the disk; malloc'ed */
    uint64_t answer_length;         /* sync: that length; 0: not known */
    struct fail fail;
};

/* Every event that concerns `ex` ends up here. It may be gone afterwards. */
void exchange_wake(struct exchange *ex);
uint64_t exchange_elapsed_us(const struct exchange *ex);
/* What the request says, once it is whole: where it is encoded a copy is decoded, for the rules and for
 * who has to be sent something else. Its bytes where that cannot be done. */
struct str exchange_text(struct exchange *ex);
/* In sync mode, its end has to be on the disk before the client's last byte. */
bool exchange_waits_for_disk(const struct exchange *ex);

/* --- exchange_chain.c: who is asked --- */

enum flow chain_choose(struct exchange *ex);

/* Why somebody else should be asked. */
struct chain_cause {
    int status;            /* of the answer; 0: there is none */
    int64_t retry_after_s; /* -1: not said */
    const char *what;      /* for people; NULL: the status says it */
};
bool chain_may_mend(int status); /* another try may go better */
/* Whoever is asked has failed. True: somebody is asked instead, or the same again a little later;
 * the one who failed is forgotten, and `ex` may be gone. False: what happened is the answer. */
bool chain_turn(struct exchange *ex, const struct chain_cause *c);
void chain_end(struct exchange *ex); /* when its ending is known */
/* [{"provider","model","cause","at_ms"}…]: those who did not answer; empty where there are none. */
struct str chain_tried(struct exchange *ex);

/* --- exchange_demoted.c: Anthropic is asked for a stream, the client gets one message --- */

/* Has it to be read whole, for it may ask for no stream? */
bool demoted_may_be(const struct exchange *ex);
/* The body that asks for a stream, in the turn's memory; empty: it stays the client's. */
struct str demoted_ask(struct exchange *ex);
/* Of the answer that comes to that. False: it is not kept back, but goes to the client. */
bool demoted_on_head(struct exchange *ex, const struct head *h);
bool demoted_on_body(struct exchange *ex, struct str bytes);
void demoted_on_done(struct exchange *ex); /* `ex` may be gone */
bool demoted_is_kept(const struct exchange *ex);

/* --- exchange_relayed.c: to Anthropic, byte for byte --- */

void relayed_start(struct exchange *ex, bool has_next);        /* a connection */
void relayed_send_head(struct exchange *ex);                   /* on it, and what came meanwhile */
void relayed_send_body(struct exchange *ex, struct str bytes); /* after the head */
/* Once the client has sent all of it, be the answer on its way already or not. */
void relayed_send_end(struct exchange *ex);

/* --- exchange_routed.c: to another provider --- */

/* By the rules: sets `decision`, and `rule` to follow it. False: to be called again, when it is woken
 * because more may be known of who asks. */
bool routed_decide(struct exchange *ex) MUST_CHECK;
void routed_start(struct exchange *ex, bool has_next);

/* --- exchange_end.c --- */

void exchange_let_go(struct exchange *ex); /* of whoever is asked */
enum flow exchange_conclude(struct exchange *ex);
enum flow exchange_finish(struct exchange *ex);

#endif

/*
 * exchange_private.h — one exchange, for the files that are it: exchange.c (the flow),
 * exchange_relayed.c (Anthropic's half), exchange_routed.c (another provider's half) and
 * exchange_end.c (how it ends).
 */
#ifndef PROXY_EXCHANGE_PRIVATE_H
#define PROXY_EXCHANGE_PRIVATE_H

#include "proxy/proxy.h"
#include "proxy/router.h"
#include "proxy/tap.h"
#include "server/client.h"

struct attempt;
struct translated;

enum flow { GO_ON, WAIT };

struct exchange {
    struct proxy *proxy;
    struct exchange *prev, *next;
    struct routes *routes;          /* as they were when it began */
    struct client *client;          /* NULL: it has left, the answer is only recorded */
    struct attempt *attempt;        /* NULL: not begun, or over */
    struct translated *translated;  /* instead of it, for another provider than Anthropic */
    const struct route_rule *rule;  /* NULL: to Anthropic */
    struct route_decision decision; /* what the rules said; strings in the next */
    struct arena decided;
    enum routable routable;         /* if so, read whole before it goes anywhere */
    const struct provider *provider;
    struct tap tap;
    size_t step;
    struct buf early;               /* the body's first bytes, until there is a connection */
    uint64_t began_ns;
    uint64_t sent_us;
    int status;
    enum body_framing request_framing, answer_framing;
    bool awaits_token;              /* one that is being renewed, before a connection is made */
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
/* In sync mode, its end has to be on the disk before the client's last byte. */
bool exchange_waits_for_disk(const struct exchange *ex);

/* --- exchange_relayed.c: to Anthropic, byte for byte --- */

void relayed_start(struct exchange *ex);                       /* a connection */
void relayed_send_head(struct exchange *ex);                   /* on it, and what came meanwhile */
void relayed_send_body(struct exchange *ex, struct str bytes); /* after the head */
/* Once the client has sent all of it, be the answer on its way already or not. */
void relayed_send_end(struct exchange *ex);

/* --- exchange_routed.c: to another provider --- */

void routed_decide(struct exchange *ex); /* by the rules: sets `decision`, and `rule` to follow it */
void routed_start(struct exchange *ex, struct str model); /* `model`: that the client asks for */

/* --- exchange_end.c --- */

enum flow exchange_conclude(struct exchange *ex);
enum flow exchange_finish(struct exchange *ex);

#endif

/*
 * oauth.h — the user's own Claude token, for requests to Anthropic that carry no credentials: read
 * from where the configuration says, watched, and renewed before it is too old. One login only.
 *
 * A thread of its own, begun when it is first switched on. Tokens are never logged.
 */
#ifndef UPSTREAM_OAUTH_H
#define UPSTREAM_OAUTH_H

#include "config/config.h"
#include "upstream/token_file.h"

#define OAUTH_BETA "oauth-2025-04-20" /* what anthropic-beta has to name with such a token */
#define OAUTH_TERMS                                                                                \
    "Requests without credentials are sent with your own Claude token. Anthropic's terms of service " \
    "apply to that; you answer for who can reach this proxy."

enum { OAUTH_EARLY_MS = 5 * 60 * 1000 /* so long before its end a token is renewed */ };

enum oauth_state {
    OAUTH_OFF,
    OAUTH_READY,    /* there is a token, as good as can be had */
    OAUTH_RENEWING, /* the one that there is has ended, and a new one is on its way: seconds */
    OAUTH_NONE      /* nowhere to be had */
};

static inline const char *oauth_state_name(enum oauth_state s)
{
    static const char *const names[] = {"off", "ready", "renewing", "none"};
    return names[s];
}

struct oauth;

/* `on_news` is called on its thread: whoever waits for RENEWING to end should look again. */
struct oauth *oauth_new(void (*on_news)(void *owner), void *owner);
/* By what a new configuration says, from now on. Any thread, one at a time. */
void oauth_configure(struct oauth *o, struct config *cfg);
/* Any thread. READY: the token is in `out`. */
enum oauth_state oauth_token(struct oauth *o, char out[TOKEN_MAX]);
/* Any thread. The same, without the token: its end by the wall clock; 0: not known. */
enum oauth_state oauth_tell(struct oauth *o, int64_t *expires_ms);
void oauth_stop(struct oauth *o);          /* waits for a renewal under way; NULL is fine */
void oauth_free(struct oauth *o);          /* NULL is fine */

#endif

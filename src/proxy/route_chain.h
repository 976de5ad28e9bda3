/*
 * route_chain.h — who is asked in turn: a rule's target, its provider's fallback, that one's
 * fallback, and so on. Never in a circle.
 */
#ifndef PROXY_ROUTE_CHAIN_H
#define PROXY_ROUTE_CHAIN_H

#include "proxy/router.h"

/* Leaving alone is on where somebody else can be asked, unless the file says otherwise. `said`:
 * the key's value; `source`: where that is from. */
bool route_breaker_is_on(const struct route_care *care, bool said, const char *source);
/* ERR_CONFIG, with the place, for a provider whose fallbacks lead back to it. */
enum err route_chain_check(const struct router *r, const struct config *cfg,
                           struct fail *f) MUST_CHECK;

#endif

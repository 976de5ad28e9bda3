/*
 * route_chain.h — who is asked in turn: a rule's target, its provider's fallback, that one's
 * fallback, and so on. Never in a circle.
 */
#ifndef PROXY_ROUTE_CHAIN_H
#define PROXY_ROUTE_CHAIN_H

#include "proxy/router.h"

/* Reads what the configuration says of fallbacks and breakers. ERR_CONFIG, with the place, for one
 * that is not known, and for a provider whose fallbacks lead back to it. */
enum err route_chain_make(struct router *r, const struct config *cfg, uint16_t own_port,
                          struct fail *f) MUST_CHECK;

#endif

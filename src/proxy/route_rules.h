/*
 * route_rules.h — the one ordered table of rules, made of all the ways in which they can be
 * configured. The order of the ways is the order of their functions in route_rules.c.
 */
#ifndef PROXY_ROUTE_RULES_H
#define PROXY_ROUTE_RULES_H

#include "proxy/router.h"

/* Fills the router's rules, and makes the providers that they name. ERR_CONFIG names the rule that
 * is wrong and where it stands. */
enum err route_rules_make(struct router *r, const struct config *cfg, uint16_t own_port,
                          struct fail *f) MUST_CHECK;

#endif

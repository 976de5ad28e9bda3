/*
 * route_provider.h — the providers that a configuration speaks of or its rules name.
 */
#ifndef PROXY_ROUTE_PROVIDER_H
#define PROXY_ROUTE_PROVIDER_H

#include "proxy/router.h"

/* A name that means something before the colon of a target. */
bool route_provider_is_known(const struct config *cfg, struct str name);
/* What is said of it; NULL: nothing. */
const struct config_provider *route_provider_said(const struct config *cfg, struct str name);
/* Made when it is first named. ERR_CONFIG says what is wrong with it, and where. */
enum err route_provider_find(struct router *r, const struct config *cfg, struct str name,
                             uint16_t own_port, const struct route_provider **out,
                             struct fail *f) MUST_CHECK;
/* All that the file speaks of, to say what is wrong with them. */
enum err route_providers_make(struct router *r, const struct config *cfg, uint16_t own_port,
                              struct fail *f) MUST_CHECK;

#endif

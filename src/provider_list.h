/*
 * provider_list.h — the providers of a route set, as the API tells of them.
 */
#ifndef PROVIDER_LIST_H
#define PROVIDER_LIST_H

#include "api/api.h"
#include "proxy/route_set.h"

/* How many. `*out` and its texts are in `arena`. */
size_t provider_list(const struct route_set *set, struct arena *arena, struct api_provider **out);

#endif

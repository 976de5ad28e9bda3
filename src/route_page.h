/*
 * route_page.h — what the API tells of routing: the rules in force, and why a recorded request goes
 * where it goes by them.
 */
#ifndef ROUTE_PAGE_H
#define ROUTE_PAGE_H

#include "agents/known_agents.h"
#include "api/api.h"
#include "reload.h"

/* Any thread; JSON. ERR_TOO_LARGE as buf.h. `agents`: the agents that are known by their files. */
enum err route_page_rules(struct reload *reload, struct known_agents *agents, struct arena *arena,
                          struct buf *out) MUST_CHECK;
/* ERR_CORRUPT: the head is no request's. */
enum err route_page_explain(struct reload *reload, const struct api_recorded *request,
                            struct arena *arena, struct buf *out) MUST_CHECK;

#endif

/*
 * spawn_watch.h — notes the calls that begin sub-agents in an answer on its way to the client, so
 * that their names are known before their first requests come. Reads a copy: what passes is not
 * touched, and whatever cannot be read is let be. Only where a rule asks who.
 */
#ifndef PROXY_SPAWN_WATCH_H
#define PROXY_SPAWN_WATCH_H

#include "agents/spawns.h"
#include "http/head.h"

struct spawn_watch;

/* `session`: of the request. `type`, `encoding`: the answer's headers. NULL: nothing to watch. */
struct spawn_watch *spawn_watch_new(struct spawns *spawns, struct str session, struct str type,
                                    struct str encoding);
void spawn_watch_feed(struct spawn_watch *w, struct str bytes); /* NULL is fine, here and below */
void spawn_watch_end(struct spawn_watch *w);
void spawn_watch_free(struct spawn_watch *w);

#endif

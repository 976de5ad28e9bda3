/*
 * lookup.h — a name's addresses, from the system's resolver, which blocks: on threads that nobody
 * waits for, so that a resolver that hangs holds up neither other work nor the end of the process.
 */
#ifndef IO_LOOKUP_H
#define IO_LOOKUP_H

#include <netdb.h>

#include "io/loop.h"

enum { LOOKUP_THREADS_MAX = 4 /* at a time, in the whole process; other names wait in line */ };

struct lookup;

/* On the loop. `why` NULL: found; `list` is valid in the call. */
typedef void lookup_done(void *owner, const char *why, const struct addrinfo *list);

/* Stream addresses of `host`, with this port. Never calls back at once. */
struct lookup *lookup_start(struct loop *l, const char *host, uint16_t port, lookup_done *done,
                            void *owner);
void lookup_cancel(struct lookup *k); /* before `done` was called: it will not be */

#endif

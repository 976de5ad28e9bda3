/*
 * reload.h — the configuration read again while the proxy runs: when told to (SIGHUP), and when the
 * file in use has changed. Whole or not at all: what is wrong is said, and nothing changes.
 *
 * A thread of its own, for it reads files. Whoever routes is handed a new route set; what needs a
 * restart is only named.
 */
#ifndef RELOAD_H
#define RELOAD_H

#include "proxy/route_set.h"

enum { RELOAD_CHECK_MS = 2000 /* how often the file is looked at */ };

struct reload_options {
    const struct config_flags *flags;
    struct route_set *first; /* held */
    uint16_t own_port;
    void *owner;
    /* On the reloading thread; whoever keeps the set holds it. */
    void (*apply)(void *owner, struct route_set *set);
};

struct reload;

struct reload *reload_new(const struct reload_options *o);
enum err reload_start(struct reload *r, struct fail *f) MUST_CHECK;
void reload_ring(struct reload *r); /* any thread: read it again now */
void reload_stop(struct reload *r); /* waits for a reading under way; NULL is fine */
void reload_free(struct reload *r); /* NULL is fine */

struct route_set *reload_current(struct reload *r); /* any thread; the caller drops it */
/* Any thread. Why the last reading was refused, in `arena`; empty when it was not. */
struct str reload_error(struct reload *r, struct arena *arena);

#endif

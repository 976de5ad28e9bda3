/*
 * pause.h — one call on the loop, some time from now.
 */
#ifndef IO_PAUSE_H
#define IO_PAUSE_H

#include "io/loop.h"

struct pause;

/* Calls fn(owner) after `ms`, once; the pause is gone when it does. */
struct pause *pause_start(struct loop *l, uint64_t ms, void (*fn)(void *owner), void *owner);
void pause_cancel(struct pause *p); /* before it was over; NULL is fine */

#endif

/*
 * signals.h — SIGTERM, SIGINT and SIGHUP, from the first to the last moment of a proxy: the loop is
 * told of each, and from the third on tearing down is not waited for. One per process.
 */
#ifndef SIGNALS_H
#define SIGNALS_H

#include "io/loop.h"

/* Both are called on the loop. `end`: once for each SIGTERM and SIGINT; and for SIGHUP when the terminal
 * that our messages went to is gone. `reload`: for any other SIGHUP; several may be told as one. */
void signals_watch(struct loop *l, void (*end)(int number, void *owner),
                   void (*reload)(void *owner), void *owner);
/* The loop has ended. From here on the third that ends does so at once, with exit code 0: what is recorded
 * is in the store or in the journal, which the next process takes in. Before the loop is freed. */
void signals_let_end(void);

#endif

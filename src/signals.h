/*
 * signals.h — SIGTERM and SIGINT, from the first to the last moment of a proxy: the loop is told, and
 * when nothing is left but tearing down, one more ends the process at once. One per process.
 */
#ifndef SIGNALS_H
#define SIGNALS_H

#include "io/loop.h"

/* `fn` is called on the loop, once for each signal. */
void signals_watch(struct loop *l, void (*fn)(int number, void *owner), void *owner);
/* The loop has ended. From here on a signal ends the process, with exit code 0: what is recorded is
 * in the store or in the journal, which the next process takes in. Before the loop is freed. */
void signals_let_end(void);

#endif

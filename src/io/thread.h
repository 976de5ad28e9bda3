/*
 * thread.h — what the running thread is called, and who goes first where processors are few: relaying,
 * then recording, then what can wait.
 */
#ifndef IO_THREAD_H
#define IO_THREAD_H

void thread_name(const char *name); /* at most 15 bytes; a system without names ignores it */

/* For a thread that works for short moments: when it wakes it goes before one that works long, while its share of the
 * time stays the same. Linux 6.12 and later (sched_setattr(2)); elsewhere nothing happens. */
void thread_first(void);
/* For a thread that works long, for nobody who waits: where there is not time for all, it gets a third of what
 * others get. Linux: niceness 5; macOS: the class "utility". */
void thread_last(void);

#endif

/*
 * thread.h — what the running thread is called, and whether it goes last where processors are few.
 */
#ifndef IO_THREAD_H
#define IO_THREAD_H

void thread_name(const char *name); /* at most 15 bytes; a system without names ignores it */

/* For a thread that works long, for nobody who waits: where there is not time for all, it gets a third of what
 * others get. Linux: niceness 5; macOS: the class "utility". */
void thread_last(void);

#endif

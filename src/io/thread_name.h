/*
 * thread_name.h — a name for the running thread, as ps and a debugger show it.
 */
#ifndef IO_THREAD_NAME_H
#define IO_THREAD_NAME_H

void thread_name(const char *name); /* at most 15 bytes; a system without names ignores it */

#endif

/*
 * thread_name.c — a name for the running thread.
 */
#include "io/thread_name.h"

#include <pthread.h>

void thread_name(const char *name)
{
#if defined(__APPLE__)
    pthread_setname_np(name);
#elif defined(__linux__)
    pthread_setname_np(pthread_self(), name);
#else
    (void)name;
#endif
}

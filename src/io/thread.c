/*
 * thread.c — what the running thread is called, and whether it goes last.
 */
#include "io/thread.h"

#include <pthread.h>

#if defined(__linux__)

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

void thread_name(const char *name)
{
    pthread_setname_np(pthread_self(), name);
}

/* Linux keeps a niceness for each thread. */
void thread_last(void)
{
    enum { NICER = 5 };
    pid_t self = (pid_t)syscall(SYS_gettid);
    int nice = getpriority(PRIO_PROCESS, (id_t)self);
    setpriority(PRIO_PROCESS, (id_t)self, nice + NICER); /* above 19 it is 19 */
}

#elif defined(__APPLE__)

#include <pthread/qos.h>

void thread_name(const char *name)
{
    pthread_setname_np(name);
}

void thread_last(void)
{
    pthread_set_qos_class_self_np(QOS_CLASS_UTILITY, 0);
}

#else

void thread_name(const char *name)
{
    (void)name;
}

void thread_last(void)
{
}

#endif

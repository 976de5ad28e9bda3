/*
 * thread.c — what the running thread is called, and who goes first.
 */
#include "io/thread.h"

#include <pthread.h>

#if defined(__linux__)

#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* sched_setattr(2); the C library knows it from glibc 2.41 on. */
struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
};

void thread_name(const char *name)
{
    pthread_setname_np(pthread_self(), name);
}

/* Where it cannot be had, or somebody has chosen another policy, things stay as they are. */
void thread_first(void)
{
    struct attributes a = {0};
    if (syscall(SYS_sched_getattr, 0, &a, sizeof a, 0) != 0 || a.policy != 0)
        return;
    a.flags = 1;           /* SCHED_FLAG_RESET_ON_FORK: threads that it starts get the usual slice */
    a.runtime_ns = 100000; /* the shortest slice there is */
    syscall(SYS_sched_setattr, 0, &a, 0);
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

void thread_first(void)
{
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

void thread_first(void)
{
}

void thread_last(void)
{
}

#endif

/*
 * alarm.c — see alarm.h.
 */
#include "alarm.h"

#include <assert.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/timerfd.h>

static void rang(uv_poll_t *poll, int status, int events)
{
    struct alarm *a = poll->data;
    uint64_t times;

    (void)status;
    (void)events;
    if (read(a->fd, &times, sizeof(times)) != (ssize_t)sizeof(times))
        return; /* set anew in the meantime */
    a->due_ns = 0;
    if (a->fn)
        a->fn(a);
}

void alarm_init(struct alarm *a, uv_loop_t *loop, void (*fn)(struct alarm *self))
{
    a->fn = fn;
    a->due_ns = 0;
    a->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    assert(a->fd >= 0);
    uv_poll_init(loop, &a->poll, a->fd);
    a->poll.data = a;
    uv_poll_start(&a->poll, UV_READABLE, rang);
}

void alarm_at(struct alarm *a, uint64_t due_ns)
{
    struct itimerspec at = {
        .it_value = {(time_t)(due_ns / 1000000000u), (long)(due_ns % 1000000000u)}};

    if (a->due_ns == due_ns)
        return;
    a->due_ns = due_ns;
    timerfd_settime(a->fd, TFD_TIMER_ABSTIME, &at, NULL);
}

void alarm_off(struct alarm *a)
{
    struct itimerspec never = {0};

    a->due_ns = 0;
    timerfd_settime(a->fd, 0, &never, NULL);
}
#else
static void rang(uv_timer_t *timer)
{
    struct alarm *a = timer->data;

    while (a->fn && uv_hrtime() < a->due_ns)
        continue; /* the part of a millisecond that is left */
    a->due_ns = 0;
    if (a->fn)
        a->fn(a);
}

void alarm_init(struct alarm *a, uv_loop_t *loop, void (*fn)(struct alarm *self))
{
    a->fn = fn;
    a->due_ns = 0;
    uv_timer_init(loop, &a->timer);
    a->timer.data = a;
}

void alarm_at(struct alarm *a, uint64_t due_ns)
{
    uint64_t now_ns = uv_hrtime();

    a->due_ns = due_ns;
    uv_update_time(a->timer.loop);
    uv_timer_start(&a->timer, rang, due_ns > now_ns ? (due_ns - now_ns) / 1000000u : 0, 0);
}

void alarm_off(struct alarm *a)
{
    a->due_ns = 0;
    uv_timer_stop(&a->timer);
}
#endif

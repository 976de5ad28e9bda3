/*
 * alarm.h — wakes a libuv loop at a moment given in nanoseconds; libuv's own timers know
 * milliseconds only. Linux: a timerfd. Elsewhere: a libuv timer, then a short spin.
 */
#ifndef BENCH_ALARM_H
#define BENCH_ALARM_H

#include <stdint.h>
#include <uv.h>

struct alarm {
    void (*fn)(struct alarm *self); /* may be NULL: only wakes the loop */
    uint64_t due_ns;                /* 0: not set */
#ifdef __linux__
    int fd;
    uv_poll_t poll;
#else
    uv_timer_t timer;
#endif
};

void alarm_init(struct alarm *a, uv_loop_t *loop, void (*fn)(struct alarm *self));
/* Replaces what was set before. A moment gone by rings at once. uv_hrtime()'s clock. */
void alarm_at(struct alarm *a, uint64_t due_ns);
void alarm_off(struct alarm *a);

#endif

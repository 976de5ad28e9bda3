/*
 * signals.c — SIGTERM and SIGINT.
 *
 * Not uv_signal: it gives a signal back to the system's default when its loop ends, which would
 * make the rest of an orderly end look like a death.
 */
#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

static struct {
    uv_async_t wake;
    atomic_int number, waiting; /* the newest; how many have not been told */
    atomic_bool is_ending;
    void (*fn)(int number, void *owner);
    void *owner;
} all;

/* Any thread, at any moment: nothing but what POSIX and libuv allow there. */
static void on_signal(int number)
{
    int was = errno;
    if (atomic_load(&all.is_ending))
        _exit(0);
    atomic_store(&all.number, number);
    atomic_fetch_add(&all.waiting, 1);
    uv_async_send(&all.wake);
    errno = was;
}

static void on_wake(uv_async_t *wake)
{
    (void)wake;
    for (int left = atomic_exchange(&all.waiting, 0); left > 0; left--)
        all.fn(atomic_load(&all.number), all.owner);
}

void signals_watch(struct loop *l, void (*fn)(int number, void *owner), void *owner)
{
    static const int numbers[] = {SIGTERM, SIGINT};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    all.fn = fn;
    all.owner = owner;
    uv_async_init(loop_uv(l), &all.wake, on_wake);
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        sigaction(numbers[i], &action, NULL);
}

void signals_let_end(void)
{
    atomic_store(&all.is_ending, true);
    uv_close((uv_handle_t *)&all.wake, NULL);
    if (atomic_load(&all.waiting)) /* came too late to be told */
        _exit(0);
}

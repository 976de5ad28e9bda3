/*
 * signals.c — SIGTERM, SIGINT and SIGHUP.
 *
 * Not uv_signal: it gives a signal back to the system's default when its loop ends, which would
 * make the rest of an orderly end look like a death.
 */
#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

enum { ENDS_AT_ONCE = 3 }; /* so many that end say that nothing is to be waited for */

static struct {
    uv_async_t wake;
    atomic_int number, count; /* of those that end: the newest; how many there were */
    int told;                 /* of them; the loop's */
    atomic_bool is_hup_waiting;
    atomic_bool is_ending;
    bool had_terminal;
    void (*end)(int number, void *owner);
    void (*reload)(void *owner);
    void *owner;
} all;

static int note_end(int number)
{
    atomic_store(&all.number, number);
    return atomic_fetch_add(&all.count, 1) + 1;
}

/* Any thread, at any moment: nothing but what POSIX and libuv allow there. */
static void on_signal(int number)
{
    int was = errno;
    int count = note_end(number);
    if (!atomic_load(&all.is_ending))
        uv_async_send(&all.wake);
    else if (count >= ENDS_AT_ONCE)
        _exit(0);
    errno = was;
}

static void on_hangup(int number)
{
    int was = errno;
    (void)number;
    if (!atomic_load(&all.is_ending)) {
        atomic_store(&all.is_hup_waiting, true);
        uv_async_send(&all.wake);
    }
    errno = was;
}

/* A window was closed with us in it: without this we would live on unseen, and keep the port. */
static bool is_terminal_gone(void)
{
    return all.had_terminal && !isatty(STDERR_FILENO);
}

static void on_wake(uv_async_t *wake)
{
    (void)wake;
    if (atomic_exchange(&all.is_hup_waiting, false)) {
        if (is_terminal_gone())
            note_end(SIGHUP);
        else
            all.reload(all.owner);
    }
    for (; all.told < atomic_load(&all.count); all.told++)
        all.end(atomic_load(&all.number), all.owner);
}

void signals_watch(struct loop *l, void (*end)(int number, void *owner),
                   void (*reload)(void *owner), void *owner)
{
    static const int numbers[] = {SIGTERM, SIGINT};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct sigaction hangup = {.sa_handler = on_hangup, .sa_flags = SA_RESTART};
    all.end = end;
    all.reload = reload;
    all.had_terminal = isatty(STDERR_FILENO);
    all.owner = owner;
    uv_async_init(loop_uv(l), &all.wake, on_wake);
    sigemptyset(&action.sa_mask);
    sigemptyset(&hangup.sa_mask);
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        sigaction(numbers[i], &action, NULL);
    sigaction(SIGHUP, &hangup, NULL);
}

void signals_let_end(void)
{
    atomic_store(&all.is_ending, true);
    uv_close((uv_handle_t *)&all.wake, NULL);
    if (atomic_load(&all.count) >= ENDS_AT_ONCE)
        _exit(0);
}

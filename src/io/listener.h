/*
 * listener.h — a listening socket: hands over each connection as it comes.
 */
#ifndef IO_LISTENER_H
#define IO_LISTENER_H

#include "io/loop.h"

struct listener {
    uv_poll_t poll;
    int fd;
    struct loop *loop;
    void (*on_accept)(void *owner, int fd); /* a new socket, given */
    void *owner;
    struct loop_sweep sweep;
    bool is_open, is_paused;
};

/* Listens on a bound socket, which it takes, also when it fails. */
enum err listener_open_take(struct listener *n, struct loop *l, int fd,
                            void (*on_accept)(void *owner, int fd), void *owner,
                            struct fail *f) MUST_CHECK;
void listener_close(struct listener *n); /* fine if it is not open; its memory is used for one more
                                            turn of the loop */

#endif

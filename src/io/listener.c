/*
 * listener.c — a listening socket.
 */
#include "io/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

enum {
    BACKLOG = 1024,
    TURN_ACCEPT_MAX = 64 /* connections taken in one turn: those that are served have their turn, too */
};

static int accept_private(int listener)
{
#ifdef __linux__
    return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
#else
    int fd = accept(listener, NULL, NULL);
    if (fd >= 0)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
#endif
}

/* Of one connection only, which is gone by now (accept(2)). */
static bool is_passing(int error)
{
    return error == EINTR || error == ECONNABORTED || error == EPROTO;
}

/* No descriptors or memory: asking again at once would only burn time. Those who come wait in the
 * backlog. */
static void pause_listening(struct listener *n, int error)
{
    log_line(LOG_ERROR, "connections cannot be taken: they wait", LOG_C("error", strerror(error)));
    uv_poll_stop(&n->poll);
    n->is_paused = true;
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct listener *n = poll->data;
    (void)status, (void)events;
    for (int i = 0; i < TURN_ACCEPT_MAX && n->is_open; i++) {
        int fd = accept_private(n->fd);
        if (fd >= 0) {
            n->on_accept(n->owner, fd);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (!is_passing(errno)) {
            pause_listening(n, errno);
            return;
        }
    }
}

static void go_on(struct loop_sweep *sweep, uint64_t now_ns)
{
    struct listener *n = OWNER_OF(sweep, struct listener, sweep);
    (void)now_ns;
    if (n->is_paused)
        uv_poll_start(&n->poll, UV_READABLE, on_ready);
    n->is_paused = false;
}

enum err listener_open_take(struct listener *n, struct loop *l, int fd,
                            void (*on_accept)(void *owner, int fd), void *owner, struct fail *f)
{
    *n = (struct listener){.fd = fd, .loop = l, .on_accept = on_accept, .owner = owner,
                           .sweep = {.fn = go_on}};
    if (listen(fd, BACKLOG) != 0 || uv_poll_init(loop_uv(l), &n->poll, fd) != 0) {
        enum err err = fail(f, errno == EADDRINUSE ? ERR_BUSY : ERR_IO, "listen: %s", strerror(errno));
        close(fd);
        return err;
    }
    n->is_open = true;
    n->poll.data = n;
    uv_poll_start(&n->poll, UV_READABLE, on_ready);
    loop_sweep_add(l, &n->sweep);
    return ERR_OK;
}

void listener_close(struct listener *n)
{
    if (!n->is_open)
        return;
    n->is_open = false;
    loop_sweep_remove(n->loop, &n->sweep);
    uv_close((uv_handle_t *)&n->poll, NULL);
    close(n->fd);
}

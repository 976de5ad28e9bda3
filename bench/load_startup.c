/*
 * load_startup.c — from exec to the first byte of a relayed answer.
 *
 * The command is started, its port is tried until it listens, one small request is sent, and the
 * time is taken when the answer's first byte is there. Blocking sockets: nothing else runs here.
 */
#include "load.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { PAUSE_NS = 20000, GIVE_UP_S = 20 };

static int connect_once(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0) {
        close(fd);
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

static int connect_soon(const struct sockaddr_in *address, uint64_t give_up_ns)
{
    struct timespec pause = {0, PAUSE_NS};
    int fd;

    while ((fd = connect_once(address)) < 0 && uv_hrtime() < give_up_ns)
        nanosleep(&pause, NULL);
    return fd;
}

/* The answer's status, 0 when there is none. */
static int ask(int fd, const struct options *o)
{
    char text[1024];
    int len = snprintf(text, sizeof(text),
                       "POST /v1/messages?beta=true&answer=json&bytes=200 HTTP/1.1\r\nHost: "
                       "%s:%d\r\nContent-Type: application/json\r\nanthropic-version: "
                       "2023-06-01\r\nx-api-key: sk-ant-test-0\r\nContent-Length: 80\r\n\r\n"
                       "{\"model\":\"claude-haiku-4-5\",\"messages\":[{\"role\":\"user\","
                       "\"content\":\"hello, you\"}]}",
                       o->host, o->port);
    ssize_t got;

    if (write(fd, text, (size_t)len) != len)
        return 0;
    got = read(fd, text, sizeof(text) - 1);
    if (got < 12)
        return 0;
    text[got] = '\0';
    return atoi(text + 9);
}

/* A child begins where its parent is: so it is pinned without a program in between. */
static pid_t start_on(int core, char **command)
{
    pid_t child = 0;
#ifdef __linux__
    cpu_set_t mine, its;

    sched_getaffinity(0, sizeof(mine), &mine);
    CPU_ZERO(&its);
    if (core >= 0) {
        CPU_SET(core, &its);
        sched_setaffinity(0, sizeof(its), &its);
    }
#else
    (void)core;
#endif
    if (posix_spawnp(&child, command[0], NULL, NULL, command, environ) != 0)
        child = 0;
#ifdef __linux__
    sched_setaffinity(0, sizeof(mine), &mine);
#endif
    return child;
}

int startup_run(const struct options *o, char **command)
{
    struct sockaddr_in address;
    uint64_t start_ns, listening_ns, end_ns;
    int fd, status = 0;
    pid_t child;

    uv_ip4_addr(o->host, o->port, &address);
    start_ns = uv_hrtime();
    child = start_on(o->core, command);
    fd = child > 0 ? connect_soon(&address, start_ns + GIVE_UP_S * 1000000000ull) : -1;
    listening_ns = uv_hrtime();
    if (fd >= 0)
        status = ask(fd, o);
    end_ns = uv_hrtime();
    if (child > 0) {
        kill(child, SIGTERM);
        if (fd >= 0)
            close(fd);
        waitpid(child, NULL, 0);
    }
    printf("{\"mode\":\"startup\",\"status\":%d,\"listening_us\":%.0f,\"first_byte_us\":%.0f}\n",
           status, (double)(listening_ns - start_ns) / 1e3, (double)(end_ns - start_ns) / 1e3);
    return status == 200 ? 0 : 1;
}

/*
 * startup.c — what a process settles before it does anything.
 */
#include "cli/startup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A database opened on descriptor 2 would get our log lines written into it. */
static void fill_standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
            continue;
        if (open("/dev/null", O_RDWR) != fd) /* the lowest free one is this one */
            abort();
    }
}

void startup_settle(void)
{
    fill_standard_descriptors();
    signal(SIGPIPE, SIG_IGN); /* a peer that leaves is an error of one write, not the end of us */
    signal(SIGXFSZ, SIG_IGN); /* likewise a file at its limit */
    umask(077);               /* what is recorded is for its owner only */
}

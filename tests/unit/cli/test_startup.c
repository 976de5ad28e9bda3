/*
 * test_startup.c — a process started with nothing open and an open umask settles itself.
 */
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/startup.h"

/* In a child: 0 when all is as promised, else a number that says what is not. */
static int settle_without_descriptors(void)
{
    close(0), close(1), close(2);
    umask(0);
    signal(SIGPIPE, SIG_DFL);
    startup_settle();
    int next = open("/dev/null", O_RDONLY);
    if (next <= 2)
        return 1;
    if (write(2, "x", 1) != 1)
        return 2;
    if (umask(0) != 077)
        return 3;
    return signal(SIGPIPE, SIG_DFL) == SIG_IGN ? 0 : 4;
}

static void settles(void **state)
{
    (void)state;
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(settle_without_descriptors());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(settles)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_listener.c — connections are handed over, also after there were no descriptors for them.
 */
#include "check.h"

#include <sys/resource.h>

#include "io/listener.h"
#include "io/pair.h"

enum { PEERS = 100 };

static struct loop *l;
static struct listener listener;
static int accepted[PEERS], accepted_count;

static void on_accept(void *owner, int fd)
{
    (void)owner;
    accepted[accepted_count++] = fd;
}

static uint16_t listen_somewhere(void)
{
    struct fail f = {0};
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof addr;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
    l = loop_new();
    accepted_count = 0;
    assert_int_equal(listener_open_take(&listener, l, fd, on_accept, NULL, &f), ERR_OK);
    return addr.sin_port;
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = port,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    return fd;
}

static void end(int *peers, int count)
{
    listener_close(&listener);
    loop_free(l);
    for (int i = 0; i < count; i++)
        close(peers[i]);
    for (int i = 0; i < accepted_count; i++)
        close(accepted[i]);
}

static void all_who_come_are_taken(void **state)
{
    (void)state;
    int peers[PEERS]; /* more than one turn takes */
    uint16_t port = listen_somewhere();
    for (int i = 0; i < PEERS; i++)
        peers[i] = connect_to(port);
    TURN_UNTIL(l, accepted_count == PEERS);
    end(peers, PEERS);
}

static void without_descriptors_they_wait(void **state)
{
    (void)state;
    uint16_t port = listen_somewhere();
    int peer = connect_to(port);
    struct rlimit was, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    none = was;
    none.rlim_cur = (rlim_t)peer + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    TURN_UNTIL(l, listener.is_paused);
    assert_int_equal(accepted_count, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
    TURN_UNTIL(l, accepted_count == 1);
    assert_false(listener.is_paused);
    end(&peer, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_who_come_are_taken),
        cmocka_unit_test(without_descriptors_they_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

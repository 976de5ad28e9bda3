/*
 * postgres_news.c — the thread that listens to what other proxies have recorded, on a connection
 * of its own.
 */
#include "store/postgres_news.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/thread.h"
#include "store/postgres.h"

enum { TOKEN_LEN = 8, ID_LEN = 32, RETRY_MS = 2000, GONE_MS = 1000 /* between two tellings */ };

struct store_news {
    struct store *store;
    struct store_listener listener;
    struct postgres connection;
    struct store_reader *reader;
    uv_thread_t thread;
    int bell[2]; /* a pipe: closed at its writing end, it says stop */
    bool has_gone;     /* rows were deleted, and the listener has not been told */
    uint64_t told_ns;  /* when it was told last */
};

const char news_sql[] = "SELECT pg_notify('ccp_recorded', ?)";

/* --- telling --- */

size_t news_write(char out[NEWS_TEXT], const char *token, const struct batch *b,
                  const struct written *w, size_t row)
{
    size_t len = TOKEN_LEN;
    memcpy(out, token, TOKEN_LEN);
    for (; row < b->row_count && len + ID_LEN < NEWS_TEXT; row++) {
        if (!w->rows[row].is_new)
            continue;
        hex_write(out + len, b->rows[row].record.id.bytes, 16);
        len += ID_LEN;
    }
    out[len > TOKEN_LEN ? len : 0] = '\0';
    return row;
}

/* --- listening --- */

static void tell_row(struct store_news *n, const struct uuid *id)
{
    struct record row;
    struct arena arena;
    arena_init(&arena);
    enum err err = store_get(n->reader, id, &arena, &row, NULL, NULL);
    if (!err)
        n->listener.on_row(&row, n->listener.owner);
    else if (err != ERR_NOT_FOUND)
        n->listener.on_gap(n->listener.owner);
    arena_release(&arena);
}

static void on_notice(struct store_news *n, const char *text)
{
    struct uuid id;
    if (strncmp(text, n->store->token, TOKEN_LEN) == 0 || strlen(text) < TOKEN_LEN)
        return; /* our own rows are told by our own indexer */
    struct str ids = str_from(str_of(text), TOKEN_LEN);
    n->has_gone |= !ids.len;
    if (!n->listener.wants(n->listener.owner)) {
        n->listener.on_gap(n->listener.owner);
        return;
    }
    for (; hex_read(str_head(ids, ID_LEN), id.bytes, sizeof id.bytes); ids = str_from(ids, ID_LEN))
        tell_row(n, &id);
}

/* False when it is time to stop. */
static bool wait_for_bell(struct store_news *n, int also, int timeout_ms)
{
    struct pollfd fds[2] = {{.fd = n->bell[0], .events = POLLIN},
                            {.fd = also, .events = POLLIN}};
    while (poll(fds, also >= 0 ? 2 : 1, timeout_ms) < 0 && errno == EINTR)
        ;
    return !fds[0].revents;
}

static void connect_and_listen(struct store_news *n)
{
    struct fail f = {0};
    struct postgres *p = &n->connection;
    if (!postgres_connect(p, &f) && !postgres_run(p, "LISTEN ccp_recorded", &f)) {
        n->listener.on_gap(n->listener.owner); /* what came while nobody listened was missed */
        return;
    }
    postgres_lose(p);
    log_line(LOG_DEBUG, "cannot listen to other proxies", LOG_C("cause", f.detail));
}

static void take_notices(struct store_news *n)
{
    struct postgres *p = &n->connection;
    if (!pq.consumeInput(p->conn)) {
        postgres_lose(p);
        return;
    }
    for (PGnotify *notice; (notice = pq.notifies(p->conn));) {
        on_notice(n, notice->extra);
        pq.freemem(notice);
    }
}

/* Rows are deleted in many small transactions. Gives how long to wait for the next telling; -1: there
 * is none to wait for. */
static int tell_gone(struct store_news *n)
{
    if (!n->has_gone)
        return -1;
    uint64_t now_ns = clock_mono_ns(), pause_ns = GONE_MS * UINT64_C(1000000);
    if (n->told_ns && now_ns - n->told_ns < pause_ns)
        return (int)((pause_ns - (now_ns - n->told_ns)) / 1000000) + 1;
    n->told_ns = now_ns;
    n->has_gone = false;
    n->listener.on_gap(n->listener.owner);
    return -1;
}

static void run(void *arg)
{
    struct store_news *n = arg;
    struct postgres *p = &n->connection;
    thread_name("news");
    for (;;) {
        bool may_try = atomic_load(&n->store->is_ready); /* the writer makes the tables */
        if (!p->conn && may_try)
            connect_and_listen(n);
        int pause_ms = tell_gone(n);
        bool goes_on = p->conn ? wait_for_bell(n, pq.socket(p->conn), pause_ms)
                               : wait_for_bell(n, -1, RETRY_MS);
        if (!goes_on)
            return;
        if (p->conn)
            take_notices(n); /* it may have been the pause that ended */
    }
}

/* --- starting and stopping --- */

static void news_free(struct store_news *n)
{
    postgres_lose(&n->connection);
    free(n->connection.sent);
    free(n->connection.url);
    store_reader_free(n->reader);
    close(n->bell[0]);
    free(n);
}

enum err news_start(struct store *s, const struct store_listener *l, struct fail *f)
{
    struct store_news *n = MEM_NEW(struct store_news);
    *n = (struct store_news){.store = s, .listener = *l};
    if (pipe(n->bell) != 0) {
        free(n);
        return fail(f, ERR_INTERNAL, "no pipe: %s", strerror(errno));
    }
    for (int i = 0; i < 2; i++)
        fcntl(n->bell[i], F_SETFD, FD_CLOEXEC);
    n->connection = (struct postgres){.url = mem_strdup(s->where), .is_reader = true};
    n->reader = store_reader_new(s);
    if (uv_thread_create(&n->thread, run, n) != 0) {
        close(n->bell[1]);
        news_free(n);
        return fail(f, ERR_INTERNAL, "the thread that listens to other proxies could not be started");
    }
    s->news = n;
    return ERR_OK;
}

void news_stop(struct store *s)
{
    struct store_news *n = s->news;
    if (!n)
        return;
    s->news = NULL;
    close(n->bell[1]);
    uv_thread_join(&n->thread);
    news_free(n);
}

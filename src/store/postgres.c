/*
 * postgres.c — one connection to PostgreSQL, and its pipeline.
 *
 * Whatever goes wrong with the connection, it is closed and the caller is told ERR_DATABASE_AWAY;
 * what was under way may or may not have been done, so everything we write can be written again.
 */
#include "store/postgres.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

/* --- failures --- */

/* By SQLSTATE (PostgreSQL's documentation, appendix A); the longest prefix that fits counts. */
static const struct {
    const char *state;
    enum err err;
} states[] = {
    {"08", ERR_DATABASE_AWAY},    /* connection exception */
    {"22", ERR_PARSE},            /* data exception */
    {"23", ERR_PARSE},            /* integrity constraint violation */
    {"25006", ERR_DATABASE_AWAY}, /* read-only: a standby that took over for the one we know */
    {"25P03", ERR_DATABASE_AWAY}, /* idle in transaction for too long: closed */
    {"26000", ERR_DATABASE_AWAY}, /* no such prepared statement: another connection behind ours */
    {"40", ERR_BUSY},             /* deadlock, serialization failure */
    {"53100", ERR_FULL},          /* disk full */
    {"53", ERR_DATABASE_AWAY},    /* out of connections, memory */
    {"42501", ERR_CONFIG},        /* insufficient privilege */
    {"54", ERR_PARSE},            /* program limit exceeded: a row too large */
    {"55P03", ERR_BUSY},          /* lock not available */
    {"57014", ERR_TIMEOUT},       /* statement_timeout */
    {"57P", ERR_DATABASE_AWAY},   /* shutting down, starting up, terminated */
    {"XX001", ERR_CORRUPT},       /* data corrupted */
    {"XX002", ERR_CORRUPT},       /* index corrupted */
};

static enum err err_of_state(const char *state)
{
    enum err err = ERR_INTERNAL;
    size_t longest = 0;
    for (size_t i = 0; state && i < COUNT_OF(states); i++) {
        size_t len = strlen(states[i].state);
        if (len > longest && strncmp(state, states[i].state, len) == 0) {
            err = states[i].err;
            longest = len;
        }
    }
    return err;
}

/* libpq's message without its last line break, and on one line. */
static enum err fail_with(struct fail *f, enum err err, const char *what, const char *message)
{
    char line[200];
    snprintf(line, sizeof line, "%s", message ? message : "");
    for (char *at = line; *at; at++)
        if (*at == '\n')
            *at = at[1] ? ' ' : '\0';
    return fail(f, err, "%s: %s", what, line);
}

static enum err fail_away(struct postgres *p, struct fail *f, const char *why)
{
    enum err err = fail_with(f, ERR_DATABASE_AWAY, "the database cannot be reached",
                             why ? why : pq.errorMessage(p->conn));
    postgres_lose(p);
    return err;
}

static void note_failure(struct postgres *p, const PGresult *r)
{
    if (p->failed)
        return;
    p->failed = err_of_state(pq.resultErrorField(r, PG_DIAG_SQLSTATE));
    fail_with(&p->why, p->failed, "database", pq.resultErrorMessage(r));
}

/* --- waiting --- */

enum err postgres_wait(struct postgres *p, bool also_write, uint64_t deadline_ns)
{
    for (;;) {
        uint64_t now_ns = clock_mono_ns();
        if (now_ns >= deadline_ns)
            return ERR_TIMEOUT;
        struct pollfd fd = {.fd = pq.socket(p->conn),
                            .events = (short)(POLLIN | (also_write ? POLLOUT : 0))};
        int ready = poll(&fd, 1, (int)((deadline_ns - now_ns) / 1000000) + 1);
        if (ready < 0 && errno != EINTR)
            return ERR_DATABASE_AWAY;
        if (ready <= 0)
            continue;
        if (fd.revents & (POLLIN | POLLHUP | POLLERR | POLLNVAL))
            return pq.consumeInput(p->conn) ? ERR_OK : ERR_DATABASE_AWAY;
        return ERR_OK;
    }
}

/* The next result, or NULL at the end of a command. Never blocks past the deadline; with 0 a
 * server that goes on talking may take its time. */
static enum err next_result(struct postgres *p, uint64_t deadline_ns, PGresult **out,
                            struct fail *f)
{
    *out = NULL;
    for (;;) {
        int unsent = pq.flush(p->conn);
        if (unsent < 0)
            return fail_away(p, f, NULL);
        if (!unsent && !pq.isBusy(p->conn))
            break;
        uint64_t until_ns = deadline_ns ? deadline_ns
                                        : clock_mono_ns() + POSTGRES_STALL_MS * UINT64_C(1000000);
        enum err err = postgres_wait(p, unsent, until_ns);
        if (err)
            return fail_away(p, f, err == ERR_TIMEOUT ? "it does not answer" : NULL);
    }
    *out = pq.getResult(p->conn);
    return ERR_OK;
}

/* --- connecting --- */

/* What libpq quotes may be a part of the password. */
static void hide_quoted(char *message)
{
    char *to = message;
    bool is_quoted = false;
    for (const char *at = message; *at; at++) {
        if (*at == '"')
            is_quoted = !is_quoted;
        if (!is_quoted || *at == '"')
            *to++ = *at;
    }
    *to = '\0';
}

enum err postgres_check_url(const char *url, struct fail *f)
{
    char *message = NULL;
    enum err err = libpq_load(f);
    if (err)
        return err;
    PQconninfoOption *options = pq.conninfoParse(url, &message);
    if (options) {
        pq.conninfoFree(options);
        return ERR_OK;
    }
    if (message)
        hide_quoted(message);
    err = fail_with(f, ERR_CONFIG, "the database's address is not understood", message);
    pq.freemem(message);
    return err;
}

static void on_notice(void *owner, const PGresult *r)
{
    (void)owner;
    log_line(LOG_DEBUG, "database notice", LOG_C("text", pq.resultErrorMessage(r)));
}

static enum err check_server(struct postgres *p, struct fail *f)
{
    const char *encoding = pq.parameterStatus(p->conn, "server_encoding");
    if (pq.serverVersion(p->conn) < POSTGRES_VERSION_MIN)
        return fail(f, ERR_CONFIG, "the database is PostgreSQL %s: 13 or later is needed",
                    pq.parameterStatus(p->conn, "server_version"));
    if (!encoding || strcmp(encoding, "UTF8") != 0)
        return fail(f, ERR_CONFIG, "the database's encoding is %s: it must be UTF8",
                    encoding ? encoding : "unknown");
    return ERR_OK;
}

/* Our queries are short: compiling one takes longer than running it, and is not stopped by a time
 * limit; planning it for each partition takes as long, so that is done once, whatever is bound. A plan
 * may seem as expensive as all rows and be done after fifty: there are no workers either. */
static enum err set_up(struct postgres *p, struct fail *f)
{
    char sql[384];
    snprintf(sql, sizeof sql,
             "SET statement_timeout = %d; SET idle_in_transaction_session_timeout = %d;"
             " SET default_transaction_read_only = %s; SET TimeZone = 'UTC'; SET jit = off;"
             " SET max_parallel_workers_per_gather = 0; SET plan_cache_mode = force_generic_plan",
             p->is_reader ? POSTGRES_READ_MS : POSTGRES_WRITE_MS, POSTGRES_STALL_MS,
             p->is_reader ? "on" : "off");
    enum err err = check_server(p, f);
    return err ? err : postgres_run(p, sql, f);
}

enum err postgres_connect(struct postgres *p, struct fail *f)
{
    /* what stands before "dbname" is a default that the address may change, what follows is not */
    const char *const names[] = {"connect_timeout", "fallback_application_name", "dbname",
                                 "client_encoding", NULL};
    char seconds[16];
    snprintf(seconds, sizeof seconds, "%d", POSTGRES_CONNECT_S);
    const char *const values[] = {seconds, "claude-code-proxy", p->url, "UTF8", NULL};
    postgres_lose(p);
    p->conn = pq.connectdbParams(names, values, 1);
    if (!p->conn || pq.status(p->conn) != CONNECTION_OK)
        return fail_away(p, f, p->conn ? NULL : "out of memory");
    pq.setNoticeReceiver(p->conn, on_notice, NULL);
    p->generation++;
    if (pq.setnonblocking(p->conn, 1) != 0 || !pq.enterPipelineMode(p->conn))
        return fail_away(p, f, NULL);
    enum err err = set_up(p, f);
    if (err)
        postgres_lose(p);
    return err;
}

void postgres_lose(struct postgres *p)
{
    pq.finish(p->conn);
    p->conn = NULL;
    p->sent_first = p->sent_count = 0;
    p->failed = ERR_OK;
    p->why = (struct fail){0};
}

/* --- the pipeline --- */

static void sent_add(struct postgres *p, struct postgres_sent sent)
{
    if (p->sent_count == p->sent_cap) {
        size_t cap = p->sent_cap ? p->sent_cap * 2 : 64;
        struct postgres_sent *ring = mem_alloc(cap * sizeof *ring);
        for (size_t i = 0; i < p->sent_count; i++)
            ring[i] = p->sent[(p->sent_first + i) % p->sent_cap];
        free(p->sent);
        p->sent = ring;
        p->sent_first = 0;
        p->sent_cap = cap;
    }
    p->sent[(p->sent_first + p->sent_count++) % p->sent_cap] = sent;
}

enum err postgres_sent(struct postgres *p, int is_sent, postgres_take *take, void *owner,
                       struct fail *f)
{
    if (!is_sent)
        return fail_away(p, f, NULL);
    sent_add(p, (struct postgres_sent){SENT_COMMAND, take, owner});
    return ERR_OK;
}

static void take_result(struct postgres *p, const struct postgres_sent *sent, PGresult *r)
{
    switch (pq.resultStatus(r)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
        if (sent->take && sent->take(sent->owner, r))
            return;
        break;
    case PGRES_PIPELINE_ABORTED: /* for what was noted before */
    case PGRES_PIPELINE_SYNC:
        break;
    default:
        note_failure(p, r);
    }
    pq.clear(r);
}

/* The answer to the oldest of what was sent. */
static enum err collect_one(struct postgres *p, uint64_t deadline_ns, struct fail *f)
{
    struct postgres_sent sent = p->sent[p->sent_first];
    PGresult *r;
    for (;;) {
        enum err err = next_result(p, deadline_ns, &r, f);
        if (err)
            return err;
        if (!r)
            break;
        take_result(p, &sent, r);
        if (sent.kind == SENT_SYNC) /* the one kind of answer without an end of its own */
            break;
        if (pq.status(p->conn) == CONNECTION_BAD)
            return fail_away(p, f, p->failed ? p->why.detail : NULL);
    }
    p->sent_first = (p->sent_first + 1) % p->sent_cap;
    p->sent_count--;
    return ERR_OK;
}

enum err postgres_flush(struct postgres *p, struct fail *f)
{
    size_t last = p->sent_first + p->sent_count - 1;
    if (!p->sent_count || p->sent[last % p->sent_cap].kind == SENT_SYNC)
        return ERR_OK;
    if (!pq.pipelineSync(p->conn))
        return fail_away(p, f, NULL);
    sent_add(p, (struct postgres_sent){.kind = SENT_SYNC});
    return ERR_OK;
}

enum err postgres_settle(struct postgres *p, uint64_t deadline_ns, struct fail *f)
{
    enum err flush_err = postgres_flush(p, f);
    if (flush_err)
        return flush_err;
    while (p->sent_count) {
        enum err err = collect_one(p, deadline_ns, f);
        if (err)
            return err;
    }
    enum err err = p->failed;
    if (err)
        fail(f, err, "%s", p->why.detail);
    if (err == ERR_DATABASE_AWAY)
        postgres_lose(p);
    p->failed = ERR_OK;
    p->why = (struct fail){0};
    return err;
}

/* --- outside the pipeline --- */

static enum err collect_all(struct postgres *p, struct fail *f)
{
    for (;;) {
        PGresult *r;
        enum err err = next_result(p, 0, &r, f);
        if (err || !r)
            return err;
        take_result(p, &(struct postgres_sent){0}, r);
    }
}

enum err postgres_run(struct postgres *p, const char *sql, struct fail *f)
{
    enum err err = p->conn ? postgres_settle(p, 0, f)
                           : fail(f, ERR_DATABASE_AWAY, "the database cannot be reached");
    if (err)
        return err;
    if (!pq.exitPipelineMode(p->conn) || !pq.sendQuery(p->conn, sql))
        return fail_away(p, f, NULL);
    err = collect_all(p, f);
    if (!err && !pq.enterPipelineMode(p->conn))
        err = fail_away(p, f, NULL);
    return err ? err : postgres_settle(p, 0, f);
}

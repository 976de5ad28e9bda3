/*
 * postgres.h — one connection to PostgreSQL: made, lost and made again, never waited for without
 * an end, and everything sent through libpq's pipeline. Statements are postgres_driver.c.
 */
#ifndef STORE_POSTGRES_H
#define STORE_POSTGRES_H

#include "store/database.h"
#include "store/libpq.h"

enum {
    POSTGRES_CONNECT_S = 5,       /* to a server that does not answer */
    POSTGRES_STALL_MS = 10000,    /* a writer's server that says nothing so long is given up */
    POSTGRES_READ_MS = 2000,      /* a reader's longest query */
    POSTGRES_WRITE_MS = 8000,     /* a writer's: before we give the server up, it gives up */
    POSTGRES_VERSION_MIN = 130000 /* as PQserverVersion() counts */
};

/* Takes the result of one command. True: and keeps it, to clear it one day. */
typedef bool postgres_take(void *owner, PGresult *result);

struct postgres {
    PGconn *conn; /* NULL: not connected */
    char *url;
    bool is_reader;
    uint64_t generation; /* of the connection: what was prepared on an older one is gone */
    unsigned name_count; /* for the names of statements */
    /* what has been sent and not been answered: a ring, the oldest first. Its ceiling is a batch */
    struct postgres_sent {
        enum { SENT_COMMAND, SENT_SYNC } kind;
        postgres_take *take; /* may be NULL */
        void *owner;
    } *sent;
    size_t sent_first, sent_count, sent_cap;
    enum err failed; /* the first failure among answers since the last postgres_settle() */
    struct fail why;
};

/* ERR_CONFIG: libpq does not understand it. Says nothing that may be a password. */
enum err postgres_check_url(const char *url, struct fail *f) MUST_CHECK;
/* ERR_DATABASE_AWAY, whatever the reason; ERR_CONFIG: no database that we can use. */
enum err postgres_connect(struct postgres *p, struct fail *f) MUST_CHECK;
void postgres_lose(struct postgres *p); /* closes; nothing that was sent is answered any more */

/* Notes that a command was just sent with one of libpq's functions. `is_sent`: what it returned. */
enum err postgres_sent(struct postgres *p, int is_sent, postgres_take *take, void *owner,
                       struct fail *f) MUST_CHECK;
/* Sends what was noted, which is carried out at once, and waits for nothing. */
enum err postgres_flush(struct postgres *p, struct fail *f) MUST_CHECK;
/* Waits until all that was sent is answered; tells the first failure among it. */
enum err postgres_settle(struct postgres *p, uint64_t deadline_ns, struct fail *f) MUST_CHECK;
/* One or more commands without results, outside the pipeline, after all that was sent. */
enum err postgres_run(struct postgres *p, const char *sql, struct fail *f) MUST_CHECK;
/* Waits for something to read or, with `also_write`, to write. ERR_TIMEOUT; ERR_DATABASE_AWAY. */
enum err postgres_wait(struct postgres *p, bool also_write, uint64_t deadline_ns) MUST_CHECK;

#endif

/*
 * store.h — where records are kept: one interface, SQLite or PostgreSQL behind it.
 *
 * One connection writes. The indexer's thread records (store_find_piece, store_commit,
 * store_maintain); chores (index/chores.h) take turns with it, a short transaction at a time. Any
 * other thread reads through a struct store_reader of its own. Nothing outside this folder opens the
 * database's files.
 *
 * A PostgreSQL server may be away, when the store is opened and at any time after: then every call
 * that needs it fails with ERR_DATABASE_AWAY, and works again when the server is back.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "record/batch.h"
#include "record/record.h"

struct store;
struct store_reader;

enum store_type { STORE_SQLITE, STORE_POSTGRES };

struct store_options {
    enum store_type type;
    /* SQLite: the file; created 0600. Beside it: "-wal", "-shm", ".lock". PostgreSQL: a connection
     * URL, postgres://user:password@host/database, or libpq's "host=… dbname=…". */
    const char *where;
    const char *node; /* names this proxy among those on one PostgreSQL; NULL where it is alone */
    bool is_durable;  /* a commit is on the disk when it returns (storage.durability "batch" and
                         "sync"); otherwise a power cut may take the newest ones. PostgreSQL
                         decides for itself (synchronous_commit) */
    bool keeps_damaged; /* a damaged file stays where it is: ERR_CORRUPT */
    bool only_reads;  /* beside the process that writes: nothing but readers may be had */
};

/* Opens or creates; migrates. A damaged file is set aside as "<name>.corrupt-<microseconds>" and a
 * new one begun (logged). ERR_CONFIG when the schema is newer than this program, or the database
 * cannot be used; ERR_BUSY when another process writes to the file. */
enum err store_open(struct store **out, const struct store_options *options,
                    struct fail *f) MUST_CHECK;
/* Could a store be opened so, as far as can be said without trying? ERR_CONFIG: it could not. */
enum err store_check(const struct store_options *options, struct fail *f) MUST_CHECK;
void store_close(struct store *s); /* checkpoints; all readers must be closed */

/* The indexer's thread. ERR_OK when the database has been reached; else tries to reach it. Before
 * that there is no secret and no block number. */
enum err store_ready(struct store *s, struct fail *f) MUST_CHECK;

/* The secret that keys piece hashes; 192 bytes, made once per store. The bytes stay where they
 * are. */
struct str store_secret(const struct store *s);
struct str store_node(const struct store *s); /* as given to store_open(); stays where it is */

/* Any thread. True and *at filled when a piece with this key is stored. */
bool store_find_piece(struct store *s, const struct piece_key *key, struct piece_at *at);
/* The indexer's thread. All of the batch or nothing; idempotent by exchange id. ERR_PARSE: a row's own
 * data was refused; anything else may pass when tried again. */
enum err store_commit(struct store *s, const struct batch *batch, struct fail *f) MUST_CHECK;
/* The indexer's thread. Appends what batches of this node said last of their journal; nothing where
 * none has. */
enum err store_journal_marks(struct store *s, struct buf *out, struct fail *f) MUST_CHECK;
/* The indexer's thread, when idle: checkpoints and the like. */
void store_maintain(struct store *s);
/* The indexer's thread. Is this exchange stored? ERR_GONE: as store_commit(); after anything else it
 * is not known. */
enum err store_has(struct store *s, const struct uuid *id, bool *is_there, struct fail *f) MUST_CHECK;
/* Any thread. The number that the next block should have. Ascends, not always by one: to be asked
 * again when a batch begins. */
uint64_t store_next_block(struct store *s);
/* The database may lose what it has taken, when another server takes over: store_commit() or
 * store_has() says ERR_GONE then, once, and what is given next must not refer to what was there. */
bool store_may_be_set_back(const struct store *s);
/* Any thread. Nothing new may refer to blocks before this one (see keeping.h). */
uint64_t store_share_floor(struct store *s);

/* --- what other proxies on the same database have recorded --- */

/* All are called on a thread of the store's own. */
struct store_listener {
    void *owner;
    bool (*wants)(void *owner); /* asked before a row is read */
    void (*on_row)(const struct record *row, void *owner); /* strings borrowed */
    void (*on_gap)(void *owner); /* some have not been told: read the lists again */
};
/* Nothing happens where nobody else writes. */
enum err store_news_start(struct store *s, const struct store_listener *l,
                          struct fail *f) MUST_CHECK;
void store_news_stop(struct store *s); /* waits for the call under way */

/* --- reading; every call may be made from any thread, one at a time per reader --- */

struct store_reader *store_reader_new(struct store *s); /* opens lazily, read-only */
void store_reader_free(struct store_reader *r);
/* For a command that nobody waits for at a screen: queries may take as long as they need. */
void store_reader_be_patient(struct store_reader *r);

enum { FILTER_LIMIT_MAX = 500 };

/* Empty strings and zeros mean "any". */
struct request_filter {
    struct str model;      /* equal to model or response_model */
    struct str session_id;
    struct str agent_id;   /* equal; "main": no agent's, "sub": any agent's, with an id or a name */
    struct str agent_type; /* equal; "unknown": a sub-agent without one */
    struct str class;      /* equal: "main", "title" ... */
    struct str route;      /* equal: the label of the rule that fits */
    struct str project;
    struct str tool;       /* called in the answer */
    struct str provider;
    struct str q;          /* found, ignoring case, in title, path, model, ids or error text */
    int status;            /* 200; or a class, 2 to 5 */
    bool has_state;
    enum ending state;
    int64_t start_us, end_us; /* started_us in [start, end) */
};

typedef void store_row_fn(const struct record *row, void *owner); /* strings borrowed */

/* Newest first. Rows with id < *before (when not NULL). */
enum err store_list(struct store_reader *r, const struct request_filter *filter,
                    const struct uuid *before, int limit, store_row_fn *on_row, void *owner,
                    struct fail *f) MUST_CHECK;
/* Likewise, for somebody who waits: where only rows can tell (an agent's id, a class, a route, a tool, a
 * text), they are looked at for STORE_LIST_MS. `*stopped`: when that was not enough, the list goes on
 * before this id; else all zeros. */
enum { STORE_LIST_MS = 4 };
enum err store_list_a_while(struct store_reader *r, const struct request_filter *filter,
                            const struct uuid *before, int limit, store_row_fn *on_row,
                            void *owner, struct uuid *stopped, struct fail *f) MUST_CHECK;
/* Do sums tell how many there are? */
bool store_count_is_known(const struct request_filter *filter);
/* How many there are. Where only the rows themselves can tell (an agent's id, a tool, a text), they
 * are counted for STORE_COUNT_MS; then `*is_known` is false, and `*count` 0. */
enum { STORE_COUNT_MS = 2 };
enum err store_count(struct store_reader *r, const struct request_filter *filter, int64_t *count,
                     bool *is_known, struct fail *f) MUST_CHECK;

/* ERR_NOT_FOUND when there is none. Strings live in `arena`. `detail` may be NULL; it is empty when
 * the row has outlived it. */
enum err store_get(struct store_reader *r, const struct uuid *id, struct arena *arena,
                   struct record *row, struct record_detail *detail, struct fail *f) MUST_CHECK;

enum body_side { BODY_REQUEST, BODY_RESPONSE };
/* The exact bytes as relayed, checked against their hash (ERR_CORRUPT if they differ). ERR_GONE:
 * the row has outlived them. */
enum err store_body(struct store_reader *r, const struct uuid *id, enum body_side side,
                    struct buf *out, struct fail *f) MUST_CHECK;

struct session_row {
    struct str session_id;
    int64_t first_us, last_us; /* started_us of the first and of the newest request */
    int64_t request_count, error_count, agent_count;
    struct usage usage;        /* summed; UNKNOWN parts counted as 0 */
    int64_t cost_usd_micro, unknown_cost_count;
    struct str title;          /* of its first request that has one */
    struct str model;          /* of its newest request */
    struct str client;
    struct str project;        /* of its first request that names one */
};
typedef void store_session_fn(const struct session_row *row, void *owner);

/* What sums can be divided by. Several at once: bits 1 << STATS_… */
enum stats_by {
    STATS_TOTAL,
    STATS_BY_MODEL, /* the one asked for */
    STATS_BY_PROVIDER,
    STATS_BY_STATE,
    STATS_BY_PROJECT,
    STATS_BY_AGENT, /* "main", a sub-agent's type, "unknown" */
    STATS_BY_TOOL,  /* of requests that call it: without ttfb, bytes, estimates, errors, speed */
    STATS_BY_HOUR,  /* "2026-11-21T14:00:00Z" */
    STATS_BY_DAY,   /* "2026-11-21" */
    STATS_DIVISIONS
};

struct stats_times {
    int64_t count, sum_us;
    int64_t p50_us, p95_us, p99_us; /* UNKNOWN when there are none; off by at most 4.5 %,
                                       never more than the longest there ever was */
    const int64_t *buckets;         /* TIME_BUCKETS counts (time_buckets.h); NULL: not kept */
};

struct stats_row {
    enum stats_by by;
    struct str key; /* empty: the total, or what has none */
    int64_t request_count, error_count;
    struct usage usage; /* summed; UNKNOWN parts counted as 0 */
    int64_t cost_usd_micro, unknown_cost_count, estimated_cost_count;
    int64_t request_bytes, response_bytes;
    int64_t tool_call_count, tool_error_count;
    struct stats_times duration, first_token, ttfb;
    int64_t speed_tokens, speed_us; /* output tokens of streams, and the time from the first on */
};
typedef void store_stats_fn(const struct stats_row *row, void *owner);

enum { STATS_HOURS_MAX = 2400 };

struct stats_ask {
    struct request_filter filter;
    unsigned divisions;
    bool *is_cut; /* may be NULL; set when hours were left out, which are STATS_HOURS_MAX at most */
    bool only_counts; /* nothing but request_count is filled */
    int tz_minutes; /* east of UTC; a day has the hours that begin in it there */
};
/* From sums made at ingest, never from scanning all rows: whole hours, those that [start, end)
 * touches; an end of 0 is open. With a session, an agent's id, a tool or a text: from such rows. Of each
 * division most requests first, hours and days in order. A total always comes, the others only
 * with what has requests. Past the time limit ERR_TIMEOUT. */
enum err store_stats(struct store_reader *r, const struct stats_ask *ask, store_stats_fn *on_row,
                     void *owner, struct fail *f) MUST_CHECK;

struct store_size {
    int64_t requests, sessions, pieces, blocks;
    int64_t raw_bytes;    /* bodies as relayed */
    int64_t stored_bytes; /* compressed blocks */
    int64_t file_bytes;   /* of the database, by stat() */
};
enum err store_measure(struct store_reader *r, struct store_size *out, struct fail *f) MUST_CHECK;

#endif

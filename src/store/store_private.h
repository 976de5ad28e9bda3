/*
 * store_private.h — what the files of this folder know of a store.
 */
#ifndef STORE_STORE_PRIVATE_H
#define STORE_STORE_PRIVATE_H

#include <stdatomic.h>

#include <uv.h>

#include "base/file_mark.h"
#include "store/database.h"
#include "store/engine.h"
#include "store/names.h"

enum {
    MONTHS_KNOWN = 16,
    TOOL_SETS_KNOWN = 256 /* slots, a power of two */
};

/* The writer's statements, see commit.c. */
enum write_statement {
    WRITE_BLOCK, WRITE_PIECE, WRITE_REQUEST, WRITE_SESSION, WRITE_SESSION_AGENT,
    UPDATE_CONVERSATION, WRITE_CONVERSATION, WRITE_SESSION_CONVERSATION, WRITE_TOOL_SET,
    WRITE_TOTALS, WRITE_SPAN, MOVE_PIECE, FIND_PIECE, HAS_REQUEST, FIND_TURN, FIND_MAIN_TURNS,
    FIND_AGENT_TURNS, ANNOUNCE, READ_CELL, COUNT_CELLS, WRITE_CELL, DELETE_CELL,
    WRITE_STATEMENTS
};

struct rollup;
struct rollup_cells;
struct session_sum;
struct conversation_sums;

/* The numbers that a row's names have in the database; 0: none. */
struct row_names {
    int64_t session, agent, model, response_model, provider, title, client, agent_type, project;
    int64_t tools; /* the text of them all */
};

/* 1 where something is new, 0 where it was there already. */
struct written {
    int64_t *new_blocks; /* one for each block */
    int64_t new_pieces;
    struct written_row {
        struct row_names names;
        int64_t is_new, is_new_agent;
    } *rows; /* one for each row */
};

struct store {
    const struct engine *engine;
    uv_mutex_t writing; /* held through every use of `db`; no longer than CHORE_STEP_MS wants */
    char *where;        /* the file's path, or the database's address */
    char *node;         /* who we are among the proxies on one database; "" where we are alone */
    bool is_durable;
    atomic_bool is_ready;        /* has been connected: secret and schema are known */
    atomic_ullong away_until_ns; /* readers do not try to connect before: nobody is there */
    struct database db;
    char secret[SECRET_BYTES];
    struct statement *statements[WRITE_STATEMENTS];
    struct names names;
    uint64_t next_block;
    uint64_t committed_block; /* the newest that was committed; 0: none */
    bool is_half_back;        /* connected again, but what has to be asked then was not answered */
    bool is_set_back;         /* the database lost what it had taken: store_commit() says so once */
    atomic_uint_least64_t share_floor; /* nothing new may refer to blocks before it */
    bool (*make_room)(void *owner); /* keeping.h; may be NULL */
    void *room_owner;
    uint64_t room_made_ns; /* when it last could; 0: never */
    bool needs_maintenance; /* committed since the last store_maintain() */
    /* sums of the batch being written; reused */
    struct rollup *rollups; /* stay from batch to batch, see rollup.h */
    size_t rollup_count, rollup_cap;
    struct session_sum *sessions;
    size_t session_count, session_cap;
    struct conversation_sums *conversations;
    int64_t lane;               /* whose cells of the statistics these are: see rollup.h */
    bool has_open_cells;        /* `rollups` are the ones that the table has */
    int64_t other_name;         /* the name "(other)"; known with them */
    struct rollup_cells *cells; /* what is remembered of the table of cells */
    int64_t tool_sets[TOOL_SETS_KNOWN]; /* names whose tools are in the table already */
    /* SQLite's */
    int lock_fd;
    struct file_mark file; /* the one that is open: device and inode */
    /* PostgreSQL's */
    uint64_t range_ns;        /* when the range of block numbers was taken */
    int months[MONTHS_KNOWN]; /* that have partitions; the one used last is the first */
    char token[9];            /* marks what this process has announced */
    struct store_news *news;
};

/* SQL: of a row of `requests`. */
#define COST_IS_UNKNOWN "(flags & 4096) <> 0"
static_assert(RECORD_COST_UNKNOWN == 4096, "as COST_IS_UNKNOWN says");

/* conversation_sums.c */
extern const char conversation_update_sql[], conversation_write_sql[],
    conversation_write_session_sql[];
/* threads_read.c */
extern const char store_find_turn_sql[], store_main_turns_sql[], store_agent_turns_sql[];

/* keeping.c: the disk was full; is it worth trying again? */
bool store_make_room(struct store *s);
/* keeping.c: under `writing`, outside a transaction: are deleted bytes overwritten? */
void store_wipes(struct store *s, bool wipes);
/* keeping.c: notes which blocks the batch's rows need, hour by hour. */
enum err spans_write(struct store *s, const struct batch *b, struct fail *f) MUST_CHECK;
/* The writer's connection is there, and the database behind it is ours: opens, connects again.
 * With `writing` held. */
enum err store_wake(struct store *s, struct fail *f) MUST_CHECK;
enum err commit_prepare(struct store *s, struct fail *f) MUST_CHECK;
void commit_release(struct store *s);
void commit_undo(struct store *s); /* ends the transaction, and forgets what it had brought */
void commit_forget(struct store *s); /* what is remembered of what the database has */

#endif

/*
 * store_private.h — what the files of this folder know of a store.
 */
#ifndef STORE_STORE_PRIVATE_H
#define STORE_STORE_PRIVATE_H

#include <stdatomic.h>

#include <uv.h>

#include "store/database.h"
#include "store/names.h"
#include "store/store.h"

enum { SECRET_BYTES = 192 };

/* The writer's statements, see commit.c. */
enum write_statement {
    WRITE_BLOCK, WRITE_PIECE, WRITE_REQUEST, WRITE_ROLLUP, WRITE_SESSION, WRITE_SESSION_AGENT,
    WRITE_CONVERSATION,
    WRITE_TOTALS, WRITE_SPAN, MOVE_PIECE, FIND_PIECE, HAS_REQUEST, FIND_TURN, FIND_MAIN_TURNS,
    FIND_AGENT_TURNS, WRITE_STATEMENTS
};

struct rollup;
struct session_sum;
struct conversation_sums;

struct store {
    uv_mutex_t writing; /* held through every use of `db`; no longer than CHORE_STEP_MS wants */
    char *path;
    int lock_fd;
    bool is_durable;
    struct database db;
    char secret[SECRET_BYTES];
    struct statement *statements[WRITE_STATEMENTS];
    struct names names;
    uint64_t next_block;
    atomic_uint_least64_t share_floor; /* nothing new may refer to blocks before it */
    bool needs_maintenance; /* committed since the last store_maintain() */
    /* sums of the batch being written; reused */
    struct rollup *rollups;
    size_t rollup_count, rollup_cap;
    struct session_sum *sessions;
    size_t session_count, session_cap;
    struct conversation_sums *conversations;
};

/* threads_read.c */
extern const char store_find_turn_sql[], store_main_turns_sql[], store_agent_turns_sql[];

/* keeping.c: notes which blocks the batch's rows need, hour by hour. */
enum err spans_write(struct store *s, const struct batch *b, struct fail *f) MUST_CHECK;
enum err commit_prepare(struct store *s, struct fail *f) MUST_CHECK;
void commit_release(struct store *s);
void commit_undo(struct store *s); /* ends the transaction, and forgets what it had brought */
/* The file was found damaged: the next store_open() looks at all of it. */
void store_suspect(struct store *s);

#endif

/*
 * engine.h — what a store needs of its engine beside SQL: one table for each engine. Whoever adds
 * something that engines do differently adds a row here.
 */
#ifndef STORE_ENGINE_H
#define STORE_ENGINE_H

#include "store/store.h"

struct written;

struct engine {
    const char *name;
    const struct driver *driver;
    /* SQL before and behind a column: compares it with a pattern, ignoring case; and one of ASCII,
     * in small letters */
    const char *like[2], *like_ascii[2];
    const char *numbers;       /* SQL: a row for each number of a text, see numbers.h */
    const char *numbers_marks; /* which that text has at its ends */
    /* SQL: the names of a part, from one place, and to before another; what is behind the last one.
     * Parts are of `names_step` places; where a new name may lie among the last `names_again`, these
     * are looked at again. */
    const char *names_part[2], *names_end;
    int64_t names_step, names_again;
    bool has_hashed_names; /* a name's number is its hash, so that many can give them */
    int range_bits;        /* each writer has 2^n block numbers for itself; 0: there is one writer */
    bool may_be_away;      /* a store opens without its database, and waits for it */
    bool is_shared;        /* others may write to the database at the same time */
    /* SQL: adds ?1 … ?5 to the totals, and keeps ?6, which may be NULL, as the marks of the journal: of
     * the node ?7 where the database is shared. */
    const char *write_totals;
    const char *read_journal_marks; /* of the node ?1 */

    /* Is this an address at all? May be NULL. */
    enum err (*check_where)(const char *where, struct fail *f);
    /* Before the first connection and after the last: who may use the database. May be NULL. */
    enum err (*claim)(struct store *s, struct fail *f);
    void (*disclaim)(struct store *s);
    /* Right after a connection was made, before the schema is looked at. May be NULL. */
    enum err (*check)(struct store *s, struct fail *f);
    /* Likewise: sets s->lane. NULL: it is 0. */
    enum err (*take_lane)(struct store *s, struct fail *f);
    /* After a lost connection: sets s->is_set_back where what was committed is not there any more,
     * and sees to it that no block number is given again. NULL: that cannot be. */
    enum err (*look_back)(struct store *s, struct fail *f);
    /* What is to be done with a damaged database, so that store_open() can begin a new one. NULL:
     * nothing. */
    enum err (*set_aside)(struct store *s, const struct fail *why, struct fail *f);
    /* Damage was met. May be NULL. */
    void (*suspect)(struct store *s);

    /* Sets s->next_block: on opening, after every commit, and where there was none for long. */
    enum err (*number_blocks)(struct store *s, struct fail *f);
    /* Before a batch's transaction: sees to it that there is somewhere to put its rows. May be NULL. */
    enum err (*make_places)(struct store *s, const struct batch *b, struct fail *f);
    /* Last in a batch's transaction: tells other proxies of its new rows. May be NULL. */
    enum err (*announce)(struct store *s, const struct batch *b, const struct written *w,
                         struct fail *f);

    /* In a transaction: others are told that rows go with it. NULL: there are none. */
    enum err (*announce_gone)(struct store *s, struct fail *f);
    /* What other writers of the same database tell; see store.h. NULL: there are none. */
    enum err (*news_start)(struct store *s, const struct store_listener *l, struct fail *f);
    void (*news_stop)(struct store *s);

    void (*maintain)(struct store *s, bool is_last); /* may be NULL */
    int64_t (*size)(struct store_reader *r);         /* bytes of the whole database */
    /* Bytes in use, and bytes that are free within the file; see keeping.h. */
    void (*space)(struct store *s, int64_t *used_bytes, int64_t *free_bytes);
    /* The first block that another proxy may still be writing at, one that was there in the last
     * so many hours; `*block` stays as it is where there was none. NULL: there are no others. */
    enum err (*others_from)(struct store *s, int hours, uint64_t *block, struct fail *f);
    /* How many others are connected now, whatever they call themselves. NULL: none. */
    int64_t (*others_connected)(struct store *s);
    /* Outside of transactions: is what is deleted overwritten? NULL: never. */
    void (*wipe)(struct store *s, bool wipes);
    /* In a transaction: drops the oldest blocks, at most `bytes`, whole files of them, all before
     * `border`; `*end`: blocks before it are gone. Nothing where none fits. May be NULL. */
    enum err (*drop_file)(struct store *s, int64_t border, int64_t bytes, int64_t *end,
                          int64_t *blocks, int64_t *dropped_bytes, struct fail *f);
    /* Gives free bytes back to the disk, a little at a time. NULL: the engine does it by itself. */
    enum err (*shrink)(struct store *s, int pages, int64_t keep_bytes, bool *more,
                       struct fail *f);
};

extern const struct engine sqlite_engine, postgres_engine;

#endif

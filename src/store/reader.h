/*
 * reader.h — a read-only connection with what it remembers: names by number, decoded blocks.
 */
#ifndef STORE_READER_H
#define STORE_READER_H

#include "record/chain.h"
#include "record/recipe.h"
#include "store/database.h"
#include "store/found.h"
#include "store/store_private.h"

enum {
    READ_LIMIT_MS = 2000,           /* a longer query is stopped: ERR_TIMEOUT */
    AWAY_MS = 1000,                 /* after a failure to connect, nobody tries for so long */
    READER_NAMES_MAX = 4096,        /* remembered; half of the slots */
    READER_NAME_BYTES_MAX = 1 << 20,
    READER_NAMES_AHEAD = 1024,
    CHAINS_CACHED = 8,
    CHAIN_CACHE_BYTES_MAX = 16 << 20
};

enum read_statement {
    READ_NAME, READ_NAME_ID, READ_NAMES, READ_CHAIN, READ_FLOOR,
    READ_STATEMENTS
};

/* The first of a chain's blocks, decompressed one behind another. */
struct chain_cache {
    uint64_t first, count; /* block numbers; count 0: empty slot */
    size_t starts[CHAIN_BLOCKS_MAX + 1];
    uint64_t hash; /* of these blocks as they are stored */
    struct buf raw;
    uint64_t used_at;
};

struct store_reader {
    struct store *store;
    struct database db; /* opened at the first call */
    struct statement *statements[READ_STATEMENTS];
    struct {
        int64_t id;
        struct str text;
    } names[READER_NAMES_MAX * 2];
    size_t name_count;
    struct arena name_bytes;
    size_t name_bytes_len;
    struct chain_cache chains[CHAINS_CACHED];
    struct chain_reader decoder;
    struct chain_cache *decoding; /* the chain that `decoder` can go on with; NULL: none */
    struct found found[FOUND_TEXTS];
    int64_t rows_per_ms; /* that were looked at last; 0: none yet */
    enum err name_err; /* a name, or what else a question depends on, could not be read since reader_begin() */
    uint64_t floor; /* blocks before this one were gone when this was looked at */
    bool has_asked_floor; /* reader_begin() has; nobody has looked at the answer yet */
    uint64_t clock; /* counts uses of chains */
    bool is_patient; /* no limit of time counts: READ_, STORE_COUNT_, STORE_LIST_MS */
};

/* Opens if need be and starts the time limit; before every use of the connection. `floor` is asked
 * for: the answer comes with that to the next question. */
enum err reader_begin(struct store_reader *r, struct fail *f) MUST_CHECK;
/* Likewise, to go on with a question: `floor` is not asked for, nor which names hold a text again. */
enum err reader_go_on(struct store_reader *r, struct fail *f) MUST_CHECK;
/* After it: `err`, or that a name could not be read since, which makes any answer a wrong one. */
enum err reader_end(const struct store_reader *r, enum err err, struct fail *f) MUST_CHECK;
/* The first block that is still there, as of reader_begin(). */
uint64_t reader_floor(struct store_reader *r);
/* Sets `floor` to what it is now. */
enum err reader_look_at_floor(struct store_reader *r, struct fail *f) MUST_CHECK;
/* The text of a name: valid until reader_names_trim(). Empty for 0 and for what is missing. */
struct str reader_name(struct store_reader *r, int64_t id);
void reader_names_trim(struct store_reader *r); /* between rows: forgets all when there are many */
/* Looks up the names in the columns `at` of all rows of `q`, which has come to its first one, with one
 * question, where one for each would be a way to a server and back. READER_NAMES_AHEAD at most. */
void reader_names_ahead(struct store_reader *r, struct statement *q, const int *at,
                        size_t count);
void reader_rows_ahead(struct store_reader *r, struct statement *q); /* those reader_row() reads */
/* The number of a shared name; 0 when there is none. */
int64_t reader_name_id(struct store_reader *r, struct str text);

/* "col, col, …" of `requests`: the id and what reader_row() reads; how many they are. */
#define COLUMN(name, kind, member) +1
enum {
    READER_COLUMNS = 2
#include "store/columns.def"
};
#undef COLUMN
extern const char reader_columns[];
/* "SELECT those columns, detail_block, detail_offset, detail_len FROM requests" */
extern const char reader_select[];
void reader_row(struct store_reader *r, struct statement *q, struct record *row);

/* Appends stored bytes to `out`. ERR_GONE when the block was too old to be kept, ERR_CORRUPT when
 * it is missing or damaged. Fits recipe_load. */
enum err reader_load(void *reader, struct piece_at at, struct buf *out) MUST_CHECK;
/* This block is damaged: what is recorded from now on must not need it, nor what follows in its
 * chain, or it would be lost, too. */
void reader_leave_behind(struct store_reader *r, uint64_t block);
struct detail;
/* What is stored at `at`, where a row says; strings in `arena`, detail_release() afterwards. Errors
 * as of reader_load(). */
enum err reader_detail(struct store_reader *r, struct piece_at at, struct arena *arena,
                       struct detail *d, struct fail *f) MUST_CHECK;
/* Appends the answer's body as it was relayed. Errors as of reader_load(). */
enum err reader_answer(struct store_reader *r, const struct detail *d, struct buf *out) MUST_CHECK;
/* Appends what the ranges hold. Errors as of reader_load(). */
enum err reader_load_all(struct store_reader *r, const struct recipe *from,
                         struct buf *out) MUST_CHECK;
void reader_blocks_release(struct store_reader *r); /* they are decoded again when they are needed */

#endif

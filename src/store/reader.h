/*
 * reader.h — a read-only connection with what it remembers: names by number, decoded blocks.
 */
#ifndef STORE_READER_H
#define STORE_READER_H

#include "record/chain.h"
#include "record/recipe.h"
#include "store/database.h"
#include "store/store_private.h"

enum {
    READ_LIMIT_MS = 2000,           /* a longer query is stopped: ERR_TIMEOUT */
    AWAY_MS = 1000,                 /* after a failure to connect, nobody tries for so long */
    READER_NAMES_MAX = 4096,        /* remembered; half of the slots */
    READER_NAME_BYTES_MAX = 1 << 20,
    READER_FOUND_MAX = 128,
    CHAINS_CACHED = 8,
    CHAIN_CACHE_BYTES_MAX = 16 << 20
};

enum read_statement {
    READ_NAME, READ_NAME_ID, READ_BLOCK_CHAIN, READ_CHAIN, READ_FLOOR,
    READ_STATEMENTS
};

/* A chain's blocks, decompressed one behind another. */
struct chain_cache {
    uint64_t first, count; /* block numbers; count 0: empty slot */
    size_t starts[CHAIN_BLOCKS_MAX + 1];
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
    struct {
        bool is_known, are_many;
        uint64_t known_ns; /* when they were looked up */
        size_t len;
        char text[128]; /* looked for; a longer one is looked up each time */
        int64_t ids[READER_FOUND_MAX];
        size_t count;
    } found; /* names that hold the text which is looked for; until reader_begin() */
    enum err name_err; /* a name could not be read, since reader_begin() */
    uint64_t floor; /* blocks before this one were gone when this was looked at */
    uint64_t clock; /* counts uses of chains */
    bool is_patient; /* no limit of time counts: READ_, STORE_COUNT_, STORE_LIST_MS */
};

/* Opens if need be and starts the time limit; before every use of the connection. */
enum err reader_begin(struct store_reader *r, struct fail *f) MUST_CHECK;
/* Likewise, where the same was asked a moment ago: which names hold the text is not looked up again. */
enum err reader_go_on(struct store_reader *r, struct str text, struct fail *f) MUST_CHECK;
/* Sets `floor`; reader_begin() has done so. */
enum err reader_look_at_floor(struct store_reader *r, struct fail *f) MUST_CHECK;
/* The text of a name: valid until reader_names_trim(). Empty for 0 and for what is missing. */
struct str reader_name(struct store_reader *r, int64_t id);
void reader_names_trim(struct store_reader *r); /* between rows: forgets all when there are many */
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
void reader_blocks_release(struct store_reader *r);

#endif

/*
 * search_file.h — one generation of the search index: a SQLite file of its own, beside the store's.
 *
 * Every unique text (by kind and a keyed hash) stands in it once: its words in an FTS5 table, and
 * itself, compressed with its neighbours, so that a match can be shown and the text taken out
 * again. A visit is a request that brought new texts, or texts that its thread (session and agent)
 * had not sent before. All of it can be made anew from the store.
 *
 *     texts   what was said; `visit` is the first request that said it
 *     seen    which other threads said it too, and in which request first
 *     again   threads of which a request was forgotten: those after it are to be read once more
 *     found   words, and tags: kind, tool, and session, agent and model of the first visit. Where in
 *             a text a word stands is not kept, it would be two thirds of it: phrases are looked for
 *             in the text itself
 */
#ifndef STORE_SEARCH_FILE_H
#define STORE_SEARCH_FILE_H

#include "record/record.h"
#include "record/text.h"
#include "store/database.h"

enum {
    CHUNK_RAW_BYTES = 96 << 10,      /* texts compressed together; a longer one by itself */
};

enum file_statement {
    FILE_NAME, FILE_ADD_NAME, FILE_THREAD, FILE_ADD_THREAD, FILE_KEY, FILE_ADD_KEY, FILE_DROP_KEY,
    FILE_ADD_TEXT, FILE_ADD_FOUND, FILE_DROP_FOUND, FILE_ADD_VISIT, FILE_ADD_SEEN, FILE_ADD_CHUNK,
    FILE_TEXT, FILE_VISIT, FILE_CHUNK_ROOM, FILE_CHUNK, FILE_NOTE, FILE_VISITS_OF, FILE_TEXTS_OF, FILE_GIFTS_OF,
    FILE_NEXT_SEEN, FILE_DROP_SEEN_OF, FILE_MOVE_TEXT, FILE_DROP_TEXT, FILE_SET_CHUNK,
    FILE_DROP_CHUNK, FILE_DROP_VISIT, FILE_NAME_TEXT, FILE_FIND, FILE_FIND_ONE, FILE_RANGE,
    FILE_SET_CURSOR, FILE_SEEN_BY_THREAD, FILE_SEEN_BY_TIME, FILE_ADD_AGAIN, FILE_AGAIN, FILE_SET_AGAIN,
    FILE_DROP_AGAIN, FILE_VISITS_AFTER, FILE_STATEMENTS
};

/* Where the reading of the store has come to: rows by where their details are, for each range of
 * block numbers that a writer has had for itself (search_ranges.c). */
struct search_cursor {
    int64_t range; /* its first block */
    uint64_t block;
    uint32_t offset;
    bool is_done; /* nothing comes there any more */
};

/* What is counted in the file; times in microseconds since 1970, 0: none. */
struct search_about {
    int64_t begun_us, first_us, last_us; /* made; oldest and newest request in it */
    int64_t requests, texts, text_bytes; /* read so far */
    int64_t erased; /* of totals.erased in the store: what has been forgotten here, in all files */
};

/* The request that is being read. */
struct search_visit {
    int64_t id, thread, session, agent, model; /* names' numbers; 0: none */
    int64_t first_text, text_count;
    struct uuid request;
    int64_t started_us;
    bool is_needed; /* something refers to it */
    bool is_first;  /* of its thread, in this file */
};

struct search_file {
    struct database db;
    struct statement *statements[FILE_STATEMENTS]; /* prepared when first used */
    struct str secret; /* keys the hashes of texts; borrowed */
    struct search_about about; /* of the transaction, where one is open */
    struct search_cursor cursor; /* the one that moves in the transaction; block 0: none does */
    int64_t next_text, next_visit, next_chunk;
    struct search_visit visit;
    struct buf chunk, packed; /* texts that wait to be compressed; scratch */
    int64_t chunk_texts;
    bool is_reopened; /* `chunk` began in an earlier commit */
};

/* Makes the file if need be. ERR_CONFIG: it is of another make, and should be made anew. */
enum err search_file_open(struct search_file *g, const char *path, bool writes, struct str secret,
                          struct fail *f) MUST_CHECK;
void search_file_close(struct search_file *g);

enum err search_file_begin(struct search_file *g, struct fail *f) MUST_CHECK;
/* Writes down g->about and g->cursor with the rest. After a failure: search_file_close(). */
enum err search_file_commit(struct search_file *g, struct fail *f) MUST_CHECK;

/* Merges some of what commits have left of words, outside of transactions; `*more`: there may be
 * more to merge. Two of a size are merged, so that half as many bytes again are never there. */
enum err search_file_merge(struct search_file *g, bool *more, struct fail *f) MUST_CHECK;

enum err search_file_set_cursor(struct search_file *g, const struct search_cursor *c,
                                struct fail *f) MUST_CHECK;
/* All of them, in the order of ranges; *out is malloc'ed. */
enum err search_file_cursors(struct search_file *g, struct search_cursor **out, size_t *count,
                             struct fail *f) MUST_CHECK;

/* In a transaction, for each request: its beginning, its texts, its end. */
enum err search_file_request(struct search_file *g, const struct record *r,
                             struct fail *f) MUST_CHECK;
enum err search_file_text(struct search_file *g, const struct text *text,
                          struct fail *f) MUST_CHECK;
enum err search_file_end(struct search_file *g, struct fail *f) MUST_CHECK;

/* In a transaction: takes out what only this request said (search_forget.c). */
enum err search_file_forget(struct search_file *g, const struct uuid *request,
                            struct fail *f) MUST_CHECK;

/* --- for the files that read or change it --- */

enum err search_file_prepare(struct search_file *g, enum file_statement which,
                             struct statement **out, struct fail *f) MUST_CHECK;
/* A name's number; 0 when it is empty or not there. */
enum err search_file_name(struct search_file *g, struct str text, int64_t *id,
                          struct fail *f) MUST_CHECK;

struct search_text { /* a row of `texts` */
    int64_t id, kind, tool, visit, chunk, offset, len;
};
enum err search_file_find_text(struct search_file *g, int64_t id, struct search_text *out,
                               struct fail *f) MUST_CHECK;
enum err search_file_find_visit(struct search_file *g, int64_t id, struct search_visit *out,
                                struct fail *f) MUST_CHECK;
/* Decompresses a chunk into `out`. */
enum err search_file_load(struct search_file *g, int64_t chunk, struct buf *out,
                          struct fail *f) MUST_CHECK;
/* `which`: FILE_ADD_FOUND or FILE_DROP_FOUND; the latter needs what was added. */
enum err search_file_change_words(struct search_file *g, enum file_statement which,
                                  const struct search_text *t, const struct search_visit *v,
                                  struct str content, struct fail *f) MUST_CHECK;
/* Tells texts apart. That two of a file's five million have the same is less likely than one in a
 * million; the second would not be found. */
int64_t search_text_key(const struct search_file *g, enum text_kind kind, struct str content);
/* Compresses `raw` into g->packed. */
enum err search_file_pack(struct search_file *g, struct str raw, struct fail *f) MUST_CHECK;

#endif

/*
 * search_private.h — what the search's own files share.
 */
#ifndef STORE_SEARCH_PRIVATE_H
#define STORE_SEARCH_PRIVATE_H

#include <uv.h>

#include "store/reader.h"
#include "store/search.h"
#include "store/search_file.h"

enum { SEARCH_PATH_MAX = 4096 };

/* Who asks: its own read-only connections, kept for the next question. */
struct searcher {
    struct searcher *next;
    struct {
        int64_t number;
        struct search_file *file; /* stays where it is: its statements know its address */
    } *files; /* open ones */
    size_t count, cap;
};

struct search {
    struct store *store;
    char *dir;
    uv_mutex_t writing; /* held through every use of what follows, up to `list` */
    bool is_open;       /* `current` is */
    struct search_file current;
    struct store_reader *reader;
    struct arena arena;
    struct text_reader texts;
    struct buf bytes, body, decoded; /* scratch */
    size_t range; /* the one that was read last */
    uint64_t news_ns;   /* when something new was there; 0: nothing since it was settled */
    bool is_unsettled; /* free pages wait to be given back */
    bool is_unmerged;  /* and words to be merged; not for what was forgotten: the disk may be full */
    bool knows_ranges; /* has asked for them since it found nothing new */
    bool has_again;     /* something is to be read once more (search_again.c) */
    uint64_t forgot_ns; /* when something was forgotten last */
    uint64_t again_ns;  /* so long after that it is begun */
    struct search_sweep {
        bool is_running;
        uint64_t begun_ns, next_ns; /* monotonic: of this look, and of the next */
        int64_t erased;     /* more than was known when it began */
        int64_t file, visit; /* the last one that was looked at */
    } sweep;
    int64_t failures, skipped, logged_ns;
    enum err add_err; /* of the request being read */
    struct fail add_fail;

    uv_mutex_t listing; /* guards what follows; never held long */
    struct {
        int64_t number; /* ascending; the last one is being written */
        struct search_about about;
    } list[SEARCH_FILES_MAX];
    size_t list_count;
    struct search_cursor *cursors; /* of the newest file */
    size_t cursor_count;
    bool is_listed;
    int64_t shown_failures, shown_skipped;
    struct searcher *idle;
    uint64_t look_ns; /* SEARCH_LOOK_MS */
};

/* "<dir>/000007.db" */
void search_path(const struct search *x, int64_t number, char out[SEARCH_PATH_MAX]);
/* Finds the files that are there, once. ERR_DATABASE_AWAY: before the store has been reached nobody
 * knows whether they are its own. */
enum err search_list(struct search *x, struct fail *f) MUST_CHECK;
/* search_ranges.c: looks for ranges of block numbers that are new, or have come to their end. With
 * `writing` held. */
enum err search_learn_ranges(struct search *x, struct fail *f) MUST_CHECK;
/* The rows after the cursor, for "… FROM requests WHERE": binds three marks from `at` on. */
extern const char search_after_cursor[];
void search_bind_cursor(const struct search *x, struct statement *q, int at,
                        const struct search_cursor *c);
/* Deletes a file and its companions. */
void search_remove(const struct search *x, int64_t number);

enum { SEARCH_ROWS_MAX = 32 }; /* looked up at a time */
struct search_row {
    struct record record; /* strings in the arena of the rows */
    struct piece_at detail;
};
/* The answer to reader_select; frees the question. */
enum err search_take_rows(struct search *x, struct statement *q, struct arena *arena,
                          struct search_row rows[SEARCH_ROWS_MAX], size_t *count,
                          struct fail *f) MUST_CHECK;
/* In a transaction: adds what the request and its answer said. Bodies that cannot be read are passed
 * over; anything else is tried again. `is_whole`: also what the requests before it held. */
enum err search_index_row(struct search *x, const struct search_row *row, bool is_whole,
                          struct fail *f) MUST_CHECK;

/* search_again.c, in a transaction: what came after the request in its thread is to be read once
 * more. */
enum err search_note_again(struct search_file *g, const struct search_gone *r,
                           struct fail *f) MUST_CHECK;
bool search_has_again(struct search_file *g);
/* For SEARCH_STEP_MS, with `writing` held. */
enum err search_read_again(struct search *x, struct fail *f) MUST_CHECK;

/* The same as search_forget(), with `writing` held. */
enum err search_forget_here(struct search *x, const struct search_gone *requests, size_t count,
                            struct fail *f) MUST_CHECK;
/* search_sweep.c, with `writing` held: forgets some of what others have deleted. `*is_busy`: there may
 * be more to do at once. */
enum err search_sweep(struct search *x, bool *is_busy, struct fail *f) MUST_CHECK;

/* search_read.c: tells x->texts what may be new in the request and its answer, or, `is_whole`, all
 * that they said; the reader has begun. ERR_CORRUPT: its bodies cannot be read; ERR_GONE. */
enum err search_read(struct search *x, struct piece_at detail, const struct record *row,
                     bool is_whole) MUST_CHECK;

void searcher_free(struct searcher *s);

#endif

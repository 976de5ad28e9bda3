/*
 * search.h — full-text search over every unique text of the store: user, assistant, thinking, tool
 * inputs and results, system prompts, tools.
 *
 * The index is made from what the store has, later and on another thread than recording; it lives
 * in files of its own (search_file.h) and can be thrown away: it is then made again. A text is
 * indexed once, under the request that said it first; that other sessions and agents said it too
 * is remembered, so that it is found under each of them.
 *
 * Files are begun anew after SEARCH_FILE_TEXT_BYTES of text or SEARCH_FILE_DAYS: old ones are
 * dropped whole.
 */
#ifndef STORE_SEARCH_H
#define STORE_SEARCH_H

#include "record/text.h"
#include "store/search_snippet.h"
#include "store/store.h"

enum {
    SEARCH_FILE_TEXT_BYTES = 256 << 20,
    SEARCH_FILE_DAYS = 31,
    SEARCH_FILES_MAX = 512, /* the oldest one goes when there would be more */
    SEARCH_STEP_MS = 100,   /* a step begins no other request after this */
    SEARCH_LIMIT_MS = 1500, /* a question that takes longer is answered with what was found */
    SEARCH_LOOK_MS = 20,    /* texts are looked into for phrases; then a page ends, however short */
    SEARCH_BODY_MAX = 40 << 20,
};

struct search;

/* `dir`: made when missing. Nothing is opened yet. */
struct search *search_new(struct store *store, const char *dir);
void search_free(struct search *x);

/* A chore (index/chores.h): indexes some more requests. */
uint64_t search_step(void *search);

struct search_counters {
    int64_t indexed;    /* requests read, of those whose files are still there */
    int64_t waiting;    /* requests not read yet; SEARCH_WAITING_MAX: that many or more */
    int64_t skipped;    /* requests since start whose bodies could not be read */
    int64_t failures;   /* steps since start that failed and are tried again */
    int64_t texts, text_bytes;
    int64_t files, file_bytes;
};
enum { SEARCH_WAITING_MAX = 10000 };
/* Any thread. */
enum err search_count(struct search *x, struct store_reader *r, struct search_counters *out,
                      struct fail *f) MUST_CHECK;

/* --- asking --- */

/* Where a page ends: texts before this one follow. Zeros: the beginning. */
struct search_place {
    int64_t file, text;
};

/* Empty strings and zeros mean "any". */
struct search_ask {
    struct str question;           /* see search_terms.h */
    struct str session_id, agent_id /* "main" means none */, tool, model;
    bool has_kind;
    enum text_kind kind;
    int64_t start_us, end_us; /* of the request, [start, end) */
    struct search_place before;
    int limit;                /* 1 to FILTER_LIMIT_MAX */
};

struct search_hit {
    struct record row; /* of the first request that said it, under this filter */
    enum text_kind kind;
    struct str tool;
    struct snippet snippet;
    struct search_place place;
};
typedef void search_hit_fn(const struct search_hit *hit, void *owner); /* strings in the arena */

struct search_end {
    bool has_more;     /* there is a next page, from `next` on */
    bool is_complete;  /* false: time ran out; where there is more, the next page goes on from there */
    struct search_place next;
};

/* Any thread. Texts that were indexed last come first. A question without a word finds nothing. */
enum err search_find(struct search *x, struct store_reader *r, const struct search_ask *ask,
                     struct arena *arena, search_hit_fn *on_hit, void *owner,
                     struct search_end *end, struct fail *f) MUST_CHECK;

/* --- forgetting --- */

struct search_gone {
    struct uuid id;
    struct str session_id, agent_id; /* empty: none */
    int64_t conversation;            /* 0: none */
};
/* Any thread. Takes out what these requests said and no other session or agent did. What is taken
 * is gone when it returns, though the store may have these requests still. When nothing has been
 * forgotten for a while, what came after them in their session is read once more: it may have said
 * the same. */
enum err search_forget(struct search *x, const struct search_gone *requests, size_t count,
                       struct fail *f) MUST_CHECK;
/* Any thread. So many rows were deleted from the store, and their requests forgotten here. What other
 * proxies delete from a store that is shared is found by looking (search_sweep.c). */
void search_note_erased(struct search *x, int64_t rows);
/* Any thread. Drops the files in which every request began before this time; returns how many. */
int search_drop_before(struct search *x, int64_t before_us);

#endif

/*
 * store_transcripts.h — keeping where the lines of transcripts stand and how they hang together.
 * What stands in them stays in their files.
 */
#ifndef STORE_STORE_TRANSCRIPTS_H
#define STORE_STORE_TRANSCRIPTS_H

#include "record/transcript.h"
#include "store/store_threads.h"

enum {
    TRANSCRIPT_REQUESTS_MAX = 20000, /* request ids of one session that are looked at */
    TRANSCRIPT_DROP_EVENTS = 2000,   /* forgotten in one step */
    TRANSCRIPT_TIES_MAX = 100        /* see store_transcripts() */
};

/* --- the chores' thread; each call is one short transaction --- */

/* `place`: which folder of which machine; with it a path names a file. Numbers above 0. */
int64_t store_transcript_id(const struct store *s, struct str place, struct str path);
/* Keeps the file as it is now, in place of how it was, and further events of it. */
enum err store_put_transcript(struct store *s, struct str place, const struct transcript_file *file,
                              const struct transcript_event *events, size_t count,
                              struct fail *f) MUST_CHECK;
/* Forgets a file, its events first. False in `*more`: nothing is left of it. */
enum err store_drop_transcript(struct store *s, int64_t id, bool *more, struct fail *f) MUST_CHECK;

/* --- reading --- */

typedef void store_transcript_fn(const struct transcript_file *file, void *owner);
typedef void store_event_fn(const struct transcript_event *event, void *owner);

/* All of one place: numbers, sizes and times only, the strings are empty. ERR_DATABASE_AWAY while
 * the store has never been reached. */
enum err store_each_transcript(struct store_reader *r, struct str place, store_transcript_fn *fn,
                               void *owner, struct fail *f) MUST_CHECK;
/* Newest activity first, those without a time last. Times have whole milliseconds: behind the
 * limit come those of the same time as the last one, so that the next page misses none. `filter`:
 * session_id, agent_id, project, q, start_us, end_us, before_us. */
enum err store_transcripts(struct store_reader *r, const struct thread_filter *filter, int limit,
                           store_transcript_fn *fn, void *owner, struct fail *f) MUST_CHECK;
/* Strings live in `arena`. `*is_here`: it is of this place. ERR_NOT_FOUND. */
enum err store_transcript(struct store_reader *r, int64_t id, struct str place, struct arena *arena,
                          struct transcript_file *out, bool *is_here, struct fail *f) MUST_CHECK;
/* Events that begin at byte `from` or behind, in order. */
enum err store_transcript_events(struct store_reader *r, int64_t id, int64_t from, int limit,
                                 store_event_fn *fn, void *owner, struct fail *f) MUST_CHECK;
/* The provider's request ids that the transcripts of a session name; some may come twice. */
enum err store_transcript_requests(struct store_reader *r, struct str session_id,
                                   void (*fn)(struct str request_id, void *owner), void *owner,
                                   struct fail *f) MUST_CHECK;

#endif

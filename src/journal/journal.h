/*
 * journal.h — one loop's end of the journal: frames go into a segment file, once per loop turn.
 *
 * Each worker writes segments of its own, so nothing here is locked. A segment's name is
 * "<number, 16 hex digits>.seg" in <data_dir>/journal; numbers ascend over all workers and
 * starts. Who reads them: index/. Who deletes them: index/, when the store has committed.
 *
 * Adding only notes the bytes (they are not copied and must stay until the flush).
 * journal_flush() writes all of them with one system call.
 */
#ifndef JOURNAL_JOURNAL_H
#define JOURNAL_JOURNAL_H

#include "journal/frame.h"

struct journal;

/* Shared by all workers and the indexer: numbers of segments, and a bell. */
struct journal_dir;

/* Segments that another process brings, such as an import's, are laid complete into this folder of
 * the journal's; their numbers have this bit, so that they never meet those given here. */
#define JOURNAL_INCOMING "incoming"
#define SEGMENT_BROUGHT (UINT64_C(1) << 63)

/* Creates `path` (0700) if missing. `bell` is called from any worker's thread, after bytes have
 * been written; it must be cheap and must not block. */
enum err journal_dir_open(struct journal_dir **out, const char *path, void (*bell)(void *owner),
                          void *owner, struct fail *f) MUST_CHECK;
void journal_dir_close(struct journal_dir *d);
const struct uuid *journal_dir_boot(const struct journal_dir *d);

/* For the reader: how far segment `number` of this boot has been written, in bytes; and whether
 * its writer has gone on to another. False when no writer of this process has it open or had. */
bool journal_dir_progress(struct journal_dir *d, uint64_t number, uint64_t *bytes, bool *is_closed);
/* For the reader: the segment that was begun next after that of `*order`; 0: the first. A writer's next
 * one is behind its last, which is closed then; numbers of several writers come in any order. False:
 * there is none. */
bool journal_dir_next(struct journal_dir *d, uint64_t *order, uint64_t *number);
/* For the reader, when all of `number` is committed: asks its writer to go on to a new segment
 * at its next flush, so that this one can be deleted. */
void journal_dir_ask_rotate(struct journal_dir *d, uint64_t number);
/* For the reader, after it has moved or deleted `number`'s file. */
void journal_dir_forget(struct journal_dir *d, uint64_t number);
/* For the reader, who is done with `number`: deletes its file, or keeps it to be used again. */
void journal_dir_retire(struct journal_dir *d, uint64_t number);
/* When nothing has happened for a while: deletes the files kept to be used again. */
void journal_dir_rest(struct journal_dir *d);

struct journal *journal_new(struct journal_dir *d, uint32_t worker);
void journal_free(struct journal *j); /* flushes, closes its segment */

/* Frames added since the last flush? */
bool journal_is_dirty(const struct journal *j);
/* Notes a frame. `payload` is borrowed until journal_flush(); journal_add_copy() copies it. */
void journal_add(struct journal *j, struct frame *f);
void journal_add_copy(struct journal *j, struct frame *f);
/* Writes what was noted. On failure the frames since the last flush are lost and counted, and the journal goes on with a
 * new segment: recording may fail, the exchange may not. ENDs of exchanges whose BEGIN is in the
 * journal are not lost: they are kept, and written before anything else that can be. */
enum err journal_flush(struct journal *j) MUST_CHECK;
/* The same where the exchange does not begin unless the frame noted last can be written, which is its BEGIN:
 * if not, that is no loss, but a request that was refused. */
enum err journal_flush_or_refuse(struct journal *j) MUST_CHECK;
/* The number of the flush that will write what is noted now. */
uint64_t journal_turn(const struct journal *j);
/* Was what a former flush should have written lost? Long past outages are forgotten. */
bool journal_lost_turn(const struct journal *j, uint64_t turn);

/* Descriptors of what was written since the last call (segments, and the folder when it has a new
 * name), to be synced and closed by the caller. Gives how many. Only after
 * journal_keep_unsynced(). */
enum { JOURNAL_UNSYNCED_MAX = 8 };
size_t journal_take_unsynced(struct journal *j, int fds[JOURNAL_UNSYNCED_MAX]);
void journal_keep_unsynced(struct journal *j);
/* Goes on with a new segment at the next flush. */
void journal_rotate(struct journal *j);

/* Any thread: frames that could not be written since the start. */
uint64_t journal_lost_frames(const struct journal *j);

#endif

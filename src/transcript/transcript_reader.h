/*
 * transcript_reader.h — follows the transcripts that a client writes: a chore that looks through
 * their folder, and reads what is new in each file, a piece at a time.
 *
 * Which lines there are and how they hang together is handed to the store; texts stay where they
 * are. A file goes on where it was left; one that was replaced, cut or written anew is begun
 * again; the last line waits until it is whole; one that has gone is forgotten.
 */
#ifndef TRANSCRIPT_TRANSCRIPT_READER_H
#define TRANSCRIPT_TRANSCRIPT_READER_H

#include "base/err.h"
#include "record/transcript.h"

enum {
    TRANSCRIPT_FILES_MAX = 50000,     /* known at a time, 48 bytes each; others are not read */
    TRANSCRIPT_LINE_MAX = 16 << 20,   /* bytes; a longer line is passed over, and counted */
    TRANSCRIPT_PIECE_BYTES = 1 << 20, /* read in one step, unless a line is longer */
    TRANSCRIPT_EVENTS_MAX = 500,      /* handed on in one step */
    TRANSCRIPT_ENDS_BYTES = 1024      /* tell whether a file is still the same */
};

/* The store, as the reader needs it. All are called on the chores' thread. */
struct transcript_store {
    void *owner;
    /* The number of a path's file. */
    int64_t (*id_of)(void *owner, struct str path);
    /* All files that are known here. */
    enum err (*each)(void *owner, void (*fn)(const struct transcript_file *file, void *fn_owner),
                     void *fn_owner, struct fail *f);
    /* Strings come in `arena`. ERR_NOT_FOUND. */
    enum err (*find)(void *owner, int64_t id, struct arena *arena, struct transcript_file *out,
                     struct fail *f);
    /* Keeps the file as it is now, and further events of it. */
    enum err (*put)(void *owner, const struct transcript_file *file,
                    const struct transcript_event *events, size_t count, struct fail *f);
    /* Forgets a file, a part at a time. */
    enum err (*drop)(void *owner, int64_t id, bool *more, struct fail *f);
};

struct transcript_reader;

/* `folder`: its path; it need not be there yet. */
struct transcript_reader *transcript_reader_new(const struct transcript_store *store,
                                                const char *folder);
void transcript_reader_free(struct transcript_reader *r); /* NULL is fine */
/* A step of a chore (index/chores.h): nanoseconds until the next one is due. */
uint64_t transcript_reader_step(void *reader);

#endif

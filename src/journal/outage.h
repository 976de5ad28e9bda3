/*
 * outage.h — what a journal could not write: when that was, and the ENDs it still owes.
 *
 * An exchange whose BEGIN is written and whose END is not would seem to run for ever. So ENDs are
 * kept until they can be written; the frames between are missing, which their numbers show. An
 * exchange whose BEGIN is lost is lost as a whole.
 */
#ifndef JOURNAL_OUTAGE_H
#define JOURNAL_OUTAGE_H

#include <sys/uio.h>

#include "journal/frame.h"

enum {
    OUTAGE_OWED_BYTES_MAX = 1 << 20, /* some thousand ENDs; more of them are lost */
    OUTAGE_GAPS_MAX = 64             /* those before are forgotten */
};

struct outage {
    struct gap {
        uint64_t first, last; /* flushes, by number, that failed one after the other */
    } gaps[OUTAGE_GAPS_MAX];  /* a ring */
    size_t gap_count;
    struct buf owed; /* END frames, as they are to be written */
    uint64_t owed_count;
};

void outage_init(struct outage *o);
void outage_release(struct outage *o);

struct outage_loss {
    uint64_t frames, begins; /* gone; BEGINs among them */
};
/* Flush `turn` failed. `parts`: each frame's head, and its payload where it has one. */
struct outage_loss outage_note(struct outage *o, uint64_t turn, const struct iovec *parts,
                               size_t part_count);
/* Has what flush `turn` should have written been lost? */
bool outage_covers(const struct outage *o, uint64_t turn);
void outage_paid(struct outage *o); /* what is owed has been written */

#endif

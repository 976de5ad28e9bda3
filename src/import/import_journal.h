/*
 * import_journal.h — imported exchanges as frames of a journal: from there they go the way of live
 * traffic.
 */
#ifndef IMPORT_IMPORT_JOURNAL_H
#define IMPORT_IMPORT_JOURNAL_H

#include "journal/journal.h"
#include "record/exchange_copy.h"

/* Writes all frames of one exchange at once: all of them are there, or none. ERR_IO: none. */
enum err import_journal_put(struct journal *j, const struct exchange_copy *x,
                            struct fail *f) MUST_CHECK;

#endif

/*
 * journal_lag.h — how much of a journal has come since its store's last commit, for who looks from
 * outside while another process writes both.
 */
#ifndef INDEX_JOURNAL_LAG_H
#define INDEX_JOURNAL_LAG_H

#include "base/err.h"
#include "base/str.h"

/* Bytes of whole frames behind the store's marks (journal_marks.h); no marks: of all frames. `path`:
 * the journal's folder; nothing in it is changed. ERR_IO when it cannot be read. */
enum err journal_lag(const char *path, struct str marks, uint64_t *bytes,
                     struct fail *f) MUST_CHECK;

#endif

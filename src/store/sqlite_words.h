/*
 * sqlite_words.h — the words of record/words.h as a tokenizer of FTS5, by the name "words".
 */
#ifndef STORE_SQLITE_WORDS_H
#define STORE_SQLITE_WORDS_H

#include "store/database.h"

/* For this connection. ERR_UNSUPPORTED… when this SQLite was built without FTS5. */
enum err sqlite_words_add(struct database *d, struct fail *f) MUST_CHECK;

#endif

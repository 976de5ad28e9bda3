/*
 * sqlite_words.h — the words of record/words.h, and tags, as a tokenizer of FTS5, by the name "words".
 */
#ifndef STORE_SQLITE_WORDS_H
#define STORE_SQLITE_WORDS_H

#include "store/database.h"

/* Begins a tag: "\1k1\1s3" is two words, which no text holds. A text begins with no such mark. */
#define WORDS_TAG "\x01"

/* For this connection. ERR_UNSUPPORTED… when this SQLite was built without FTS5. */
enum err sqlite_words_add(struct database *d, struct fail *f) MUST_CHECK;

#endif

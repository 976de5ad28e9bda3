/*
 * postgres_news.h — what proxies on one database tell each other: which rows are new.
 *
 * A commit ends with NOTIFY: who told it, and the rows' ids. Who listens reads those rows. A
 * notification has less than 8000 bytes (PostgreSQL's documentation, NOTIFY), so a large batch
 * sends some.
 */
#ifndef STORE_POSTGRES_NEWS_H
#define STORE_POSTGRES_NEWS_H

#include "store/store_private.h"

enum { NEWS_IDS_MAX = 240, NEWS_TEXT = 8 + NEWS_IDS_MAX * 32 + 1 };

extern const char news_sql[]; /* sends one; its mark is the text */

/* Writes the ids of rows from `row` on that were new, as far as they fit; empty when there are
 * none. Returns the row to go on with. */
size_t news_write(char out[NEWS_TEXT], const char *token, const struct batch *b,
                  const struct written *w, size_t row);

enum err news_start(struct store *s, const struct store_listener *l, struct fail *f) MUST_CHECK;
void news_stop(struct store *s);

#endif

/*
 * sqlite_words.c — the words of record/words.h, and tags, as a tokenizer of FTS5.
 */
#include "store/sqlite_words.h"

#include <sqlite3.h>

#include "record/words.h"

static int create(void *context, const char **args, int count, Fts5Tokenizer **out)
{
    static char one; /* there is nothing to remember */
    (void)context, (void)args, (void)count;
    *out = (Fts5Tokenizer *)(void *)&one;
    return SQLITE_OK;
}

static void delete(Fts5Tokenizer *tokenizer)
{
    (void)tokenizer;
}

struct telling {
    void *context;
    int (*token)(void *context, int flags, const char *text, int len, int start, int end);
    int code;
};

static bool tell(const struct word *w, void *owner)
{
    struct telling *t = owner;
    t->code = t->token(t->context, w->is_whole ? FTS5_TOKEN_COLOCATED : 0, w->text.ptr,
                       (int)w->text.len, (int)w->start, (int)w->end);
    return t->code == SQLITE_OK;
}

/* What follows each mark, with it. */
static void tell_tags(struct telling *t, struct str tags)
{
    while (tags.len && t->code == SQLITE_OK) {
        struct str rest = str_from(tags, 1);
        size_t len = 1 + str_find(rest, WORDS_TAG[0]);
        len = MIN_OF(len, tags.len);
        t->code = t->token(t->context, 0, tags.ptr, (int)len, 0, (int)len);
        tags = str_from(tags, len);
    }
}

static int tokenize(Fts5Tokenizer *tokenizer, void *context, int flags, const char *text, int len,
                    int (*token)(void *, int, const char *, int, int, int))
{
    (void)tokenizer, (void)flags;
    struct telling t = {context, token, SQLITE_OK};
    struct str bytes = str_make(text, len > 0 ? (size_t)len : 0);
    if (str_starts(bytes, STR(WORDS_TAG)))
        tell_tags(&t, bytes);
    else
        words_each(bytes, tell, &t);
    return t.code;
}

static fts5_api *find_api(sqlite3 *handle)
{
    fts5_api *api = NULL;
    sqlite3_stmt *q;
    if (sqlite3_prepare_v2(handle, "SELECT fts5(?1)", -1, &q, NULL) != SQLITE_OK)
        return NULL;
    sqlite3_bind_pointer(q, 1, &api, "fts5_api_ptr", NULL);
    sqlite3_step(q);
    sqlite3_finalize(q);
    return api;
}

enum err sqlite_words_add(struct database *d, struct fail *f)
{
    static fts5_tokenizer words = {create, delete, tokenize};
    fts5_api *api = find_api(d->connection);
    if (!api)
        return fail(f, ERR_NOT_IMPLEMENTED, "this SQLite has no full-text search (FTS5)");
    if (api->xCreateTokenizer(api, "words", NULL, &words, NULL) != SQLITE_OK)
        return fail(f, ERR_INTERNAL, "FTS5 takes no tokenizer");
    return ERR_OK;
}

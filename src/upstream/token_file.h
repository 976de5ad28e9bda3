/*
 * token_file.h — where a user's own Claude token stands: the file that Claude Code keeps its login
 * in, or one that holds just a token. Knows nothing of asking for a new one.
 */
#ifndef UPSTREAM_TOKEN_FILE_H
#define UPSTREAM_TOKEN_FILE_H

#include "base/err.h"
#include "base/str.h"

enum { TOKEN_MAX = 4096 /* bytes of one token */, TOKEN_FILE_MAX = 256 * 1024 };

struct token_set {
    char access[TOKEN_MAX];
    char refresh[TOKEN_MAX]; /* empty: it cannot be renewed */
    int64_t expires_ms;      /* wall clock; 0: not known */
};

/* Is it fit for a header, and not too long? */
bool token_is_plain(struct str text);
/* ERR_NOT_FOUND, ERR_IO, ERR_BAD_REQUEST (neither form); `f` names the file, never what is in it. */
enum err token_file_read(const char *path, struct token_set *out, struct fail *f) MUST_CHECK;
/* Puts a renewed set in the place of the old one, at once and with the file's mode; all else that the
 * file holds stays. */
enum err token_file_write(const char *path, const struct token_set *set, struct fail *f) MUST_CHECK;

#endif

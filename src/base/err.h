/*
 * err.h — the one list of ways to fail, and the note that says which case it was.
 *
 * Fallible functions return `enum err`; ERR_OK is 0. The first failure noted in a
 * `struct fail` is the cause: later ones do not overwrite it.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/base.h"

enum err {
#define ERROR(name, status, type, code, text) ERR_##name,
#include "base/err.def"
#undef ERROR
    ERR_COUNT
};

struct fail {
    enum err code;    /* ERR_OK: nothing has failed */
    char detail[240]; /* what, where; for logs and for the client; never a secret */
};

/* Notes the first cause and returns `code`. `f` may be NULL. */
enum err fail(struct fail *f, enum err code, const char *format, ...) PRINTF_LIKE(3, 4);

const char *err_name(enum err code);   /* "UPSTREAM_TLS" */
int err_status(enum err code);         /* HTTP status for a client */
const char *err_type(enum err code);   /* Anthropic's error.type */
const char *err_code(enum err code);   /* our own API's error.code: "not_found" */
const char *err_public(enum err code); /* a sentence for a client */

#endif

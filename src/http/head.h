/*
 * head.h — the head of a request or an answer: its first line and its headers, as sent.
 *
 * Order and spelling of headers are kept. Strings are borrowed from the arena that the parser
 * was given.
 */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include "base/arena.h"
#include "base/str.h"

struct header {
    struct str name, value;
};

enum {
    HEAD_HEADERS_MAX = 100,
    HEAD_BYTES_MAX = 128 * 1024, /* of a whole head */
    HEAD_LINE_MAX = 64 * 1024,   /* of one header */
    HEAD_TARGET_MAX = 8192,
    HEAD_METHOD_MAX = 32
};

struct head {
    struct str method;  /* requests */
    struct str target;  /* requests, as sent: "/v1/messages?beta=true" */
    int status;         /* answers */
    struct str reason;  /* answers; may be empty */
    int version_minor;  /* HTTP/1.x */
    struct header *headers;
    size_t count;
    size_t cap;
};

/* The first header of this name, case ignored; STR_NONE when there is none. */
struct str head_get(const struct head *h, struct str name);
bool head_has(const struct head *h, struct str name);
size_t head_count(const struct head *h, struct str name);
/* Is `token` one of the comma-separated tokens of any header of this name? Case ignored. */
bool head_has_token(const struct head *h, struct str name, struct str token);
void head_add(struct head *h, struct arena *a, struct str name, struct str value);

#endif

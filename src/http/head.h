/*
 * head.h — the head of a request or an answer: its first line and its headers, as sent.
 *
 * Order and spelling of headers are kept. Strings are borrowed from the arena that the parser
 * was given. Names we act on are recognised once, when a header is added: afterwards they are
 * numbers.
 */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include "base/arena.h"
#include "base/str.h"

enum header_trait {
    HEADER_HOP = 1,  /* about one connection only (RFC 9110 §7.6.1) */
    HEADER_KEPT = 2, /* listing it in Connection does not make it disappear */
    HEADER_ONCE = 4, /* a request must not give it twice */
};

enum header_id {
    HEADER_OTHER = 0,
#define HEADER(NAME, name, traits) HEADER_##NAME,
#include "http/header_names.def"
#undef HEADER
    HEADER_IDS
};

enum header_id header_id_of(struct str name);
unsigned header_traits(enum header_id id); /* enum header_trait */

struct header {
    struct str name, value;
    enum header_id id;
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
    bool lists_hops;    /* Connection names other headers */
    struct header *headers;
    size_t count;
    size_t cap;
};

/* The first header of this name, case ignored; STR_NONE when there is none. */
struct str head_get(const struct head *h, struct str name);
struct str head_get_id(const struct head *h, enum header_id id);
bool head_has_id(const struct head *h, enum header_id id);
/* Is `token` one of the comma-separated tokens of any header `id`? Case ignored. */
bool head_has_token(const struct head *h, enum header_id id, struct str token);
/* Fills in what follows from names and values, when all headers are there. */
void head_recognise(struct head *h);
/* Adds without recognising: head_recognise() follows. */
void head_add(struct head *h, struct arena *a, struct str name, struct str value);

#endif

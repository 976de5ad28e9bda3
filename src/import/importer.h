/*
 * importer.h — reads files of recorded exchanges, ours and others', and hands each exchange on.
 *
 * Known by what they hold: our compact form, our JSON and JSONL, HTTP Archives, the JSONL of
 * claude-trace, the SQLite databases of seifghazi/claude-code-proxy and its forks. Nothing in a file
 * is trusted; what cannot be read is counted and named by line. Heads are masked on the way.
 */
#ifndef IMPORT_IMPORTER_H
#define IMPORT_IMPORTER_H

#include "record/exchange_copy.h"
#include "record/redact.h"

enum {
    IMPORT_LINE_MAX = 128 << 20,   /* bytes of a line, an array's element, a database's value */
    IMPORT_READ_BYTES = 256 << 10, /* of a file at a time */
    IMPORT_TEXT_MAX = 256 << 20    /* bytes of a body that is made out of a line */
};

/* Where exchanges go. Anything but ERR_OK from `put` ends the import. */
struct import_sink {
    void *owner;
    bool (*has)(void *owner, const struct uuid *id);
    enum err (*put)(void *owner, const struct exchange_copy *x, struct fail *f);
    /* Entry `number` of the file (a line, counted from 1) is left out, and why. */
    void (*complain)(void *owner, const char *unit, uint64_t number, const char *why);
};

struct import_counts {
    uint64_t imported;
    uint64_t known;   /* were there already */
    uint64_t foreign; /* whole, but no call of a model's API */
    uint64_t bad;     /* could not be read */
};

struct importer;

/* Both are borrowed. */
struct importer *importer_new(const struct import_sink *sink, struct redactor *redactor);
void importer_free(struct importer *m);
/* All of a file; "-": of standard input. ERR_PARSE: it is none of the kinds; ERR_CORRUPT: it breaks off or is damaged, what
 * came before has been handed on. */
enum err importer_read(struct importer *m, const char *path, struct fail *f) MUST_CHECK;
struct import_counts importer_counts(const struct importer *m);

#endif

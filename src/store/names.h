/*
 * names.h — texts that many rows repeat (models, paths, sessions, titles), each under a number.
 * The writing side; readers look up by number (reader.h).
 */
#ifndef STORE_NAMES_H
#define STORE_NAMES_H

#include "store/database.h"

enum {
    NAMES_CACHED = 4096, /* slots, a power of two */
    SECRET_BYTES = 192
};

struct names {
    struct database *db;
    struct statement *find, *add;
    const char *secret; /* 192 bytes, borrowed */
    bool is_hashed;     /* a name's number is its hash; else they are counted */
    int64_t next_id;
    struct {
        uint64_t hash;
        int64_t id; /* 0: empty slot */
    } cache[NAMES_CACHED];
};

enum err names_init(struct names *n, struct database *db, const char *secret, bool is_hashed,
                    struct fail *f) MUST_CHECK;
void names_release(struct names *n);
/* The number of `text`, given one if need be; 0 for an empty text. `is_shared` ones are looked
 * for in the table, the others only among those used of late. */
enum err names_id(struct names *n, struct str text, bool is_shared, int64_t *id,
                  struct fail *f) MUST_CHECK;
/* The number of a text where numbers are hashes: 62 keyed bits stand for it. */
int64_t names_hash(const char *secret, struct str text);
void names_forget(struct names *n); /* after a rollback */

#endif

/*
 * names.c — texts that many rows repeat, each under a number.
 */
#include "store/names.h"

#include <xxhash.h>

enum { WAYS = 2 };

enum err names_init(struct names *n, struct database *db, const char *secret, bool is_hashed,
                    struct fail *f)
{
    *n = (struct names){.db = db, .secret = secret, .is_hashed = is_hashed};
    enum err err = database_prepare(db, "SELECT id FROM names WHERE text = ?1 AND is_shared = 1",
                                    &n->find, f);
    if (!err) /* with hashes, another proxy may have been first */
        err = database_prepare(
            db, is_hashed ? "INSERT INTO names (id, is_shared, text) VALUES (?, ?, ?)"
                            " ON CONFLICT DO NOTHING"
                          : "INSERT INTO names (id, is_shared, text) VALUES (?, ?, ?)",
            &n->add, f);
    if (!err && !is_hashed)
        n->next_id = database_number(db, "SELECT max(id) FROM names", 0) + 1;
    return err;
}

void names_release(struct names *n)
{
    statement_free(n->find);
    statement_free(n->add);
    n->find = n->add = NULL;
}

void names_forget(struct names *n)
{
    memset(n->cache, 0, sizeof n->cache);
}

static enum err find(struct names *n, struct str text, int64_t *id, struct fail *f)
{
    enum err err = ERR_OK;
    bind_text(n->find, 1, text);
    if (statement_next(n->find, &err, f))
        *id = column_number(n->find, 0);
    statement_reset(n->find);
    return err;
}

static enum err add(struct names *n, struct str text, bool is_shared, int64_t id, struct fail *f)
{
    bind_number(n->add, 1, id);
    bind_number(n->add, 2, is_shared);
    bind_text(n->add, 3, text);
    return statement_queue(n->add, NULL, f);
}

/* Nobody outside can make two texts that meet. */
static uint64_t hash_of(const char *secret, struct str text)
{
    return XXH3_64bits_withSecret(text.ptr, text.len, secret, SECRET_BYTES);
}

int64_t names_hash(const char *secret, struct str text)
{
    return text.len ? (int64_t)(hash_of(secret, text) >> 1 | 1) : 0;
}

enum err names_id(struct names *n, struct str text, bool is_shared, int64_t *id, struct fail *f)
{
    *id = 0;
    if (!text.len)
        return ERR_OK;
    uint64_t hash = (hash_of(n->secret, text) & ~(uint64_t)1) | is_shared;
    size_t slot = (hash >> 1) & (NAMES_CACHED - WAYS);
    for (size_t i = slot; i < slot + WAYS; i++)
        if (n->cache[i].id && n->cache[i].hash == hash) {
            *id = n->cache[i].id;
            return ERR_OK;
        }
    enum err err = is_shared && !n->is_hashed ? find(n, text, id, f) : ERR_OK;
    if (!err && !*id) {
        *id = n->is_hashed ? names_hash(n->secret, text) : n->next_id++;
        err = add(n, text, is_shared, *id, f);
    }
    if (!err) {
        n->cache[slot + 1] = n->cache[slot];
        n->cache[slot].hash = hash;
        n->cache[slot].id = *id;
    }
    return err;
}

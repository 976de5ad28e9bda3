/*
 * storage.h — the store as configured, and as the indexer knows it; and both without a proxy, for
 * commands that read or fill what is recorded.
 */
#ifndef STORAGE_H
#define STORAGE_H

#include "config/config.h"
#include "data_dir.h"
#include "index/indexer.h"
#include "store/store.h"

/* Could a store be opened so, as far as can be said without trying, and requests be priced?
 * ERR_CONFIG. */
enum err storage_check(const struct config *cfg, struct fail *f) MUST_CHECK;
/* `d`: names us where others share the database. */
enum err storage_open_store(struct store **out, const struct config *cfg,
                            const struct data_dir *d, struct fail *f) MUST_CHECK;
/* The indexer knows the store only through this. */
struct index_store storage_glue(struct store *s);
/* Those that the program knows, and prices.own. ERR_CONFIG names the line that is wrong. */
enum err storage_prices(struct prices **out, const struct config *cfg, struct fail *f) MUST_CHECK;

/* What a process without a proxy holds. */
struct storage {
    struct data_dir data_dir;
    struct prices *prices;
    struct store *store;
    struct indexer *indexer; /* not started */
    bool is_data_open;
};

enum storage_damage { DAMAGE_SET_ASIDE, DAMAGE_STAYS };
/* ERR_BUSY: a proxy, or another such process, runs on this data folder; the detail names it.
 * ERR_CORRUPT: the database is damaged, and stays. */
enum err storage_open(struct storage *s, const struct config *cfg, enum storage_damage damage,
                      struct fail *f) MUST_CHECK;
void storage_close(struct storage *s); /* the indexer has stopped */
/* The name of this proxy, where it shares its database with others; else empty. */
void storage_node(const struct config *cfg, const struct data_dir *d, char out[NODE_TEXT]);
/* A store for readers only, beside whoever writes. */
enum err storage_open_beside(struct store **out, const struct config *cfg,
                             struct fail *f) MUST_CHECK;
/* Likewise; but where nobody writes, what an earlier process left in the journal is taken in first.
 * ERR_NOT_FOUND: nothing was ever recorded. */
enum err storage_open_to_read(struct store **out, const struct config *cfg,
                              struct fail *f) MUST_CHECK;

#endif

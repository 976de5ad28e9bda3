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

/* `d`: names us where others share the database. */
enum err storage_open_store(struct store **out, const struct config *cfg,
                            const struct data_dir *d, struct fail *f) MUST_CHECK;
/* The indexer knows the store only through this. */
struct index_store storage_glue(struct store *s);

/* What a process without a proxy holds. */
struct storage {
    struct data_dir data_dir;
    struct store *store;
    struct indexer *indexer; /* not started */
    bool is_data_open;
};

/* `journal_name`: of the folder, within the data folder, that the indexer follows. ERR_BUSY: a
 * proxy runs on this data folder, the detail names its process. */
enum err storage_open(struct storage *s, const struct config *cfg, const char *journal_name,
                      struct fail *f) MUST_CHECK;
void storage_close(struct storage *s); /* the indexer has stopped */
/* Takes in what an earlier process left in the journal. */
enum err storage_take_left_behind(struct storage *s, struct fail *f) MUST_CHECK;

#endif

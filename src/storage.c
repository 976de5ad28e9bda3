/*
 * storage.c — the store as configured, and as the indexer knows it; and both without a proxy, for
 * commands that read or fill what is recorded.
 */
#include "storage.h"

#include <stdio.h>

#include "base/log.h"
#include "store/store_threads.h"

enum { PATH_BYTES = 4096 };

/* --- glue: the indexer knows the store only through these --- */

static enum err ready(void *owner, struct fail *f)
{
    return store_ready(owner, f);
}

static bool find_piece(void *owner, const struct piece_key *key, struct piece_at *at)
{
    return store_find_piece(owner, key, at);
}

static enum err has_exchange(void *owner, const struct uuid *id, bool *is_there, struct fail *f)
{
    return store_has(owner, id, is_there, f);
}

static uint64_t next_block(void *owner)
{
    return store_next_block(owner);
}

static enum err commit(void *owner, const struct batch *batch, struct fail *f)
{
    return store_commit(owner, batch, f);
}

static uint64_t share_floor(void *owner)
{
    return store_share_floor(owner);
}

static enum err journal_marks(void *owner, struct buf *out, struct fail *f)
{
    return store_journal_marks(owner, out, f);
}

static void maintain(void *owner)
{
    store_maintain(owner);
}

static bool find_turn(void *owner, int64_t turn, struct known_turn *out)
{
    return store_find_turn(owner, turn, out);
}

static void session_turns(void *owner, struct str session, struct str agent, int max,
                          known_turn_fn *fn, void *fn_owner)
{
    store_session_turns(owner, session, agent, max, fn, fn_owner);
}

struct index_store storage_glue(struct store *s)
{
    return (struct index_store){
        .owner = s, .secret = store_secret(s), .node = store_node(s), .ready = ready,
        .find_piece = find_piece, .has = has_exchange, .next_block = next_block,
        .commit = commit, .journal_marks = journal_marks, .maintain = maintain, .find_turn = find_turn,
        .session_turns = session_turns, .share_floor = share_floor,
        .may_lose = store_may_be_set_back(s),
    };
}

enum err storage_prices(struct prices **out, const struct config *cfg, struct fail *f)
{
    const struct config_list *lines = &cfg->prices_own;
    struct price own[PRICE_OWN_MAX];
    struct arena arena;
    struct fail why = {0};
    enum err err = ERR_OK;
    assert(lines->count <= PRICE_OWN_MAX);
    arena_init(&arena);
    for (size_t i = 0; i < lines->count && !err; i++) {
        err = price_parse(str_of(lines->items[i]), &arena, &own[i], &why);
        if (err)
            fail(f, err, "prices.own, line %zu: %s", i + 1, why.detail);
    }
    if (!err)
        *out = prices_new(own, lines->count);
    arena_release(&arena);
    return err;
}

static struct store_options options_of(const struct config *cfg)
{
    bool is_shared = cfg->storage_type == STORAGE_POSTGRES;
    return (struct store_options){
        .type = is_shared ? STORE_POSTGRES : STORE_SQLITE,
        .where = is_shared ? cfg->storage_database_url : cfg->storage_db_path,
        .is_durable = cfg->storage_durability != DURABILITY_PROCESS,
    };
}

enum err storage_check(const struct config *cfg, struct fail *f)
{
    struct store_options options = options_of(cfg);
    struct prices *prices = NULL;
    struct fail why = {0};
    enum err err = storage_prices(&prices, cfg, f);
    prices_free(prices);
    if (err)
        return err;
    err = store_check(&options, &why);
    return err ? fail(f, err, "storage.database_url: %s", why.detail) : ERR_OK;
}

void storage_node(const struct config *cfg, const struct data_dir *d, char out[NODE_TEXT])
{
    snprintf(out, NODE_TEXT, "%s", cfg->storage_node);
    if (cfg->storage_type == STORAGE_POSTGRES && !*out)
        data_dir_node(d, out);
}

static enum err open_store(struct store **out, const struct config *cfg, const struct data_dir *d,
                           enum storage_damage damage, struct fail *f)
{
    char node[NODE_TEXT];
    struct store_options options = options_of(cfg);
    storage_node(cfg, d, node);
    options.node = node;
    options.keeps_damaged = damage == DAMAGE_STAYS;
    return store_open(out, &options, f);
}

enum err storage_open_store(struct store **out, const struct config *cfg,
                            const struct data_dir *d, struct fail *f)
{
    return open_store(out, cfg, d, DAMAGE_SET_ASIDE, f);
}

/* --- without a proxy --- */

enum err storage_open(struct storage *s, const struct config *cfg, enum storage_damage damage,
                      struct fail *f)
{
    *s = (struct storage){.store = NULL};
    enum err err = data_dir_open(&s->data_dir, cfg->storage_data_dir, f);
    if (err)
        return err;
    s->is_data_open = true;
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/journal", cfg->storage_data_dir);
    err = data_dir_make(path, f);
    if (!err)
        err = storage_prices(&s->prices, cfg, f);
    if (!err)
        err = open_store(&s->store, cfg, &s->data_dir, damage, f);
    if (!err) {
        struct index_store glue = storage_glue(s->store);
        glue.prices = s->prices;
        s->indexer = indexer_new(&glue, path);
    } else {
        storage_close(s);
    }
    return err;
}

enum err storage_open_beside(struct store **out, const struct config *cfg, struct fail *f)
{
    struct store_options options = options_of(cfg);
    options.only_reads = true;
    return store_open(out, &options, f);
}

static bool was_used(const struct config *cfg)
{
    uint8_t key[REDACT_KEY_BYTES];
    struct fail why = {0};
    return data_dir_read_key(cfg->storage_data_dir, key, &why) != ERR_NOT_FOUND;
}

static enum err take_left_behind(const struct config *cfg, struct fail *f)
{
    struct storage s;
    enum err err = storage_open(&s, cfg, DAMAGE_STAYS, f);
    if (err)
        return err;
    err = indexer_start(s.indexer, NULL, f);
    if (!err)
        indexer_stop(s.indexer);
    storage_close(&s);
    return err;
}

enum err storage_open_to_read(struct store **out, const struct config *cfg, struct fail *f)
{
    struct fail why = {0};
    if (!was_used(cfg))
        return fail(f, ERR_NOT_FOUND, "nothing has been recorded in %s", cfg->storage_data_dir);
    enum err err = take_left_behind(cfg, &why);
    if (err == ERR_CORRUPT)
        log_line(LOG_WARN, "the database is damaged: reading what can be read",
                 LOG_C("detail", why.detail));
    else if (err && err != ERR_BUSY) /* busy: whoever runs takes it in */
        return fail(f, err, "%s", why.detail);
    return storage_open_beside(out, cfg, f);
}

void storage_close(struct storage *s)
{
    indexer_free(s->indexer);
    store_close(s->store);
    prices_free(s->prices);
    if (s->is_data_open)
        data_dir_close(&s->data_dir);
    *s = (struct storage){.store = NULL};
}

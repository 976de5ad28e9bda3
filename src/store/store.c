/*
 * store.c — opening and closing the store, its connection, and the secret. Writing is commit.c,
 * reading reader.c and its neighbours; what engines do differently stands in their struct engine.
 */
#include "store/store_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/keeping.h"
#include "store/rollup.h"

static const struct engine *const engines[] = {
    [STORE_SQLITE] = &sqlite_engine,
#ifdef HAVE_POSTGRES
    [STORE_POSTGRES] = &postgres_engine,
#else
    [STORE_POSTGRES] = NULL,
#endif
};

/* --- the secret --- */

/* Leaves `secret` as it is when the database has none yet. */
static enum err read_secret(struct store *s, char secret[SECRET_BYTES], bool *is_found,
                            struct fail *f)
{
    struct statement *q;
    enum err err = database_prepare(&s->db, "SELECT value FROM meta WHERE key = 'secret'", &q, f);
    if (err)
        return err;
    *is_found = statement_next(q, &err, f);
    struct str value = *is_found ? column_str(q, 0) : STR_NONE;
    if (*is_found && value.len != SECRET_BYTES)
        err = fail(f, ERR_CORRUPT, "the database's secret has %zu bytes", value.len);
    else if (*is_found)
        memcpy(secret, value.ptr, SECRET_BYTES);
    statement_free(q);
    return err;
}

/* Another proxy may be making one just now: the first one stays. */
static enum err make_secret(struct store *s, struct fail *f)
{
    char secret[SECRET_BYTES];
    struct statement *q;
    if (uv_random(NULL, NULL, secret, SECRET_BYTES, 0, NULL) != 0)
        return fail(f, ERR_INTERNAL, "no random bytes");
    enum err err = database_prepare(&s->db,
                                    "INSERT INTO meta (key, value) VALUES ('secret', ?)"
                                    " ON CONFLICT DO NOTHING", &q, f);
    if (err)
        return err;
    bind_blob(q, 1, str_make(secret, SECRET_BYTES));
    err = statement_run(q, f);
    statement_free(q);
    return err;
}

static enum err learn_secret(struct store *s, struct fail *f)
{
    bool is_found;
    enum err err = read_secret(s, s->secret, &is_found, f);
    if (err || is_found)
        return err;
    err = make_secret(s, f);
    return err ? err : read_secret(s, s->secret, &is_found, f);
}

/* What stands behind an address may have been exchanged while we were not looking. */
static enum err check_secret(struct store *s, struct fail *f)
{
    char secret[SECRET_BYTES] = "";
    bool is_found;
    enum err err = read_secret(s, secret, &is_found, f);
    if (!err && memcmp(secret, s->secret, SECRET_BYTES) != 0)
        err = fail(f, ERR_CONFIG, "this is not the database that was there before");
    return err;
}

/* --- the connection --- */

static void close_database(struct store *s)
{
    commit_release(s);
    database_close(&s->db);
}

/* Another proxy may be wiping out what was deleted: it does not know what we come to refer to. So
 * that is none of what is there (see scrub.h). After number_blocks(), by which others know of us. */
static void keep_off_marked(struct store *s)
{
    if (s->engine->is_shared && database_number(&s->db, "SELECT 1 FROM scrubs LIMIT 1", 0))
        store_raise_share_floor(s, s->next_block);
}

static enum err open_database(struct store *s, struct fail *f)
{
    enum err err = database_open(&s->db, s->engine->driver, s->where,
                                 s->is_durable ? DATABASE_DURABLE : DATABASE_WRITE, f);
    if (err)
        return err;
    if (s->engine->check)
        err = s->engine->check(s, f);
    if (!err)
        err = database_migrate(&s->db, f);
    if (!err)
        err = learn_secret(s, f);
    if (!err)
        err = commit_prepare(s, f);
    if (!err && s->engine->take_lane)
        err = s->engine->take_lane(s, f);
    if (!err)
        err = s->engine->number_blocks(s, f);
    if (err)
        close_database(s);
    else
        keep_off_marked(s);
    return err;
}

static enum err connect_again(struct store *s, struct fail *f)
{
    s->is_half_back = true;
    enum err err = database_reconnect(&s->db, f);
    if (!err)
        err = database_migrate(&s->db, f);
    if (!err)
        err = check_secret(s, f);
    commit_forget(s);
    if (!err && s->engine->take_lane)
        err = s->engine->take_lane(s, f);
    if (!err && s->engine->look_back)
        err = s->engine->look_back(s, f);
    s->is_half_back = err;
    return err;
}

enum err store_wake(struct store *s, struct fail *f)
{
    if (database_is_connected(&s->db) && atomic_load(&s->is_ready) && !s->is_half_back)
        return ERR_OK;
    bool is_again = atomic_load(&s->is_ready);
    enum err err = is_again ? connect_again(s, f) : open_database(s, f);
    if (err)
        return err;
    atomic_store(&s->away_until_ns, 0);
    atomic_store(&s->is_ready, true);
    if (s->engine->may_be_away)
        log_line(LOG_INFO, is_again ? "the database is back" : "connected to the database",
                 LOG_C("node", s->node));
    return ERR_OK;
}

enum err store_ready(struct store *s, struct fail *f)
{
    uv_mutex_lock(&s->writing);
    enum err err = store_wake(s, f);
    uv_mutex_unlock(&s->writing);
    return err;
}

/* --- opening and closing --- */

static void store_free(struct store *s)
{
    if (s->engine->disclaim)
        s->engine->disclaim(s);
    uv_mutex_destroy(&s->writing);
    free(s->where);
    free(s->node);
    free(s);
}

static enum err open_first(struct store *s, bool keeps_damaged, struct fail *f)
{
    struct fail first = {0};
    enum err err = store_wake(s, &first);
    if (err == ERR_CORRUPT && keeps_damaged && s->engine->suspect)
        s->engine->suspect(s); /* whoever writes next is to look at it */
    if (err == ERR_CORRUPT && !keeps_damaged && s->engine->set_aside) {
        err = s->engine->set_aside(s, &first, f);
        return err ? err : store_wake(s, f);
    }
    if (err == ERR_DATABASE_AWAY && s->engine->may_be_away) {
        log_line(LOG_WARN, "going on without the database: the journal keeps what is recorded",
                 LOG_C("cause", first.detail));
        return ERR_OK;
    }
    return err ? fail(f, err, "%s", first.detail) : ERR_OK;
}

enum err store_check(const struct store_options *options, struct fail *f)
{
    const struct engine *engine = engines[options->type];
    if (!engine)
        return fail(f, ERR_CONFIG, "this program was built without PostgreSQL's library, libpq");
    return engine->check_where ? engine->check_where(options->where, f) : ERR_OK;
}

enum err store_open(struct store **out, const struct store_options *options, struct fail *f)
{
    enum err err = store_check(options, f);
    if (err)
        return err;
    struct store *s = MEM_NEW(struct store);
    uv_mutex_init(&s->writing);
    s->engine = engines[options->type];
    s->where = mem_strdup(options->where);
    s->node = mem_strdup(options->node ? options->node : "");
    s->is_durable = options->is_durable;
    s->lock_fd = -1;
    struct uuid random = uuid_new(); /* its last bytes are */
    snprintf(s->token, sizeof s->token, "%02x%02x%02x%02x", random.bytes[12], random.bytes[13],
             random.bytes[14], random.bytes[15]);
    if (options->only_reads && !s->engine->may_be_away) { /* a file needs no connection to be read */
        atomic_store(&s->is_ready, true);
        *out = s;
        return ERR_OK;
    }
    err = s->engine->claim ? s->engine->claim(s, f) : ERR_OK;
    if (!err)
        err = open_first(s, options->keeps_damaged, f);
    if (err) {
        store_free(s);
        return err;
    }
    *out = s;
    return ERR_OK;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    store_news_stop(s);
    if (database_is_open(&s->db)) {
        if (s->engine->maintain)
            s->engine->maintain(s, true);
        close_database(s);
    }
    store_free(s);
}

enum err store_news_start(struct store *s, const struct store_listener *l, struct fail *f)
{
    return s->engine->news_start ? s->engine->news_start(s, l, f) : ERR_OK;
}

void store_news_stop(struct store *s)
{
    if (s && s->engine->news_stop)
        s->engine->news_stop(s);
}

struct str store_secret(const struct store *s)
{
    return str_make(s->secret, SECRET_BYTES);
}

struct str store_node(const struct store *s)
{
    return str_of(s->node);
}

uint64_t store_next_block(struct store *s)
{
    struct fail f = {0};
    uv_mutex_lock(&s->writing);
    if (s->engine->is_shared && database_is_open(&s->db) && database_is_connected(&s->db)) {
        enum err err = s->engine->number_blocks(s, &f);
        (void)err; /* it goes on with those that it has */
    }
    uint64_t next = s->next_block;
    uv_mutex_unlock(&s->writing);
    return next;
}

bool store_may_be_set_back(const struct store *s)
{
    return s->engine->look_back;
}

void store_maintain(struct store *s)
{
    if (!s->needs_maintenance || !s->engine->maintain)
        return;
    s->needs_maintenance = false;
    uv_mutex_lock(&s->writing);
    s->engine->maintain(s, false);
    uv_mutex_unlock(&s->writing);
}

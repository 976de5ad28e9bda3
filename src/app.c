/*
 * app.c — the running proxy: everything built in order, and torn down in reverse.
 *
 * The order: data folder → store → indexer → API → workers. Bytes flow the other way.
 */
#include "app.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "agent_files.h"
#include "base/clock.h"
#include "base/mem.h"
#include "config/url.h"
#include "data_dir.h"
#include "incoming.h"
#include "index/chores.h"
#include "index/pace.h"
#include "keeper.h"
#include "provider_list.h"
#include "reload.h"
#include "route_page.h"
#include "signals.h"
#include "storage.h"
#include "store/store_threads.h"
#include "transcripts.h"
#include "worker.h"

enum {
    PATH_BYTES = 4096,
    DRAIN_MS = 5000 /* how long running requests may go on after SIGTERM */
};

struct app {
    const struct config *cfg; /* as at the start */
    struct data_dir data_dir;
    struct prices *prices;
    struct store *store;
    struct indexer *indexer;
    struct search *search; /* NULL: switched off */
    struct chores *chores;
    struct pace text_pace;
    struct keeper keeper;
    struct transcripts transcripts;
    struct known_agents agents;
    struct agent_files *agent_files;
    struct journal_dir *journal_dir;
    struct api *api;
    struct guard *guard;
    struct route_set *routes; /* as at the start */
    struct reload *reload;
    struct oauth *oauth;
    struct health_book *health;
    struct worker *workers[64];
    atomic_int worker_count; /* those that stand in `workers` already */
    struct incoming incoming;
    int64_t started_us;
    atomic_bool is_draining;
    bool is_data_open;
    char journal_path[PATH_BYTES];
};

/* --- what the indexer tells --- */

/* A forward that failed: one line, with all that is known of it. */
static void log_failure(const struct record *r)
{
    char id[UUID_TEXT];
    log_line(LOG_WARN, "forward failed", LOG_C("request_id", uuid_format(&r->id, id)),
             LOG_S("model", r->model), LOG_N("stream", (r->flags & RECORD_ASKS_STREAM) != 0),
             LOG_N("body_bytes", r->request_bytes),
             LOG_N("has_thinking", (r->flags & RECORD_ASKS_THINKING) != 0),
             LOG_S("anthropic_beta", r->anthropic_beta), LOG_S("query", r->query),
             LOG_N("elapsed_ms", r->duration_us / 1000), LOG_C("end", ending_name(r->state)),
             LOG_S("error", r->error_type), LOG_S("detail", r->error_message));
}

static void on_index(enum index_event event, const struct record *r, void *owner)
{
    struct app *app = owner;
    bool broke = r->state == ENDING_UPSTREAM_RESET || r->state == ENDING_UPSTREAM_TIMEOUT ||
                 r->state == ENDING_UPSTREAM_TRUNCATED ||
                 (r->state == ENDING_UPSTREAM_ERROR && (r->flags & RECORD_IS_OURS));
    if (event == INDEX_ENDED && broke && r->started_us >= app->started_us) /* no import */
        log_failure(r);
    api_on_index(event, r, app->api);
}

static bool wants_progress(void *owner)
{
    struct app *app = owner;
    return api_wants_progress(app->api);
}

/* --- what the API asks --- */

static uint64_t lost_frames(void *owner)
{
    const struct app *app = owner;
    uint64_t sum = 0;
    for (int i = 0; i < app->worker_count; i++)
        sum += worker_lost_frames(app->workers[i]);
    return sum;
}

static uint64_t in_flight(void *owner)
{
    const struct app *app = owner;
    uint64_t sum = 0;
    for (int i = 0; i < app->worker_count; i++)
        sum += (uint64_t)worker_in_flight(app->workers[i]);
    return sum;
}

static bool is_draining(void *owner)
{
    struct app *app = owner;
    return atomic_load(&app->is_draining);
}

/* Lists are read again, and what the requests were made of is wiped out soon. */
static void deleted(void *owner)
{
    struct app *app = owner;
    api_on_gap(app->api);
    chores_ring(app->chores);
    if (app->journal_dir)
        journal_dir_rest(app->journal_dir); /* files to be used again have old bytes in them */
}

static void upkeep(void *owner, struct api_upkeep *out)
{
    struct app *app = owner;
    keeper_tell(&app->keeper, out);
}

static void configuration(void *owner, struct arena *arena, struct api_configuration *out)
{
    struct app *app = owner;
    struct route_set *set = reload_current(app->reload);
    out->config = config_hold(set->config);
    out->loaded_us = set->loaded_us;
    out->error = reload_error(app->reload, arena);
    out->oauth = oauth_tell(app->oauth, &out->oauth_expires_ms);
    route_set_drop(set);
}

static enum err routing(void *owner, struct arena *arena, struct buf *out)
{
    struct app *app = owner;
    return route_page_rules(app->reload, &app->agents, arena, out);
}

static enum err explain(void *owner, const struct api_recorded *request, struct arena *arena,
                        struct buf *out)
{
    struct app *app = owner;
    return route_page_explain(app->reload, request, arena, out);
}

static size_t providers(void *owner, struct arena *arena, struct api_provider **out)
{
    struct app *app = owner;
    struct route_set *set = reload_current(app->reload);
    size_t count = provider_list(set, arena, out);
    route_set_drop(set);
    return count;
}

/* --- chores --- */

/* Recording comes first, on the disk too. What runs counts as a backlog too, so a little is none. */
static uint64_t index_texts(void *owner)
{
    enum { BACKLOG_BYTES = 8 << 20 };
    static const uint64_t pause_ns = 200000000;
    struct app *app = owner;
    struct indexer_counters n;
    indexer_count(app->indexer, &n);
    bool waits = n.lag_bytes > BACKLOG_BYTES || keeper_lacks_room(&app->keeper) ||
                 !pace_allows(&app->text_pace, n.exchanges, clock_mono_ns());
    return waits ? pause_ns : search_step(app->search);
}

/* What was needed a while ago goes back to the system. */
static uint64_t rest(void *owner)
{
    static const uint64_t minute_ns = UINT64_C(60000000000);
    struct app *app = owner;
    api_rest(app->api, minute_ns);
    mem_rest();
    return minute_ns;
}

/* --- building --- */

/* What other proxies on the same database record is shown here too. */
static enum err hear_others(struct app *app, struct fail *f)
{
    struct store_listener listener = {.owner = app->api, .wants = api_wants_progress,
                                      .on_row = api_on_other, .on_gap = api_on_gap};
    return store_news_start(app->store, &listener, f);
}

static void on_new_project(void *owner)
{
    struct app *app = owner;
    chores_ring(app->chores);
}

static void know_agents(struct app *app)
{
    known_agents_init(&app->agents);
    app->agents.wanted = on_new_project;
    app->agents.owner = app;
    app->agent_files = agent_files_new(app->cfg, &app->agents);
    agent_files_step(app->agent_files);
    chores_add(app->chores, "agents", agent_files_step, app->agent_files);
    indexer_know(app->indexer, &app->agents);
}

static enum err open_storage(struct app *app, struct fail *f)
{
    const struct config *cfg = app->cfg;
    enum err err = data_dir_open(&app->data_dir, cfg->storage_data_dir, f);
    if (err)
        return err;
    app->is_data_open = true;
    char *journal_path = app->journal_path;
    snprintf(journal_path, sizeof app->journal_path, "%s/journal", cfg->storage_data_dir);
    err = data_dir_make(journal_path, f);
    if (err)
        return err;
    err = storage_open_store(&app->store, cfg, &app->data_dir, f);
    if (err)
        return err;
    err = storage_prices(&app->prices, cfg, f);
    if (err)
        return err;
    struct index_store glue = storage_glue(app->store);
    glue.prices = app->prices;
    app->indexer = indexer_new(&glue, journal_path);
    if (cfg->storage_record)
        err = journal_dir_open(&app->journal_dir, journal_path, indexer_ring, app->indexer, f);
    if (cfg->storage_search) {
        char search_path[PATH_BYTES + 16];
        snprintf(search_path, sizeof search_path, "%s.search", cfg->storage_db_path);
        app->search = search_new(app->store, search_path);
    }
    transcripts_init(&app->transcripts, cfg, app->store);
    struct api_options api = {
        .store = app->store, .indexer = app->indexer, .search = app->search, .config = cfg,
        .transcripts_place = app->transcripts.place,
        .version = VERSION, .owner = app,
        .lost_frames = lost_frames, .in_flight = in_flight, .is_draining = is_draining,
        .deleted = deleted, .upkeep = upkeep, .configuration = configuration,
        .routing = routing, .explain = explain, .providers = providers,
    };
    app->api = api_new(&api);
    indexer_listen(app->indexer, on_index, wants_progress, app);
    app->chores = chores_new();
    know_agents(app);
    keeper_init(&app->keeper, cfg, app->store, app->indexer, app->search, app->prices);
    keeper_add_chores(&app->keeper, app->chores);
    transcripts_add_chores(&app->transcripts, app->chores);
    chores_add(app->chores, "rest", rest, app);
    if (app->search)
        chores_add(app->chores, "search", index_texts, app);
    if (!err)
        err = indexer_start(app->indexer, app->journal_dir, f);
    if (!err)
        err = hear_others(app, f);
    return err ? err : chores_start(app->chores, f);
}

static enum err make_guard(struct app *app, uint16_t port, struct fail *f)
{
    static const char *const loopback[] = {"127.0.0.1", "localhost", "::1"};
    const struct config *cfg = app->cfg;
    app->guard = guard_new();
    for (size_t i = 0; i < COUNT_OF(loopback); i++)
        guard_allow(app->guard, str_of(loopback[i]), port);
    guard_allow(app->guard, str_of(cfg->server_host), port);
    for (size_t i = 0; i < cfg->server_allowed_hosts.count; i++)
        guard_allow(app->guard, str_of(cfg->server_allowed_hosts.items[i]), 0);
    if (*cfg->server_public_url && !guard_allow_url(app->guard, str_of(cfg->server_public_url)))
        return fail(f, ERR_CONFIG, "server.public_url is not a URL");
    return ERR_OK;
}

static enum err make_workers(struct app *app, uv_os_sock_t listener, struct fail *f)
{
    const struct config *cfg = app->cfg;
    struct worker_options o = {
        .config = cfg, .guard = app->guard, .routes = app->routes, .oauth = app->oauth,
        .agents = &app->agents,
        .journal_dir = app->journal_dir, .redact_key = app->data_dir.redact_key, .api = app->api,
    };
    enum err err = ERR_OK;
    for (int i = 0; i < cfg->server_workers && !err; i++) {
        o.number = (uint32_t)i;
        o.listener = i ? dup(listener) : listener;
        struct worker *w = worker_new(&o, f);
        if (!w)
            return f->code;
        app->workers[i] = w;
        atomic_store(&app->worker_count, i + 1);
    }
    for (int i = 1; i < app->worker_count && !err; i++)
        err = worker_start(app->workers[i], f);
    return err;
}

/* --- the configuration, read again --- */

static void apply(void *owner, struct route_set *set)
{
    struct app *app = owner;
    oauth_configure(app->oauth, set->config);
    router_watch(set->router, app->health);
    agent_files_configure(app->agent_files, set->config);
    chores_ring(app->chores);
    for (int i = 0; i < app->worker_count; i++)
        worker_route(app->workers[i], set);
}

static void on_token(void *owner)
{
    struct app *app = owner;
    for (int i = 0; i < app->worker_count; i++)
        worker_on_token(app->workers[i]);
}

static void on_reload(void *owner)
{
    struct app *app = owner;
    reload_ring(app->reload);
}

static enum err make_routes(struct app *app, struct config *cfg, const struct config_flags *flags,
                            int port, struct fail *f)
{
    struct reload_options o = {.flags = flags, .own_port = (uint16_t)port, .owner = app,
                               .apply = apply};
    enum err err = route_set_new(&app->routes, cfg, o.own_port, f);
    o.first = app->routes;
    app->health = health_book_new();
    if (!err)
        router_watch(app->routes->router, app->health);
    app->reload = err ? NULL : reload_new(&o);
    app->oauth = oauth_new(on_token, app);
    if (!err)
        oauth_configure(app->oauth, cfg);
    return err;
}

/* --- the end --- */

static void on_signal(int number, void *owner)
{
    struct app *app = owner;
    bool again = atomic_exchange(&app->is_draining, true);
    log_line(LOG_INFO, again ? "stopping at once" : "draining", LOG_C("signal", strsignal(number)),
             LOG_N("in_flight", in_flight(app)));
    api_drain(app->api);
    for (int i = 0; i < app->worker_count; i++)
        if (again)
            worker_stop(app->workers[i]);
        else
            worker_drain(app->workers[i], DRAIN_MS);
}

static void tear_down(struct app *app)
{
    reload_stop(app->reload);
    oauth_stop(app->oauth);
    for (int i = 0; i < app->worker_count; i++)
        worker_free(app->workers[i]);
    chores_stop(app->chores);
    if (app->indexer)
        indexer_stop(app->indexer);
    keeper_release(&app->keeper);
    transcripts_release(&app->transcripts);
    chores_free(app->chores);
    store_news_stop(app->store);
    api_free(app->api);
    indexer_free(app->indexer);
    if (app->agent_files) {
        agent_files_free(app->agent_files);
        known_agents_release(&app->agents);
    }
    search_free(app->search);
    journal_dir_close(app->journal_dir);
    store_close(app->store);
    prices_free(app->prices);
    reload_free(app->reload);
    oauth_free(app->oauth);
    route_set_drop(app->routes);
    health_book_free(app->health);
    guard_free(app->guard);
    if (app->is_data_open)
        data_dir_close(&app->data_dir);
    free(app);
}

static int exit_code(enum err err)
{
    switch (err) {
    case ERR_OK:
        return EX_OK;
    case ERR_BUSY:
        return EX_TEMPFAIL;
    case ERR_CONFIG:
        return EX_CONFIG;
    case ERR_CORRUPT:
        return EX_DATAERR;
    default:
        return EX_CANTCREAT;
    }
}

int app_run(struct config *cfg, const struct config_flags *flags, struct fail *f)
{
    struct app *app = MEM_NEW(struct app);
    uv_os_sock_t listener;
    int port = 0;
    app->cfg = cfg;
    app->started_us = clock_wall_us();
    log_setup(cfg->logging_level, cfg->logging_format);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file at its limit is an error to count, not to die of */
    enum err err = server_bind(cfg->server_host, cfg->server_port, &listener, &port, f);
    int code = err && err != ERR_CONFIG ? EX_UNAVAILABLE : exit_code(err);
    if (!err) {
        err = make_guard(app, (uint16_t)port, f);
        if (!err)
            err = make_routes(app, cfg, flags, port, f);
        if (!err)
            err = open_storage(app, f);
        code = exit_code(err);
        if (!err) {
            err = make_workers(app, listener, f);
            if (!err)
                err = reload_start(app->reload, f);
            code = err == ERR_BUSY ? EX_UNAVAILABLE : exit_code(err); /* the port, as above */
        }
    }
    if (!err) {
        signals_watch(worker_loop(app->workers[0]), on_signal, on_reload, app);
        incoming_watch(&app->incoming, worker_loop(app->workers[0]), app->journal_path,
                       app->indexer);
        log_line(LOG_INFO, "listening", LOG_C("host", cfg->server_host), LOG_N("port", port),
                 LOG_C("data_dir", cfg->storage_data_dir),
                 LOG_C("upstream", cfg->anthropic_base_url));
        worker_run(app->workers[0]);
        for (int i = 1; i < app->worker_count; i++)
            worker_join(app->workers[i]);
        signals_let_end();
        incoming_stop(&app->incoming);
        log_line(LOG_INFO, "stopped");
    }
    tear_down(app);
    return code;
}

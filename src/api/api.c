/*
 * api.c — the API's addresses, and who answers them.
 */
#include "api/api.h"

#include <stdlib.h>

#include "api/api_conversations.h"
#include "api/api_delete.h"
#include "api/api_export.h"
#include "api/api_job.h"
#include "api/api_providers.h"
#include "api/api_reply.h"
#include "api/api_requests.h"
#include "api/api_routing.h"
#include "api/api_search.h"
#include "api/api_sessions.h"
#include "api/api_setup.h"
#include "api/api_stats.h"
#include "api/api_storage.h"
#include "api/api_totals.h"
#include "api/api_transcripts.h"
#include "api/live.h"
#include "base/clock.h"
#include "base/mem.h"

struct api {
    struct api_options to;
    struct job_pool *jobs;
    struct live *live;
    struct api_exports *exports;
};

static void answer_health(struct api *a, struct call *c, const struct ask *ask);
static void answer_livez(struct api *a, struct call *c, const struct ask *ask);
static void answer_stream(struct api *a, struct call *c, const struct ask *ask);
static void answer_export(struct api *a, struct call *c, const struct ask *ask);
static void answer_setup(struct api *a, struct call *c, const struct ask *ask);
static void answer_providers(struct api *a, struct call *c, const struct ask *ask);
static void delete_matching(struct api *a, struct call *c, const struct ask *ask);

#define GET_HEAD "GET, HEAD"

/* Every address, once for all methods that do the same. Either `work` runs on a worker thread or `answer` on the loop. */
static const struct route {
    const char *pattern; /* "{id}" stands for an exchange's id, "{name}" for another one */
    const char *methods; /* as Allow says it */
    unsigned takes;      /* enum query_field */
    job_work *work;
    void (*answer)(struct api *a, struct call *c, const struct ask *ask);
} routes[] = {
    {"/health", GET_HEAD, 0, NULL, answer_health},
    {"/livez", GET_HEAD, 0, NULL, answer_livez},
    {"/api/requests", GET_HEAD, QUERY_LIMIT | QUERY_CURSOR | QUERY_FILTER | QUERY_RANGE,
     requests_list, NULL},
    {"/api/requests", "DELETE", QUERY_FILTER | QUERY_RANGE, NULL, delete_matching},
    {"/api/requests/{id}", GET_HEAD, 0, requests_get, NULL},
    {"/api/requests/{id}", "DELETE", 0, delete_one, NULL},
    {"/api/requests/{id}/request/body", GET_HEAD, QUERY_DECODED, requests_request_body, NULL},
    {"/api/requests/{id}/response/body", GET_HEAD, QUERY_DECODED, requests_response_body, NULL},
    {"/api/requests/{id}/response/message", GET_HEAD, 0, requests_message, NULL},
    {"/api/requests/{id}/timeline", GET_HEAD, 0, requests_timeline, NULL},
    {"/api/requests/{id}/route", GET_HEAD, 0, routing_explain, NULL},
    {"/api/routing", GET_HEAD, 0, routing_rules, NULL},
    {"/api/sessions", GET_HEAD,
     QUERY_LIMIT | QUERY_BEFORE | QUERY_RANGE | QUERY_WORDS | QUERY_PROJECT, sessions_list, NULL},
    {"/api/sessions/{name}", GET_HEAD, 0, sessions_get, NULL},
    {"/api/conversations", GET_HEAD,
     QUERY_LIMIT | QUERY_BEFORE | QUERY_RANGE | QUERY_WORDS | QUERY_OF_SESSION,
     conversations_list, NULL},
    {"/api/conversations/{name}", GET_HEAD, QUERY_LIMIT | QUERY_PAGE, conversations_get, NULL},
    {"/api/transcripts", GET_HEAD,
     QUERY_LIMIT | QUERY_BEFORE | QUERY_RANGE | QUERY_TEXT | QUERY_OF_SESSION | QUERY_PROJECT,
     transcripts_list, NULL},
    {"/api/transcripts/{name}", GET_HEAD, QUERY_LIMIT | QUERY_POSITION, transcripts_get, NULL},
    {"/api/stats", GET_HEAD, QUERY_FILTER | QUERY_RANGE, stats_all, NULL},
    {"/api/stats/recorder", GET_HEAD, 0, totals_recorder, NULL},
    {"/api/stats/hourly", GET_HEAD, QUERY_FILTER | QUERY_RANGE, stats_hourly, NULL},
    {"/api/stats/daily", GET_HEAD, QUERY_FILTER | QUERY_RANGE | QUERY_TZ, stats_daily, NULL},
    {"/api/stats/models", GET_HEAD, QUERY_FILTER | QUERY_RANGE, stats_models, NULL},
    {"/api/stats/providers", GET_HEAD, QUERY_FILTER | QUERY_RANGE, stats_providers, NULL},
    {"/api/stats/states", GET_HEAD, QUERY_FILTER | QUERY_RANGE, stats_states, NULL},
    {"/api/stats/projects", GET_HEAD, QUERY_FILTER | QUERY_RANGE, stats_projects, NULL},
    {"/api/stats/subagents", GET_HEAD, QUERY_FILTER | QUERY_RANGE, stats_subagents, NULL},
    {"/api/stats/tools", GET_HEAD, QUERY_FILTER | QUERY_RANGE, stats_tools, NULL},
    {"/api/stats/performance", GET_HEAD, QUERY_FILTER | QUERY_RANGE, stats_performance, NULL},
    {"/api/search", GET_HEAD,
     QUERY_LIMIT | QUERY_RANGE | QUERY_WORDS | QUERY_OF_SESSION | QUERY_SEARCH, search_answer, NULL},
    {"/api/setup", GET_HEAD, 0, NULL, answer_setup},
    {"/api/providers", GET_HEAD, 0, NULL, answer_providers},
    {"/api/storage", GET_HEAD, 0, storage_answer, NULL},
    {"/api/stream", "GET", 0, NULL, answer_stream},
    {"/api/export", GET_HEAD, QUERY_FORMAT | QUERY_FILTER | QUERY_RANGE, NULL, answer_export},
};

struct api *api_new(const struct api_options *options)
{
    struct api *a = MEM_NEW(struct api);
    a->to = *options;
    a->jobs = job_pool_new(&a->to);
    a->live = live_new(LIVE_GRACE_MS);
    a->exports = api_exports_new(a->jobs, a->to.version);
    return a;
}

void api_drain(struct api *a)
{
    live_drain(a->live);
    job_pool_drain(a->jobs);
}

void api_rest(struct api *a, uint64_t after_ns)
{
    job_pool_rest(a->jobs, after_ns);
}

void api_free(struct api *a)
{
    if (!a)
        return;
    live_free(a->live);
    api_exports_free(a->exports);
    job_pool_free(a->jobs);
    free(a);
}

void api_on_index(enum index_event event, const struct record *record, void *api)
{
    live_publish(((struct api *)api)->live, event, record);
}

void api_on_other(const struct record *record, void *api)
{
    live_publish(((struct api *)api)->live, INDEX_ENDED, record);
}

void api_on_gap(void *api)
{
    live_gap(((struct api *)api)->live);
}

bool api_wants_progress(void *api)
{
    return live_is_watched(((struct api *)api)->live);
}

enum { NAME_IN_PATH_MAX = 256 }; /* bytes */

static bool take_name(struct str got, struct arena *arena, struct ask *ask)
{
    return got.len && got.len <= NAME_IN_PATH_MAX &&
           percent_decode(got, false, arena, &ask->name) && ask->name.len;
}

static bool part_matches(struct str want, struct str got, struct arena *arena, struct ask *ask)
{
    if (str_equal(want, STR("{id}")))
        return uuid_parse(got, &ask->id);
    if (str_equal(want, STR("{name}")))
        return take_name(got, arena, ask);
    return str_equal(want, got);
}

static bool pattern_matches(struct str pattern, struct str path, struct arena *arena,
                            struct ask *ask)
{
    struct str want, got;
    for (;;) {
        bool more_pattern = str_next(&pattern, '/', &want), more_path = str_next(&path, '/', &got);
        if (!more_pattern || !more_path)
            return more_pattern == more_path;
        if (!part_matches(want, got, arena, ask))
            return false;
    }
}

static bool route_allows(const struct route *r, struct str method)
{
    struct str rest = str_of(r->methods), one;
    while (str_next(&rest, ',', &one))
        if (str_equal(str_trim(one), method))
            return true;
    return false;
}

/* NULL: `*allow` says which methods the address has; none: there is no such address. */
static const struct route *route_find(struct call *c, struct ask *ask, struct str *allow)
{
    struct arena *arena = call_arena(c);
    *allow = STR_NONE;
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        const struct route *r = &routes[i];
        if (!pattern_matches(str_of(r->pattern), call_path(c), arena, ask))
            continue;
        if (route_allows(r, call_method(c)))
            return r;
        *allow = arena_printf(arena, "%.*s%s%s", STR_ARGS(*allow), allow->len ? ", " : "",
                              r->methods);
    }
    return NULL;
}

static void refuse_address(struct call *c, struct str allow)
{
    enum err err = allow.len ? ERR_METHOD_NOT_ALLOWED : ERR_NOT_FOUND;
    struct str line = arena_printf(call_arena(c), "Allow: %.*s\r\n", STR_ARGS(allow));
    api_refuse(c, err, NULL, err_public(err), allow.len ? line.ptr : NULL);
}

void api_handle(struct call *c, void *api)
{
    struct api *a = api;
    struct ask ask = {0};
    struct query_fault fault = {0};
    struct str allow;
    const struct route *route = route_find(c, &ask, &allow);
    if (!route) {
        refuse_address(c, allow);
        return;
    }
    if (!query_parse(call_query(c), route->takes, call_arena(c), &ask.query, &fault)) {
        api_refuse(c, ERR_BAD_REQUEST, fault.field, fault.message, NULL);
        return;
    }
    if (route->work)
        job_start(a->jobs, c, &ask, route->work);
    else
        route->answer(a, c, &ask);
}

static void answer_health(struct api *a, struct call *c, const struct ask *ask)
{
    (void)ask;
    yyjson_mut_doc *doc = json_doc_new();
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    yyjson_mut_obj_add_str(doc, root, "status", "healthy");
    json_put_text(doc, root, "version", str_of(a->to.version));
    json_put_time(doc, root, "timestamp", clock_wall_us());
    api_reply_json(c, 200, doc);
}

static void answer_livez(struct api *a, struct call *c, const struct ask *ask)
{
    (void)ask;
    yyjson_mut_doc *doc = json_doc_new();
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    yyjson_mut_obj_add_str(doc, root, "status", "ok");
    yyjson_mut_obj_add_uint(doc, root, "in_flight", a->to.in_flight(a->to.owner));
    yyjson_mut_obj_add_bool(doc, root, "draining", a->to.is_draining(a->to.owner));
    json_put_time(doc, root, "timestamp", clock_wall_us());
    api_reply_json(c, 200, doc);
}

static void answer_stream(struct api *a, struct call *c, const struct ask *ask)
{
    (void)ask;
    live_handle(c, a->live);
}

static void answer_setup(struct api *a, struct call *c, const struct ask *ask)
{
    (void)ask;
    setup_answer(c, &a->to);
}

static void answer_providers(struct api *a, struct call *c, const struct ask *ask)
{
    (void)ask;
    providers_answer(c, &a->to);
}

static void answer_export(struct api *a, struct call *c, const struct ask *ask)
{
    api_export_start(a->exports, c, ask);
}

static void delete_matching(struct api *a, struct call *c, const struct ask *ask)
{
    delete_start(a->jobs, c, ask);
}

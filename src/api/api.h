/*
 * api.h — JSON for the dashboard and for scripts: every address of docs/api.md that is ours.
 *
 * Parses on the loop, reads the store on a worker thread, answers on the loop. Who may ask (Host,
 * Origin) was decided before (server/).
 */
#ifndef API_API_H
#define API_API_H

#include "config/config.h"
#include "index/indexer.h"
#include "server/call.h"
#include "store/search.h"
#include "store/store.h"
#include "upstream/health.h"
#include "upstream/oauth.h"

struct api;

/* What is done about the store beside recording, and where it is kept. */
struct api_upkeep {
    int64_t max_age_ms, rows_max_age_ms, max_bytes; /* of retention; 0: any */
    uint64_t runs, dropped_bytes, deleted_requests; /* since the start */
    int64_t ran_us;                                 /* 0: never */
    bool is_held;
    int64_t disk_free_bytes; /* -1: not known */
    int64_t reserve_bytes;   /* kept for the day when the disk is full */
};

/* The configuration in force: parts of it change while the proxy runs. */
struct api_configuration {
    struct config *config; /* held: whoever asked frees it */
    int64_t loaded_us;
    struct str error;      /* why the last reading was refused; empty: it was not */
    enum oauth_state oauth;
    int64_t oauth_expires_ms; /* wall clock; 0: not known */
};

/* A request as it is recorded, for who explains where it goes. */
struct api_recorded {
    struct str head, body;
    const struct record *row;
};

enum { API_ROUTING_MAX = 4 << 20 /* bytes of what is told of rules */ };

/* Somebody that requests can be sent to. Texts are empty where there is nothing to say. */
struct api_provider {
    struct str name, format, base_url, preset, fallback;
    bool has_key;          /* of its own: configured */
    struct health *health; /* NULL: nobody looks after it */
};

/* All outlive the api. The functions may be called from any thread. */
struct api_options {
    struct store *store;
    struct indexer *indexer;
    struct search *search; /* NULL: there is none */
    const struct config *config; /* as at the start */
    const char *transcripts_place; /* NULL: transcripts are not followed */
    const char *version;
    void *owner;
    uint64_t (*lost_frames)(void *owner); /* frames that no journal could write */
    uint64_t (*in_flight)(void *owner);   /* exchanges being relayed */
    bool (*is_draining)(void *owner);
    void (*deleted)(void *owner); /* requests were deleted */
    void (*upkeep)(void *owner, struct api_upkeep *out);
    /* Texts in `arena`. NULL: the configuration is as at the start. */
    void (*configuration)(void *owner, struct arena *arena, struct api_configuration *out);
    /* The rules in force, and why a request goes where it goes: JSON. NULL: nobody routes. */
    enum err (*routing)(void *owner, struct arena *arena, struct buf *out);
    enum err (*explain)(void *owner, const struct api_recorded *request, struct arena *arena,
                        struct buf *out);
    /* How many; `*out` and its texts in `arena`. NULL: nothing is known of them. */
    size_t (*providers)(void *owner, struct arena *arena, struct api_provider **out);
};

struct api *api_new(const struct api_options *options);
/* Any thread, at shutdown, before any loop is told to end: ends every live stream, answers who
 * waits in line, and lets nothing new begin. */
void api_drain(struct api *a);
/* Any thread: frees what questions needed when nobody has asked any for so long. */
void api_rest(struct api *a, uint64_t after_ns);
/* After every loop has ended and the indexer has stopped. */
void api_free(struct api *a);

/* call_handler; `api` is a struct api. For "/health", "/livez" and what begins with "/api/". */
void api_handle(struct call *c, void *api);

/* For indexer_listen(), with the api as owner: what the live stream shows. */
void api_on_index(enum index_event event, const struct record *record, void *api);
bool api_wants_progress(void *api);
/* For struct store_listener, likewise; on any thread. */
void api_on_other(const struct record *record, void *api);
void api_on_gap(void *api);

#endif

/*
 * live.c — the live stream.
 *
 * Three things: the ring of events (under a lock; the indexer writes, loops read), a hub for each
 * loop that has watchers (touched by its loop only, but for its bell), and the watchers.
 */
#include "api/live.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/api_reply.h"
#include "api/record_json.h"
#include "base/clock.h"
#include "base/mem.h"
#include "io/loop.h"

/* The text of one event. Shared by the ring and the loops that are just sending it. */
struct event {
    uint64_t id;
    uint32_t refs; /* under the lock */
    uint32_t len;
    char text[];
};

/* One dashboard. Belongs to its hub. */
struct watcher {
    struct watcher *next;
    struct hub *hub;
    struct call *call; /* NULL: it has left */
    uint64_t next_id;  /* the first event it has not been sent */
    bool is_behind;    /* it could not take what was sent: wants a resync */
    bool is_ending;    /* we have closed it; it will leave */
    uint64_t took_ms;  /* when it last took something */
};

/* The watchers of one loop. */
struct hub {
    struct live *live;
    struct loop *loop;
    struct watcher *first;
    size_t count;    /* under the lock */
    bool is_walking; /* watchers that leave now are freed after the walk */
    struct loop_sweep sweep;
    uint64_t commented_ms;
    bool is_rung; /* under the lock: a flush is on its way */
};

struct live {
    uv_mutex_t lock; /* all below */
    struct event *ring[LIVE_RING_MAX];
    size_t first, count, bytes;
    uint64_t next_id; /* of the next event */
    size_t watchers;
    uint64_t left_ms; /* when the last watcher left; 0: never had one */
    uint64_t grace_ms;
    bool is_draining;
    struct hub *hubs[LIVE_HUBS_MAX];
    size_t hub_count;
};

static uint64_t now_ms(void)
{
    return clock_mono_ns() / 1000000;
}

struct live *live_new(uint64_t grace_ms)
{
    struct live *l = MEM_NEW(struct live);
    l->grace_ms = grace_ms;
    /* Ids ascend over restarts too: a place kept from an earlier process is never taken for one
     * of ours, as no process makes a million events a second. */
    l->next_id = (uint64_t)clock_wall_us();
    int failed = uv_mutex_init(&l->lock);
    assert(!failed);
    return l;
}

/* --- the ring; the lock is held --- */

static void event_unref(struct event *e)
{
    if (--e->refs == 0)
        free(e);
}

static struct event *ring_at(struct live *l, size_t index)
{
    return l->ring[(l->first + index) % LIVE_RING_MAX];
}

static uint64_t ring_first_id(struct live *l)
{
    return l->next_id - l->count;
}

static void ring_drop_oldest(struct live *l)
{
    struct event *e = ring_at(l, 0);
    l->bytes -= e->len;
    l->first = (l->first + 1) % LIVE_RING_MAX;
    l->count--;
    event_unref(e);
}

static void ring_clear(struct live *l)
{
    while (l->count)
        ring_drop_oldest(l);
}

static void ring_add(struct live *l, struct event *e)
{
    while (l->count && (l->count == LIVE_RING_MAX || l->bytes + e->len > LIVE_RING_BYTES_MAX))
        ring_drop_oldest(l);
    l->ring[(l->first + l->count) % LIVE_RING_MAX] = e;
    l->count++;
    l->bytes += e->len;
}

static bool is_watched(const struct live *l)
{
    return l->watchers || (l->left_ms && now_ms() - l->left_ms < l->grace_ms);
}

/* --- publishing --- */

static const char *const event_names[] = {
    [INDEX_STARTED] = "request.started",
    [INDEX_PROGRESS] = "request.progress",
    [INDEX_ENDED] = "request.ended",
};

enum { EVENT_HEAD = 96 };

/* All but its head, which is known when its place in the ring is. */
static struct event *event_new(const struct record *record, size_t *json_len, char **json)
{
    yyjson_mut_doc *doc = json_doc_new();
    record_json_fill(doc, yyjson_mut_doc_get_root(doc), record);
    *json = json_doc_finish(doc, json_len);
    assert(*json_len < UINT32_MAX - EVENT_HEAD);
    struct event *e = mem_alloc(sizeof *e + EVENT_HEAD + *json_len + 2);
    *e = (struct event){.refs = 1};
    return e;
}

static void event_write(struct event *e, uint64_t id, enum index_event kind, const char *json,
                        size_t json_len)
{
    size_t len = (size_t)snprintf(e->text, EVENT_HEAD, "id: %llu\nevent: %s\ndata: ",
                                  (unsigned long long)id, event_names[kind]);
    assert(len < EVENT_HEAD);
    memcpy(e->text + len, json, json_len);
    memcpy(e->text + len + json_len, "\n\n", 2);
    e->id = id;
    e->len = (uint32_t)(len + json_len + 2);
}

static void hub_flush(void *owner);

/* The lock is held. */
static void ring_bells(struct live *l)
{
    for (size_t i = 0; i < l->hub_count; i++) {
        if (l->hubs[i]->is_rung || !l->hubs[i]->count)
            continue; /* a loop without watchers may have ended */
        l->hubs[i]->is_rung = true;
        loop_post(l->hubs[i]->loop, hub_flush, l->hubs[i]);
    }
}

/* Making the JSON is the work, and is done before the lock is taken. */
void live_publish(struct live *l, enum index_event event, const struct record *record)
{
    size_t json_len = 0;
    char *json = NULL;
    struct event *e = live_is_watched(l) ? event_new(record, &json_len, &json) : NULL;
    uv_mutex_lock(&l->lock);
    if (e) {
        event_write(e, l->next_id, event, json, json_len);
        ring_add(l, e);
    } else {
        ring_clear(l); /* an event is missing from here on */
    }
    l->next_id++;
    if (e)
        ring_bells(l);
    uv_mutex_unlock(&l->lock);
    free(json);
}

void live_gap(struct live *l)
{
    uv_mutex_lock(&l->lock);
    ring_clear(l);
    l->next_id++;
    ring_bells(l);
    uv_mutex_unlock(&l->lock);
}

bool live_is_watched(struct live *l)
{
    uv_mutex_lock(&l->lock);
    bool is = is_watched(l);
    uv_mutex_unlock(&l->lock);
    return is;
}

void live_drain(struct live *l)
{
    uv_mutex_lock(&l->lock);
    l->is_draining = true;
    ring_bells(l);
    uv_mutex_unlock(&l->lock);
}

/* --- watchers; on their loop --- */

/* The events a walk may send: all from the place of who is furthest back. */
struct batch_of_events {
    struct event *list[LIVE_RING_MAX];
    size_t count;
    uint64_t first_id, next_id;
};

static uint64_t furthest_back(const struct hub *h)
{
    uint64_t id = UINT64_MAX;
    for (const struct watcher *w = h->first; w; w = w->next)
        if (w->call && !w->is_behind)
            id = MIN_OF(id, w->next_id);
    return id;
}

static void batch_take(struct live *l, uint64_t from, struct batch_of_events *b)
{
    b->count = 0;
    b->next_id = l->next_id;
    b->first_id = ring_first_id(l);
    for (size_t i = 0; i < l->count; i++) {
        struct event *e = ring_at(l, i);
        if (e->id < from)
            continue;
        if (!b->count)
            b->first_id = e->id;
        e->refs++;
        b->list[b->count++] = e;
    }
}

static void batch_release(struct live *l, struct batch_of_events *b)
{
    uv_mutex_lock(&l->lock);
    for (size_t i = 0; i < b->count; i++)
        event_unref(b->list[i]);
    uv_mutex_unlock(&l->lock);
}

static bool watcher_write(struct watcher *w, struct str text)
{
    if (!w->call || w->is_ending || !call_stream_write(w->call, text))
        return false;
    w->took_ms = now_ms();
    return true;
}

/* "Read the lists again; what comes from here on you will be told." */
static void watcher_resync(struct watcher *w, uint64_t next_id)
{
    char text[96];
    int len = snprintf(text, sizeof text, "id: %llu\nevent: resync\ndata: {}\n\n",
                       (unsigned long long)(next_id - 1));
    w->is_behind = !watcher_write(w, str_make(text, (size_t)len));
    w->next_id = next_id;
}

static void watcher_send(struct watcher *w, const struct batch_of_events *b)
{
    if (w->is_behind)
        return; /* the sweep tries again: not at each event */
    if (w->next_id < b->first_id) {
        watcher_resync(w, b->next_id);
        return;
    }
    for (size_t i = 0; i < b->count && w->call; i++) {
        if (b->list[i]->id < w->next_id)
            continue;
        if (!watcher_write(w, str_make(b->list[i]->text, b->list[i]->len))) {
            w->is_behind = true;
            return;
        }
        w->next_id = b->list[i]->id + 1;
    }
}

/* Watchers may leave while they are written to: they are freed when the walk is over. */
static void hub_walk(struct hub *h, void (*fn)(struct watcher *w, const void *arg),
                     const void *arg)
{
    assert(!h->is_walking);
    h->is_walking = true;
    for (struct watcher *w = h->first; w; w = w->next)
        if (w->call && !w->is_ending)
            fn(w, arg);
    h->is_walking = false;
    for (struct watcher **at = &h->first; *at;) {
        struct watcher *w = *at;
        if (w->call) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        free(w);
    }
}

static void send_one(struct watcher *w, const void *batch)
{
    watcher_send(w, batch);
}

static void end_one(struct watcher *w, const void *unused)
{
    (void)unused;
    w->is_ending = true;
    call_stream_end(w->call);
}

static void hub_flush(void *owner)
{
    struct hub *h = owner;
    struct live *l = h->live;
    struct batch_of_events batch;
    uint64_t from = furthest_back(h);
    uv_mutex_lock(&l->lock);
    h->is_rung = false;
    bool is_draining = l->is_draining;
    batch_take(l, from, &batch);
    uv_mutex_unlock(&l->lock);
    if (is_draining)
        hub_walk(h, end_one, NULL);
    else
        hub_walk(h, send_one, &batch);
    batch_release(l, &batch);
}

/* Once a second: the comment, a second try for who was behind, an end for who is stuck. */
static void sweep_one(struct watcher *w, const void *arg)
{
    const bool *is_comment_due = arg;
    if (now_ms() - w->took_ms > LIVE_STUCK_MS) {
        end_one(w, NULL);
        return;
    }
    if (w->is_behind) {
        struct live *l = w->hub->live;
        uv_mutex_lock(&l->lock);
        uint64_t next_id = l->next_id;
        uv_mutex_unlock(&l->lock);
        watcher_resync(w, next_id);
    } else if (*is_comment_due && !watcher_write(w, STR(": still here\n\n"))) {
        w->is_behind = true;
    }
}

static void on_sweep(struct loop_sweep *sweep, uint64_t now_ns)
{
    struct hub *h = OWNER_OF(sweep, struct hub, sweep);
    uint64_t now = now_ns / 1000000;
    bool is_comment_due = now - h->commented_ms >= LIVE_COMMENT_MS;
    if (is_comment_due)
        h->commented_ms = now;
    hub_walk(h, sweep_one, &is_comment_due);
}

static void watcher_unlink(struct watcher *w)
{
    struct watcher **at = &w->hub->first;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
}

static void on_gone(void *owner)
{
    struct watcher *w = owner;
    struct hub *h = w->hub;
    struct live *l = h->live;
    w->call = NULL;
    if (h->count == 1)
        loop_sweep_remove(h->loop, &h->sweep);
    uv_mutex_lock(&l->lock);
    h->count--;
    if (--l->watchers == 0)
        l->left_ms = MAX_OF(now_ms(), (uint64_t)1);
    uv_mutex_unlock(&l->lock);
    if (h->is_walking)
        return;
    watcher_unlink(w);
    free(w);
}

/* --- a new watcher --- */

/* The lock is held. NULL when there are too many loops. Hubs stay until live_free(). */
static struct hub *hub_of(struct live *l, struct loop *loop)
{
    for (size_t i = 0; i < l->hub_count; i++)
        if (l->hubs[i]->loop == loop)
            return l->hubs[i];
    if (l->hub_count == LIVE_HUBS_MAX)
        return NULL;
    struct hub *h = MEM_NEW(struct hub);
    h->live = l;
    h->loop = loop;
    h->sweep.fn = on_sweep;
    l->hubs[l->hub_count++] = h;
    return h;
}

/* Takes a place among the watchers. On failure says which error to answer. */
static enum err take_place(struct live *l, struct loop *loop, struct hub **hub, uint64_t *next_id)
{
    enum err err = ERR_OK;
    uv_mutex_lock(&l->lock);
    *hub = hub_of(l, loop);
    *next_id = l->next_id;
    if (l->is_draining) {
        err = ERR_SHUTDOWN;
    } else if (!*hub || l->watchers == LIVE_WATCHERS_MAX) {
        err = ERR_TOO_MANY;
    } else {
        l->watchers++;
        (*hub)->count++;
    }
    uv_mutex_unlock(&l->lock);
    return err;
}

static struct watcher *watcher_new(struct hub *h, struct call *c, uint64_t next_id)
{
    struct watcher *w = MEM_NEW(struct watcher);
    w->hub = h;
    w->call = c;
    w->next_id = next_id;
    w->took_ms = now_ms();
    w->next = h->first;
    h->first = w;
    if (h->count == 1) { /* counted already, by take_place() */
        h->commented_ms = now_ms();
        loop_sweep_add(h->loop, &h->sweep);
    }
    return w;
}

/* Where to go on: behind the last event the reader has seen, or from now on. An id we have not
 * given yet is from somewhere else: as good as too old. */
static uint64_t place_of(const struct call *c, uint64_t newest)
{
    struct str seen = head_get(call_head(c), STR("Last-Event-ID"));
    uint64_t id;
    if (!seen.len)
        return newest;
    return str_to_u64(seen, &id) && id < newest ? id + 1 : 0;
}

void live_handle(struct call *c, struct live *l)
{
    const struct reply head = {200, "text/event-stream",
                               STR(API_HEADERS "X-Accel-Buffering: no\r\n")};
    struct hub *h;
    uint64_t newest;
    enum err err = take_place(l, call_loop(c), &h, &newest);
    if (err) {
        api_refuse(c, err, NULL, err_public(err), "Retry-After: 5\r\n");
        return;
    }
    uint64_t place = place_of(c, newest);
    struct watcher *w = watcher_new(h, c, place);
    h->is_walking = true; /* should it leave now, the flush frees it */
    call_stream_begin(c, &head, on_gone, w);
    /* An id without data: remembered by the reader, and shown to nobody (HTML standard, server-
     * sent events). So that one who is cut off before the first event knows where he was. */
    char hello[64];
    int len = snprintf(hello, sizeof hello, "retry: 2000\nid: %llu\n\n",
                       (unsigned long long)(place ? place - 1 : newest - 1));
    w->is_behind = !watcher_write(w, str_make(hello, (size_t)len));
    h->is_walking = false;
    hub_flush(h);
}

void live_free(struct live *l)
{
    if (!l)
        return;
    ring_clear(l);
    for (size_t i = 0; i < l->hub_count; i++) {
        assert(!l->hubs[i]->count);
        free(l->hubs[i]);
    }
    uv_mutex_destroy(&l->lock);
    free(l);
}

/*
 * reload.c — the configuration read again while the proxy runs.
 */
#include "reload.h"

#include <stdlib.h>
#include <uv.h>

#include "base/file_mark.h"
#include "base/mem.h"
#include "config/config_diff.h"

enum {
    SETTLE_MS = 100,                                  /* a file is read when it rests that long */
    NAMES_MAX = 3072,                                 /* bytes of a list of keys, in a log line */
    ERROR_MAX = PROBLEMS_MAX * (PROBLEM_BYTES + 1)    /* bytes of all that is wrong */
};

struct reload {
    struct reload_options to;
    uv_thread_t thread;
    uv_mutex_t mutex; /* for all below but `seen` */
    uv_cond_t bell;
    bool is_started, is_stopping, is_rung;
    struct route_set *current;
    struct buf error;
    struct file_mark seen; /* of the file in use, when it was last read */
};

/* --- the file --- */

/* A file that is gone has not changed: an editor may be about to put the new one there. */
static bool has_changed(struct reload *r)
{
    static const struct file_mark gone;
    const char *path = r->current->config->file; /* only this thread changes `current` */
    struct file_mark now = file_mark_look(path), then;
    if (file_mark_is_same(&now, &r->seen) || file_mark_is_same(&now, &gone))
        return false;
    do { /* in mid-writing it may make sense, and yet be half of it */
        then = now;
        uv_sleep(SETTLE_MS);
        now = file_mark_look(path);
    } while (!file_mark_is_same(&now, &then));
    return !file_mark_is_same(&now, &gone);
}

/* --- reading it --- */

static void log_names(enum log_level level, const char *message, const struct config *old,
                      const struct config *new, bool is_live)
{
    struct buf names;
    buf_init(&names, NAMES_MAX);
    enum err err = config_diff(old, new, is_live, &names);
    struct str list = buf_str(&names);
    if (is_live)
        log_line(level, message, LOG_C("file", new->file ? new->file : ""),
                 LOG_S("changed", list.len ? list : STR("nothing")), LOG_N("cut", err != ERR_OK));
    else if (list.len)
        log_line(level, message, LOG_S("keys", list), LOG_N("cut", err != ERR_OK));
    buf_release(&names);
}

static void accept_give(struct reload *r, struct route_set *set)
{
    struct route_set *old = r->current;
    log_setup(set->config->logging_level, set->config->logging_format);
    router_inherit(set->router, old->router);
    r->to.apply(r->to.owner, set);
    uv_mutex_lock(&r->mutex);
    r->current = set;
    buf_clear(&r->error);
    uv_mutex_unlock(&r->mutex);
    /* last: who reads it asks by the new rules */
    log_names(LOG_INFO, "configuration reloaded", old->config, set->config, true);
    log_names(LOG_WARN, "changed, but needs a restart", old->config, set->config, false);
    route_set_drop(old);
}

static void tell_problems(struct reload *r, const struct problems *p, bool is_refused)
{
    uv_mutex_lock(&r->mutex);
    buf_clear(&r->error);
    for (size_t i = 0; i < p->count; i++) {
        const struct problem *each = &p->items[i];
        bool is_fatal = each->kind != PROBLEM_WARNING;
        log_line(is_fatal ? LOG_ERROR : LOG_WARN,
                 is_fatal ? "configuration not reloaded" : "configuration",
                 LOG_C("detail", each->text));
        if (is_fatal && is_refused &&
            buf_printf(&r->error, "%s%s", r->error.len ? "\n" : "", each->text) != ERR_OK)
            break; /* the first ones will do */
    }
    uv_mutex_unlock(&r->mutex);
}

static void read_again(struct reload *r)
{
    struct problems problems = {.count = 0};
    struct fail why = {0};
    struct route_set *set = NULL;
    r->seen = file_mark_look(r->current->config->file); /* before it is read: what comes later is new */
    struct config *cfg = config_load(r->to.flags, &problems);
    if (cfg && route_set_new(&set, cfg, r->to.own_port, &why) != ERR_OK)
        problems_add(&problems, PROBLEM_CONFIG, "%s", why.detail);
    tell_problems(r, &problems, !set);
    if (set && set->config->file && strcmp(set->config->file, r->current->config->file
                                                                  ? r->current->config->file
                                                                  : "") != 0)
        r->seen = file_mark_look(set->config->file); /* another file from now on */
    if (set)
        accept_give(r, set);
    config_free(cfg);
    problems_release(&problems);
}

/* --- the thread --- */

/* False when it is time to stop. */
static bool wait(struct reload *r, bool *is_rung)
{
    uv_mutex_lock(&r->mutex);
    if (!r->is_stopping && !r->is_rung)
        uv_cond_timedwait(&r->bell, &r->mutex, RELOAD_CHECK_MS * UINT64_C(1000000));
    *is_rung = r->is_rung;
    r->is_rung = false;
    bool goes_on = !r->is_stopping;
    uv_mutex_unlock(&r->mutex);
    return goes_on;
}

static void run(void *arg)
{
    struct reload *r = arg;
    bool is_rung;
    while (wait(r, &is_rung))
        if (is_rung || has_changed(r))
            read_again(r);
}

struct reload *reload_new(const struct reload_options *o)
{
    struct reload *r = MEM_NEW(struct reload);
    r->to = *o;
    r->current = route_set_hold(o->first);
    r->seen = file_mark_look(r->current->config->file);
    buf_init(&r->error, ERROR_MAX);
    uv_mutex_init(&r->mutex);
    uv_cond_init(&r->bell);
    return r;
}

enum err reload_start(struct reload *r, struct fail *f)
{
    if (uv_thread_create(&r->thread, run, r) != 0)
        return fail(f, ERR_INTERNAL, "the thread that follows the configuration could not be started");
    r->is_started = true;
    return ERR_OK;
}

static void ring(struct reload *r, bool *flag)
{
    uv_mutex_lock(&r->mutex);
    *flag = true;
    uv_cond_signal(&r->bell);
    uv_mutex_unlock(&r->mutex);
}

void reload_ring(struct reload *r)
{
    ring(r, &r->is_rung);
}

void reload_stop(struct reload *r)
{
    if (!r || !r->is_started)
        return;
    ring(r, &r->is_stopping);
    uv_thread_join(&r->thread);
    r->is_started = false;
}

void reload_free(struct reload *r)
{
    if (!r)
        return;
    assert(!r->is_started);
    route_set_drop(r->current);
    buf_release(&r->error);
    uv_cond_destroy(&r->bell);
    uv_mutex_destroy(&r->mutex);
    free(r);
}

/* --- what others ask --- */

struct route_set *reload_current(struct reload *r)
{
    uv_mutex_lock(&r->mutex);
    struct route_set *set = route_set_hold(r->current);
    uv_mutex_unlock(&r->mutex);
    return set;
}

struct str reload_error(struct reload *r, struct arena *arena)
{
    uv_mutex_lock(&r->mutex);
    struct str error = arena_str(arena, buf_str(&r->error));
    uv_mutex_unlock(&r->mutex);
    return error;
}

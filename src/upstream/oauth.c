/*
 * oauth.c — the user's own Claude token, watched and renewed.
 *
 * Claude Code renews the same login, and each renewal ends the older refresh token. So the file is
 * read again whenever it has changed, and always looked at before it is renewed here.
 */
#include "upstream/oauth.h"

#include <stdlib.h>
#include <uv.h>

#include "base/clock.h"
#include "base/file_mark.h"
#include "base/mem.h"
#include "upstream/token_refresh.h"

enum {
    LOOK_MS = 2000,           /* how often the file is looked at */
    RETRY_FIRST_MS = 30000,   /* after a renewal that failed; doubled each time */
    RETRY_LAST_MS = 600000
};

struct oauth {
    void (*on_news)(void *owner);
    void *owner;
    uv_thread_t thread;
    uv_mutex_t mutex; /* for all below */
    uv_cond_t bell;
    bool is_started, is_rung;
    atomic_bool is_stopping;  /* read without the mutex, too */
    struct config *config;    /* held; NULL: off */
    struct token_set token;   /* access empty: there is none */
    struct file_mark mark;    /* of the file, when it was read */
    bool is_refused;          /* the refresh token is no good: until the file changes */
    bool was_told;            /* that the file cannot be read */
    int64_t retry_ms, wait_ms; /* no renewal before that; and how long that was */
};

static int64_t now_ms(void)
{
    return clock_wall_us() / 1000;
}

static bool has_file(const struct oauth *o)
{
    return !*o->config->anthropic_oauth_token && *o->config->anthropic_oauth_token_file;
}

/* --- the file --- */

/* A file that cannot be read at the moment takes nothing away: a token in memory may still be good. */
static void read_file(struct oauth *o)
{
    struct fail why = {0};
    struct token_set fresh;
    const char *path = o->config->anthropic_oauth_token_file;
    o->mark = file_mark_look(path);
    enum err err = token_file_read(path, &fresh, &why);
    if (err && !o->was_told)
        log_line(LOG_WARN, "no Claude token", LOG_C("detail", why.detail));
    o->was_told = err != ERR_OK;
    if (err)
        return;
    o->token = fresh;
    o->is_refused = false;
    o->retry_ms = o->wait_ms = 0;
}

static bool read_if_changed(struct oauth *o)
{
    struct file_mark now = file_mark_look(o->config->anthropic_oauth_token_file);
    if (file_mark_is_same(&now, &o->mark))
        return false;
    read_file(o);
    return true;
}

/* --- renewing --- */

static bool may_renew(const struct oauth *o)
{
    return has_file(o) && o->token.refresh[0] && o->token.expires_ms && !o->is_refused;
}

static bool is_due(const struct oauth *o, int64_t early_ms)
{
    int64_t now = now_ms();
    return may_renew(o) && now >= o->token.expires_ms - early_ms && now >= o->retry_ms;
}

static void renewed(struct oauth *o, const struct token_set *fresh)
{
    struct fail why = {0};
    o->token = *fresh;
    o->retry_ms = o->wait_ms = 0;
    if (token_file_write(o->config->anthropic_oauth_token_file, fresh, &why) != ERR_OK)
        log_line(LOG_ERROR, "the renewed Claude token could not be put into its file: whoever else "
                 "uses that has to log in again", LOG_C("detail", why.detail));
    o->mark = file_mark_look(o->config->anthropic_oauth_token_file);
    log_line(LOG_INFO, "Claude token renewed");
}

static void not_renewed(struct oauth *o, enum err err, const struct fail *why)
{
    if (read_if_changed(o)) /* somebody else was faster */
        return;
    o->is_refused = err == ERR_UNAUTHORIZED;
    o->wait_ms = o->wait_ms ? MIN_OF(o->wait_ms * 2, RETRY_LAST_MS) : RETRY_FIRST_MS;
    o->retry_ms = now_ms() + o->wait_ms;
    log_line(LOG_WARN, "the Claude token could not be renewed", LOG_C("detail", why->detail),
             LOG_C("next", o->is_refused ? "when its file has changed" : "in a while"));
}

/* The mutex is let go while the network is waited for. */
static void renew(struct oauth *o)
{
    struct fail why = {0};
    struct token_set fresh = o->token;
    struct config *cfg = config_hold(o->config);
    struct token_endpoint endpoint = {
        .url = cfg->anthropic_oauth_endpoint,
        .client_id = cfg->anthropic_oauth_client_id,
        .ca_file = *cfg->anthropic_ca_file ? cfg->anthropic_ca_file : NULL,
        .proxy = cfg->anthropic_proxy,
        .is_over = &o->is_stopping,
    };
    uv_mutex_unlock(&o->mutex);
    enum err err = token_refresh(&endpoint, &fresh, &why);
    uv_mutex_lock(&o->mutex);
    bool is_asked_for = o->config && has_file(o) && strcmp(o->config->anthropic_oauth_token_file,
                                                           cfg->anthropic_oauth_token_file) == 0;
    if (o->is_stopping)
        is_asked_for = is_asked_for && !err; /* a new token is worth keeping even now */
    if (is_asked_for && err)
        not_renewed(o, err, &why);
    else if (is_asked_for)
        renewed(o, &fresh);
    config_free(cfg);
}

/* --- the thread --- */

/* Called with the mutex, and gives it back. True: there is something new. */
static bool work(struct oauth *o)
{
    bool is_news = false;
    if (!o->config || !has_file(o))
        return false;
    is_news = read_if_changed(o);
    if (is_due(o, OAUTH_EARLY_MS)) {
        renew(o);
        is_news = true;
    }
    return is_news;
}

static void run(void *arg)
{
    struct oauth *o = arg;
    uv_mutex_lock(&o->mutex);
    while (!o->is_stopping) {
        if (!o->is_rung)
            uv_cond_timedwait(&o->bell, &o->mutex, LOOK_MS * UINT64_C(1000000));
        o->is_rung = false;
        if (o->is_stopping || !work(o))
            continue;
        uv_mutex_unlock(&o->mutex);
        o->on_news(o->owner);
        uv_mutex_lock(&o->mutex);
    }
    uv_mutex_unlock(&o->mutex);
}

/* --- from outside --- */

struct oauth *oauth_new(void (*on_news)(void *owner), void *owner)
{
    struct oauth *o = MEM_NEW(struct oauth);
    o->on_news = on_news;
    o->owner = owner;
    uv_mutex_init(&o->mutex);
    uv_cond_init(&o->bell);
    return o;
}

/* What is known of a file stays when the configuration still names it. */
static void take_configuration(struct oauth *o, struct config *cfg)
{
    bool had_file = o->config && has_file(o);
    const char *before = had_file ? o->config->anthropic_oauth_token_file : "";
    bool is_same_file = had_file && !*cfg->anthropic_oauth_token &&
                        strcmp(before, cfg->anthropic_oauth_token_file) == 0;
    config_free(o->config);
    o->config = config_hold(cfg);
    if (is_same_file)
        return;
    o->token = (struct token_set){.expires_ms = 0};
    o->mark = (struct file_mark){0};
    o->is_refused = o->was_told = false;
    o->retry_ms = o->wait_ms = 0;
    if (has_file(o))
        read_file(o);
    else
        snprintf(o->token.access, sizeof o->token.access, "%s", cfg->anthropic_oauth_token);
}

void oauth_configure(struct oauth *o, struct config *cfg)
{
    uv_mutex_lock(&o->mutex);
    bool was_on = o->config != NULL;
    if (cfg->anthropic_oauth_enabled) {
        take_configuration(o, cfg);
    } else {
        config_free(o->config);
        o->config = NULL;
        o->token = (struct token_set){.expires_ms = 0};
    }
    bool is_on = o->config != NULL;
    if (is_on && !o->is_started && !o->is_stopping)
        o->is_started = uv_thread_create(&o->thread, run, o) == 0;
    o->is_rung = true;
    uv_cond_signal(&o->bell);
    uv_mutex_unlock(&o->mutex);
    if (is_on && !was_on)
        log_line(LOG_WARN, "OAuth injection is on", LOG_C("note", OAUTH_TERMS));
    else if (was_on && !is_on)
        log_line(LOG_INFO, "OAuth injection is off");
}

static enum oauth_state state_of(const struct oauth *o)
{
    if (!o->config)
        return OAUTH_OFF;
    if (!o->token.access[0])
        return OAUTH_NONE;
    return is_due(o, 0) && o->is_started ? OAUTH_RENEWING : OAUTH_READY;
}

enum oauth_state oauth_token(struct oauth *o, char out[TOKEN_MAX])
{
    uv_mutex_lock(&o->mutex);
    enum oauth_state state = state_of(o);
    if (state == OAUTH_READY)
        memcpy(out, o->token.access, sizeof o->token.access);
    if (state == OAUTH_RENEWING) { /* the machine may have slept past the token's end */
        o->is_rung = true;
        uv_cond_signal(&o->bell);
    }
    uv_mutex_unlock(&o->mutex);
    return state;
}

enum oauth_state oauth_tell(struct oauth *o, int64_t *expires_ms)
{
    uv_mutex_lock(&o->mutex);
    enum oauth_state state = state_of(o);
    *expires_ms = o->token.expires_ms;
    uv_mutex_unlock(&o->mutex);
    return state;
}

void oauth_stop(struct oauth *o)
{
    if (!o)
        return;
    uv_mutex_lock(&o->mutex);
    bool was_started = o->is_started;
    o->is_stopping = true;
    o->is_started = false;
    uv_cond_signal(&o->bell);
    uv_mutex_unlock(&o->mutex);
    if (was_started)
        uv_thread_join(&o->thread);
}

void oauth_free(struct oauth *o)
{
    if (!o)
        return;
    assert(!o->is_started);
    config_free(o->config);
    memset(&o->token, 0, sizeof o->token);
    uv_cond_destroy(&o->bell);
    uv_mutex_destroy(&o->mutex);
    free(o);
}

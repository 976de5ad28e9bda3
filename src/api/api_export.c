/*
 * api_export.c — an export as an answer: steps on worker threads, bytes on the loop.
 */
#include "api/api_export.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "api/api_reply.h"
#include "api/export.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"

enum { SLICE_BYTES = 64 << 10 };

struct api_exports {
    struct job_pool *jobs;
    const char *version;
    atomic_int running;
};

/* One export. Lives until its call has gone and nothing of it is under way. */
struct stream {
    struct api_exports *all;
    struct call *call; /* NULL: the client has left, or all has been said */
    struct loop *loop;
    const struct export_kind *kind;
    struct export *export;
    struct buf out; /* the step's bytes, on a worker thread while it runs */
    size_t sent;
    bool is_begun;    /* the head has gone out */
    bool is_stepping; /* a job has it */
    bool is_posted;   /* pump() is coming */
    bool is_over;     /* `out` is the last */
};

struct api_exports *api_exports_new(struct job_pool *jobs, const char *version)
{
    struct api_exports *x = MEM_NEW(struct api_exports);
    x->jobs = jobs;
    x->version = version;
    return x;
}

void api_exports_free(struct api_exports *x)
{
    free(x);
}

static void free_if_done(struct stream *s)
{
    if (s->call || s->is_stepping || s->is_posted)
        return;
    atomic_fetch_sub(&s->all->running, 1);
    export_free(s->export);
    buf_release(&s->out);
    free(s);
}

static void on_gone(void *owner)
{
    struct stream *s = owner;
    s->call = NULL;
    free_if_done(s);
}

/* --- bytes --- */

static void pump(struct stream *s);

static void on_turn(void *owner)
{
    struct stream *s = owner;
    s->is_posted = false;
    if (s->call)
        pump(s);
    else
        free_if_done(s);
}

static void on_room(void *owner)
{
    struct stream *s = owner;
    if (!s->is_stepping && !s->is_posted)
        pump(s);
}

static void step(struct stream *s);

/* Sends what there is; when all is sent, sees to more. May free `s`. */
static void pump(struct stream *s)
{
    while (s->sent < s->out.len) {
        struct str slice = str_head(str_from(buf_str(&s->out), s->sent), SLICE_BYTES);
        if (!call_stream_write(s->call, slice)) {
            if (!call_stream_is_full(s->call)) { /* this turn's bytes are on their way */
                s->is_posted = true;
                loop_post(s->loop, on_turn, s);
            }
            return;
        }
        s->sent += slice.len;
    }
    if (s->is_over)
        call_stream_end(s->call);
    else
        step(s);
}

static void begin_answer(struct stream *s)
{
    struct arena *arena = call_arena(s->call);
    char time[CLOCK_TEXT];
    clock_format(clock_wall_us(), time);
    for (char *c = time; *c; c++)
        if (*c == ':')
            *c = '-'; /* no character of a file's name everywhere */
    const struct reply head = {
        200, s->kind->content_type,
        arena_printf(arena,
                     "%sContent-Disposition: attachment; filename=\"claude-code-proxy-%.19s.%s\"\r\n"
                     "Content-Security-Policy: sandbox\r\n",
                     API_HEADERS, time, s->kind->extension)};
    s->is_begun = s->is_stepping = true; /* should the client have left, it is not freed here */
    call_stream_begin(s->call, &head, on_gone, s);
    s->is_stepping = false;
    if (s->call)
        call_stream_on_room(s->call, on_room);
}

/* Before the head has gone out an error is an answer; later the answer breaks off. */
static void give_up(struct stream *s, enum err err, const struct fail *why)
{
    struct call *c = s->call;
    if (err != ERR_SHUTDOWN)
        log_line(LOG_WARN, "an export failed", LOG_C("error", err_name(err)),
                 LOG_C("detail", why->detail));
    if (s->is_begun) {
        call_stream_break(c);
        return;
    }
    s->call = NULL;
    free_if_done(s);
    api_refuse(c, err, NULL, err_public(err), NULL);
}

/* --- steps --- */

static enum err work(struct api_job *job)
{
    struct stream *s = job->owner;
    return export_step(s->export, job->reader, &s->out, &s->is_over, &job->fail);
}

static void on_stepped(struct api_job *job)
{
    struct stream *s = job->owner;
    s->is_stepping = false;
    if (!s->call) {
        free_if_done(s);
        return;
    }
    if (job->err) {
        give_up(s, job->err, &job->fail);
        return;
    }
    if (!s->is_begun)
        begin_answer(s);
    if (s->call)
        pump(s);
    else
        free_if_done(s);
}

static void step(struct stream *s)
{
    enum { KEPT_BYTES = 1 << 20 };
    if (s->out.cap > KEPT_BYTES)
        buf_release(&s->out);
    buf_clear(&s->out);
    s->sent = 0;
    s->is_stepping = true;
    job_start_own(s->all->jobs, s->loop, work, on_stepped, s);
}

void api_export_start(struct api_exports *x, struct call *c, const struct ask *ask)
{
    const struct export_kind *kind =
        export_kind_find(ask->query.format.len ? ask->query.format : STR("jsonl"));
    if (!kind) {
        api_refuse(c, ERR_BAD_REQUEST, "format",
                   arena_printf(call_arena(c), "must be one of %s", export_kind_names()).ptr, NULL);
        return;
    }
    if (atomic_fetch_add(&x->running, 1) >= EXPORTS_MAX) {
        atomic_fetch_sub(&x->running, 1);
        api_refuse(c, ERR_TOO_MANY, NULL, err_public(ERR_TOO_MANY), "Retry-After: 5\r\n");
        return;
    }
    const struct export_about about = {x->version, clock_wall_us()};
    struct stream *s = MEM_NEW(struct stream);
    s->all = x;
    s->call = c;
    s->loop = call_loop(c);
    s->kind = kind;
    s->export = export_new(kind, &ask->query.filter, &about);
    buf_init(&s->out, EXPORT_OUT_MAX);
    s->is_over = str_equal(call_method(c), STR("HEAD")); /* nothing is asked but the head */
    if (!s->is_over) {
        step(s);
        return;
    }
    begin_answer(s);
    if (s->call)
        call_stream_end(s->call);
    else
        free_if_done(s);
}

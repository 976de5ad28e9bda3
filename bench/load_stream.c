/*
 * load_stream.c — many answers at once (streams, or big bodies), many connections doing nothing,
 * and one conversation of many streamed turns.
 */
#include "load.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void nothing(struct conn *c)
{
    (void)c;
}

/* --- many at once ------------------------------------------------------------------------ */

static uv_timer_t ramp;
static unsigned ramped;

/* Delays count while all streams run: neither the rush at the start nor the thinning out. */
static void one_begun(struct conn *c)
{
    struct load *l = c->load;

    if (++l->begun == l->options.connections) {
        l->is_measuring = l->options.is_stream;
        load_say_ready(l);
    }
}

static void one_done(struct conn *c)
{
    struct load *l = c->load;

    if (l->options.is_stream)
        l->is_measuring = false;
    if (l->options.is_stream && l->options.has_stamp && c->chunks != l->options.chunks)
        l->short_streams++;
    conn_close(c);
}

static void one_lost(struct conn *c)
{
    c->load->is_measuring = false;
}

/* All are asked within ramp_ms, evenly. */
static void ramp_step(uv_timer_t *timer)
{
    struct load *l = timer->data;
    uint64_t gone_ms = (uv_hrtime() - l->start_ns) / 1000000, total = l->options.connections;
    uint64_t wanted = l->options.ramp_ms ? total * gone_ms / l->options.ramp_ms : total;

    for (; ramped < total && ramped < wanted; ramped++)
        if (l->conns[ramped] && !l->conns[ramped]->is_closing)
            conn_ask(l->conns[ramped], uv_hrtime());
    if (ramped >= total)
        uv_close((uv_handle_t *)timer, NULL);
}

static void one_connected(struct conn *c)
{
    struct load *l = c->load;

    if (l->connected < l->options.connections)
        return;
    l->start_ns = uv_hrtime();
    l->is_measuring = !l->options.is_stream;
    uv_timer_init(l->loop, &ramp);
    ramp.data = l;
    uv_timer_start(&ramp, ramp_step, 0, 1);
}

int load_streams(struct load *l)
{
    l->on_connected = one_connected;
    l->on_begun = one_begun;
    l->on_done = one_done;
    l->on_lost = one_lost;
    load_connect(l);
    uv_run(l->loop, UV_RUN_DEFAULT);
    l->end_ns = uv_hrtime();
    return 0;
}

/* --- idle -------------------------------------------------------------------------------- */

/* Each asks once, one after another, so that the way to the provider is shared by all; and
 * the same, so that what sessions take is not counted as what connections take. */
static void idle_done(struct conn *c)
{
    struct load *l = c->load;

    if (c->number + 1 < l->options.connections)
        l->conns[c->number + 1] = conn_new(l, c->number + 1, 0);
    else
        uv_stop(l->loop);
}

static void idle_connected(struct conn *c)
{
    conn_ask(c, uv_hrtime());
}

static void idle_lost(struct conn *c)
{
    uv_stop(c->load->loop);
}

int load_idle(struct load *l)
{
    l->on_connected = idle_connected;
    l->on_done = idle_done;
    l->on_lost = idle_lost;
    l->start_ns = uv_hrtime();
    l->conns[0] = conn_new(l, 0, 0);
    uv_run(l->loop, UV_RUN_DEFAULT);
    load_say_ready(l);
    load_wait_for_end_of_input();
    l->end_ns = uv_hrtime();
    return l->errors > 0;
}

/* --- turns ------------------------------------------------------------------------------- */

static void save(const struct load *l, const char *what, const char *bytes, size_t len)
{
    char path[1024];
    FILE *out;

    snprintf(path, sizeof(path), "%s/%05llu.%s", l->options.save_dir,
             (unsigned long long)l->requests, what);
    out = fopen(path, "wb");
    assert(out);
    fwrite(bytes, 1, len, out);
    fclose(out);
}

/* The message a client makes of a stream: all text deltas, as one block. Escapes stay. */
static void hear_stream(struct conn *c)
{
    static const char open[] = "\"text_delta\",\"text\":\"";
    char *out = malloc(c->kept_len + 64), *at = c->kept, *end = at + c->kept_len;
    size_t len;

    assert(out);
    len = (size_t)sprintf(out, "[{\"type\":\"text\",\"text\":\"");
    while ((at = memmem(at, (size_t)(end - at), open, sizeof(open) - 1)) != NULL) {
        char *close = memmem(at, (size_t)(end - at), "\"}}\n", 4);

        at += sizeof(open) - 1;
        if (!close)
            break;
        memcpy(out + len, at, (size_t)(close - at));
        len += (size_t)(close - at);
        at = close;
    }
    len += (size_t)sprintf(out + len, "\"}]");
    dialog_hear(&c->dialog, out, len);
    free(out);
}

static void turn_ask(struct conn *c)
{
    const struct load *l = c->load;

    conn_ask(c, uv_hrtime());
    if (l->options.save_dir) {
        struct dialog_body body = dialog_say(&c->dialog, l->options.is_stream);
        char *whole = malloc(body.bytes), *at = whole;

        assert(whole);
        for (unsigned i = 0; i < body.count; i++, at += body.parts[i - 1].len)
            memcpy(at, body.parts[i].base, body.parts[i].len);
        save(l, "request", whole, body.bytes);
        free(whole);
    }
}

static void turn_done(struct conn *c)
{
    struct load *l = c->load;

    if (l->options.save_dir) {
        l->requests--; /* files are numbered by turn, from 0 */
        save(l, "answer", c->kept, c->kept_len);
        l->requests++;
    }
    hear_stream(c);
    if (l->requests < l->options.turns)
        turn_ask(c);
    else
        conn_close(c);
}

int load_turns(struct load *l)
{
    l->on_connected = turn_ask;
    l->on_done = turn_done;
    l->on_lost = nothing;
    l->is_measuring = true;
    l->start_ns = uv_hrtime();
    load_connect(l);
    uv_run(l->loop, UV_RUN_DEFAULT);
    l->end_ns = uv_hrtime();
    return 0;
}

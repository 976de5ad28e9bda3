/*
 * mock.c — bench-mock: a fast stand-in for a provider, one loop, one thread.
 *
 * Any request under /v1/ is answered as its query says:
 *   answer=json (default)  one Anthropic message; bytes=N of text, delay_us=D after the request
 *   answer=sse             an Anthropic event stream: chunks=N text deltas, one each
 *                          interval_us=T, chunk_bytes=B each as an event; the first after a random
 *                          part of T. stamp=1 begins each delta with '@' and the 16 digits of
 *                          uv_hrtime() in microseconds; stamp=0 is text only. A path that ends in
 *                          /chat/completions is answered as OpenAI does.
 * A request with `x-bench-hash` has its body checked against it (XXH64, hex); answers carry one
 * too: a JSON answer as a header, a stream as its last comment line. /bench/counters tells what
 * was seen. On SIGTERM it prints what it did and what its own ceiling is.
 */
#define XXH_STATIC_LINKING_ONLY /* states inside our own structs */
#include <assert.h>
#include <getopt.h>
#include <inttypes.h>
#include <llhttp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <uv.h>
#include <xxhash.h>

#include "alarm.h"
#include "due.h"
#include "mock_speech.h"
#include "phrase.h"

enum {
    READ_BYTES = 256 << 10,
    QUERY_BYTES = 512,
    POOL_BYTES = 16 << 20,
    MAX_ANSWER_BYTES = 1 << 20,
    MAX_QUEUED_BYTES = 1 << 20, /* a stream that is not read is skipped beyond this */
    LOOK_AHEAD = 8,             /* streams stepped before the loop is looked at again */
};

struct plan {
    int is_stream, is_stamped;
    const struct speech *speech;
    uint64_t bytes, delay_us, chunks, interval_us, chunk_bytes;
};

struct conn {
    uv_tcp_t tcp;
    llhttp_t parser;
    struct dice dice;
    char query[QUERY_BYTES];
    size_t query_len;
    bool is_hash_name, is_checked, is_head, is_busy, is_open;
    char hash[17];
    size_t hash_len;
    XXH64_state_t body_hash;
    struct plan plan;
    /* what is being answered */
    struct due due;
    uint64_t step;
    XXH64_state_t answer_hash;
};

static struct {
    uint64_t connections, requests, answers, streams_ended, streams_cut, chunks, request_bytes,
        bad_requests, bad_hashes, skipped;
} seen;

static uv_loop_t *loop;
static struct pool pool;
static struct alarm alarm_clock;
static uint64_t tick_ns; /* moments are rounded up to this; 0: exact */
static llhttp_settings_t settings;
static char read_room[READ_BYTES];

static void wait_until(struct conn *c, uint64_t due_ns)
{
    due_add(&c->due, tick_ns ? (due_ns + tick_ns - 1) / tick_ns * tick_ns : due_ns);
    alarm_at(&alarm_clock, due_first()->due_ns);
}

/* --- connections ----------------------------------------------------------------------- */

static void closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void drop(struct conn *c)
{
    if (!c->is_open)
        return;
    c->is_open = false;
    if (c->is_busy && c->plan.is_stream)
        seen.streams_cut++;
    due_remove(&c->due);
    uv_close((uv_handle_t *)&c->tcp, closed);
}

struct late_write {
    uv_write_t write;
    char bytes[];
};

static void written(uv_write_t *write, int status)
{
    (void)status;
    free(write->data);
}

/* Sends now what the socket takes, the rest when it can. */
static void send_all(struct conn *c, uv_buf_t *bufs, unsigned count)
{
    int sent = uv_try_write((uv_stream_t *)&c->tcp, bufs, count);
    size_t skip = sent > 0 ? (size_t)sent : 0, left = 0;
    struct late_write *late;
    uv_buf_t rest;

    if (sent < 0 && sent != UV_EAGAIN) {
        drop(c);
        return;
    }
    for (unsigned i = 0; i < count; i++)
        left += bufs[i].len;
    left -= skip;
    if (left == 0)
        return;
    late = malloc(sizeof(*late) + left);
    assert(late);
    late->write.data = late;
    rest = uv_buf_init(late->bytes, (unsigned)left);
    for (unsigned i = 0, at = 0; i < count; i++) {
        size_t from = skip < bufs[i].len ? skip : bufs[i].len;

        memcpy(late->bytes + at, bufs[i].base + from, bufs[i].len - from);
        at += (unsigned)(bufs[i].len - from);
        skip -= from;
    }
    uv_write(&late->write, (uv_stream_t *)&c->tcp, &rest, 1, written);
}

/* --- whole answers --------------------------------------------------------------------- */

static const char answer_head[] =
    "HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 01:00:00 GMT\r\nContent-Type: %s\r\n"
    "request-id: req_%016" PRIx64 "\r\nanthropic-organization-id: 5a1de7b2-0c44-4b7e-9d0f\r\n"
    "anthropic-ratelimit-requests-remaining: 3999\r\nServer: cloudflare\r\nCF-RAY: "
    "9a1b2c3d4e5f6071-FRA\r\n";

static void answer_json(struct conn *c)
{
    static char body[MAX_ANSWER_BYTES + 1024];
    char head[1024];
    struct piece text = pool_piece(&pool, &c->dice, c->plan.bytes);
    int len, head_len;
    uv_buf_t bufs[2];

    len = sprintf(body,
                  "{\"id\":\"msg_01%016" PRIx64 "\",\"type\":\"message\",\"role\":\"assistant\","
                  "\"model\":\"claude-opus-4-8-20260601\",\"content\":[{\"type\":\"text\",\"text\":"
                  "\"",
                  dice_roll(&c->dice));
    memcpy(body + len, text.ptr, text.len);
    len += (int)text.len;
    len += sprintf(body + len,
                   "\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{"
                   "\"input_tokens\":%u,\"cache_creation_input_tokens\":0,"
                   "\"cache_read_input_tokens\":%u,\"output_tokens\":%u}}",
                   dice_below(&c->dice, 3000), dice_below(&c->dice, 90000), (unsigned)text.len / 4);
    head_len = sprintf(head, answer_head, "application/json", dice_roll(&c->dice));
    if (c->is_checked)
        head_len += sprintf(head + head_len, "x-bench-hash: %016" PRIx64 "\r\n",
                            (uint64_t)XXH64(body, (size_t)len, 0));
    head_len += sprintf(head + head_len, "Content-Length: %d\r\n\r\n", len);
    bufs[0] = uv_buf_init(head, (unsigned)head_len);
    bufs[1] = uv_buf_init(body, (unsigned)len);
    c->is_busy = false;
    seen.answers++;
    send_all(c, bufs, 2);
}

/* --- streams --------------------------------------------------------------------------- */

enum { FRAME_BYTES = 16 << 10, STAMP_BYTES = 17 };

/* Wraps an event as one HTTP chunk and sends it with one write. */
static void send_event(struct conn *c, const char *event, size_t len)
{
    char size[16], end[] = "\r\n";
    uv_buf_t bufs[3];

    XXH64_update(&c->answer_hash, event, len);
    bufs[0] = uv_buf_init(size, (unsigned)sprintf(size, "%zx\r\n", len));
    bufs[1] = uv_buf_init((char *)(uintptr_t)event, (unsigned)len);
    bufs[2] = uv_buf_init(end, 2);
    send_all(c, bufs, 3);
}

static void stream_begin(struct conn *c)
{
    char text[2048];
    int len = sprintf(text, answer_head, "text/event-stream; charset=utf-8", dice_roll(&c->dice));
    uv_buf_t head;

    len += sprintf(text + len, "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n");
    head = uv_buf_init(text, (unsigned)len);
    send_all(c, &head, 1);
    XXH64_reset(&c->answer_hash, 0);
    len = sprintf(text, c->plan.speech->begin, dice_roll(&c->dice), dice_below(&c->dice, 3000),
                  dice_below(&c->dice, 90000));
    if (c->is_open)
        send_event(c, text, (size_t)len);
    c->step = 0;
    if (c->is_open)
        wait_until(c,
                   uv_hrtime() + dice_below(&c->dice, (uint32_t)c->plan.interval_us + 1) * 1000ull);
}

static void put_stamp(char *at)
{
    uint64_t us = uv_hrtime() / 1000;

    *at = '@';
    for (int i = STAMP_BYTES - 1; i > 0; i--, us /= 10)
        at[i] = (char)('0' + us % 10);
}

static void stream_delta(struct conn *c)
{
    char event[FRAME_BYTES];
    const struct speech *say = c->plan.speech;
    size_t len = strlen(say->delta_open), close_len = strlen(say->delta_close);
    size_t text = strlen(anthropic_speech.delta_open) + strlen(anthropic_speech.delta_close);
    struct piece piece;

    if (uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp) > MAX_QUEUED_BYTES) {
        seen.skipped++;
        return;
    }
    memcpy(event, say->delta_open, len);
    if (c->plan.is_stamped) {
        put_stamp(event + len);
        len += STAMP_BYTES;
        text += STAMP_BYTES;
    }
    /* Deltas differ in length, as tokens do: half to one and a half of what was asked for. The
     * text is of the same length in all languages. */
    text = c->plan.chunk_bytes > text + 8 ? c->plan.chunk_bytes - text : 8;
    text = text / 2 + dice_below(&c->dice, (uint32_t)text + 1);
    piece = pool_piece(&pool, &c->dice, text + 6);
    memcpy(event + len, piece.ptr, piece.len);
    len += piece.len;
    memcpy(event + len, say->delta_close, close_len);
    seen.chunks++;
    send_event(c, event, len + close_len);
}

static void stream_end(struct conn *c)
{
    char text[1024];
    uv_buf_t last = uv_buf_init(text, 0);
    int len = sprintf(text, c->plan.speech->end, (unsigned)c->plan.chunks * 4);

    send_event(c, text, (size_t)len);
    if (c->is_open && c->is_checked) {
        len = sprintf(text, ": bench-hash %016" PRIx64 "\n\n",
                      (uint64_t)XXH64_digest(&c->answer_hash));
        send_event(c, text, (size_t)len);
    }
    c->is_busy = false;
    seen.streams_ended++;
    last.len = (size_t)sprintf(text, "0\r\n\r\n");
    if (c->is_open)
        send_all(c, &last, 1);
}

static void step(struct conn *c)
{
    uint64_t due_ns = c->due.due_ns;

    if (!c->plan.is_stream) {
        answer_json(c);
        return;
    }
    if (c->step == c->plan.chunks) {
        stream_end(c);
        return;
    }
    c->step++;
    stream_delta(c);
    if (c->is_open)
        wait_until(c, due_ns + c->plan.interval_us * 1000);
}

static void rang(struct alarm *a)
{
    struct due *d;

    for (unsigned n = 0; (d = due_first()) != NULL && d->due_ns <= uv_hrtime(); n++) {
        if (n == LOOK_AHEAD && tick_ns == 0)
            break; /* others' requests come in between */
        due_remove(d);
        step((struct conn *)(void *)((char *)d - offsetof(struct conn, due)));
    }
    if (d)
        alarm_at(a, due_first()->due_ns);
}

/* --- requests -------------------------------------------------------------------------- */

static uint64_t query_number(const char *query, const char *key, uint64_t otherwise)
{
    const char *at = strstr(query, key);

    return at ? strtoull(at + strlen(key), NULL, 10) : otherwise;
}

static void read_plan(struct conn *c)
{
    struct plan *p = &c->plan;

    c->query[c->query_len] = '\0';
    p->is_stream = strstr(c->query, "answer=sse") != NULL;
    p->speech = strstr(c->query, "/chat/completions") ? &chat_speech : &anthropic_speech;
    p->is_stamped = query_number(c->query, "&stamp=", 1) != 0;
    p->bytes = query_number(c->query, "&bytes=", 1000);
    p->delay_us = query_number(c->query, "&delay_us=", 0);
    p->chunks = query_number(c->query, "&chunks=", 100);
    p->interval_us = query_number(c->query, "&interval_us=", 20000);
    p->chunk_bytes = query_number(c->query, "&chunk_bytes=", 190);
    if (p->bytes > MAX_ANSWER_BYTES)
        p->bytes = MAX_ANSWER_BYTES;
    if (p->chunk_bytes > FRAME_BYTES / 2)
        p->chunk_bytes = FRAME_BYTES / 2;
}

static void answer_counters(struct conn *c)
{
    char text[1024], body[640];
    int len =
        sprintf(body,
                "{\"connections\":%" PRIu64 ",\"requests\":%" PRIu64 ",\"answers\":%" PRIu64
                ",\"streams_ended\":%" PRIu64 ",\"streams_cut\":%" PRIu64 ",\"chunks\":%" PRIu64
                ",\"request_bytes\":%" PRIu64 ",\"bad_requests\":%" PRIu64
                ",\"bad_hashes\":%" PRIu64 ",\"skipped\":%" PRIu64 "}\n",
                seen.connections, seen.requests, seen.answers, seen.streams_ended, seen.streams_cut,
                seen.chunks, seen.request_bytes, seen.bad_requests, seen.bad_hashes, seen.skipped);
    uv_buf_t buf =
        uv_buf_init(text, (unsigned)sprintf(text,
                                            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                            "Content-Length: %d\r\n\r\n%s",
                                            len, body));

    send_all(c, &buf, 1);
}

static void check_request(struct conn *c)
{
    char hash[20];

    if (!c->is_checked)
        return;
    snprintf(hash, sizeof(hash), "%016" PRIx64, (uint64_t)XXH64_digest(&c->body_hash));
    if (c->hash_len != 16 || memcmp(hash, c->hash, 16) != 0)
        seen.bad_hashes++;
}

static int on_begin(llhttp_t *parser)
{
    struct conn *c = parser->data;

    c->query_len = c->hash_len = 0;
    c->is_checked = c->is_hash_name = false;
    return 0;
}

static int on_url(llhttp_t *parser, const char *at, size_t len)
{
    struct conn *c = parser->data;

    if (c->query_len + len >= QUERY_BYTES)
        return -1;
    memcpy(c->query + c->query_len, at, len);
    c->query_len += len;
    return 0;
}

/* A name cut in two by a read goes unnoticed: then this request is not checked. */
static int on_name(llhttp_t *parser, const char *at, size_t len)
{
    struct conn *c = parser->data;

    c->is_hash_name = len == 12 && strncasecmp(at, "x-bench-hash", 12) == 0;
    if (c->is_hash_name) {
        c->is_checked = true;
        XXH64_reset(&c->body_hash, 0);
    }
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t len)
{
    struct conn *c = parser->data;

    if (!c->is_hash_name || c->hash_len + len > 16)
        return 0;
    memcpy(c->hash + c->hash_len, at, len);
    c->hash_len += len;
    return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    struct conn *c = parser->data;

    seen.request_bytes += len;
    if (c->is_checked)
        XXH64_update(&c->body_hash, at, len);
    return 0;
}

static int on_complete(llhttp_t *parser)
{
    struct conn *c = parser->data;

    if (c->query_len > 7 && memcmp(c->query, "/bench/", 7) == 0) {
        answer_counters(c);
        return 0;
    }
    seen.requests++;
    check_request(c);
    read_plan(c);
    c->is_busy = true;
    if (c->plan.is_stream)
        stream_begin(c);
    else if (c->plan.delay_us)
        wait_until(c, uv_hrtime() + c->plan.delay_us * 1000);
    else
        answer_json(c);
    return 0;
}

static void on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
    (void)handle;
    (void)hint;
    *buf = uv_buf_init(read_room, READ_BYTES);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct conn *c = stream->data;

    if (len == 0)
        return;
    if (len < 0) {
        drop(c);
        return;
    }
    if (llhttp_execute(&c->parser, buf->base, (size_t)len) != HPE_OK && c->is_open) {
        seen.bad_requests++;
        drop(c);
    }
}

static void on_connection(uv_stream_t *server, int status)
{
    struct conn *c;

    if (status < 0)
        return;
    c = calloc(1, sizeof(*c));
    assert(c);
    uv_tcp_init(loop, &c->tcp);
    c->tcp.data = c;
    c->is_open = true;
    if (uv_accept(server, (uv_stream_t *)&c->tcp) != 0) {
        drop(c);
        return;
    }
    seen.connections++;
    c->dice.state = seen.connections * 7919 + uv_hrtime();
    uv_tcp_nodelay(&c->tcp, 1);
    llhttp_init(&c->parser, HTTP_REQUEST, &settings);
    c->parser.data = c;
    uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
}

/* --- the program ----------------------------------------------------------------------- */

static void on_signal(uv_signal_t *signal, int number)
{
    struct rusage use;
    double cpu_us;
    uint64_t done = seen.answers + seen.chunks;

    (void)signal;
    (void)number;
    getrusage(RUSAGE_SELF, &use);
    cpu_us = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1e6 +
             (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
    printf("{\"requests\":%" PRIu64 ",\"chunks\":%" PRIu64 ",\"bad_hashes\":%" PRIu64
           ",\"cpu_us\":%.0f,\"cpu_us_each\":%.2f,\"ceiling_per_second\":%.0f}\n",
           seen.requests, seen.chunks, seen.bad_hashes, cpu_us, done ? cpu_us / (double)done : 0.0,
           cpu_us > 0 ? (double)done / cpu_us * 1e6 : 0.0);
    exit(0);
}

static void init_settings(void)
{
    llhttp_settings_init(&settings);
    settings.on_message_begin = on_begin;
    settings.on_url = on_url;
    settings.on_header_field = on_name;
    settings.on_header_value = on_value;
    settings.on_body = on_body;
    settings.on_message_complete = on_complete;
}

static int listen_at(uv_tcp_t *server, int port)
{
    struct sockaddr_in addr;
    int len = sizeof(addr), err;

    uv_ip4_addr("127.0.0.1", port, &addr);
    uv_tcp_init(loop, server);
    if ((err = uv_tcp_bind(server, (struct sockaddr *)&addr, 0)) != 0 ||
        (err = uv_listen((uv_stream_t *)server, 8192, on_connection)) != 0) {
        fprintf(stderr, "bench-mock: %s\n", uv_strerror(err));
        return 1;
    }
    uv_tcp_getsockname(server, (struct sockaddr *)&addr, &len);
    printf("listening port=%d\n", ntohs(addr.sin_port));
    fflush(stdout);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option known[] = {{"port", required_argument, NULL, 'p'},
                                          {"seed", required_argument, NULL, 's'},
                                          {"tick-us", required_argument, NULL, 't'},
                                          {NULL, 0, NULL, 0}};
    int port = 0, c;
    uint64_t seed = 1;
    uv_tcp_t server;
    uv_signal_t term, interrupt;

    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (c == 'p')
            port = atoi(optarg);
        else if (c == 's')
            seed = strtoull(optarg, NULL, 10);
        else if (c == 't')
            tick_ns = strtoull(optarg, NULL, 10) * 1000;
        else
            return 2;
    }
    loop = uv_default_loop();
    signal(SIGPIPE, SIG_IGN);
    init_settings();
    pool_init(&pool, seed + 1000003, POOL_BYTES);
    alarm_init(&alarm_clock, loop, rang);
    uv_signal_init(loop, &term);
    uv_signal_start(&term, on_signal, SIGTERM);
    uv_signal_init(loop, &interrupt);
    uv_signal_start(&interrupt, on_signal, SIGINT);
    if (listen_at(&server, port) != 0)
        return 1;
    return uv_run(loop, UV_RUN_DEFAULT);
}

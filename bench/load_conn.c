/*
 * load_conn.c — see load_conn.h.
 */
#include "load_conn.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "load.h"

enum { READ_BYTES = 256 << 10, MAX_KEPT_BYTES = 1 << 20 };

static char read_room[READ_BYTES];

static int on_head(llhttp_t *parser);
static int on_name(llhttp_t *parser, const char *at, size_t len);
static int on_value(llhttp_t *parser, const char *at, size_t len);
static int on_body(llhttp_t *parser, const char *at, size_t len);
static int on_complete(llhttp_t *parser);

static const llhttp_settings_t *settings(void)
{
    static llhttp_settings_t s;

    if (!s.on_body) {
        llhttp_settings_init(&s);
        s.on_header_field = on_name;
        s.on_header_value = on_value;
        s.on_headers_complete = on_head;
        s.on_body = on_body;
        s.on_message_complete = on_complete;
    }
    return &s;
}

/* --- the end of a connection ------------------------------------------------------------ */

static void closed(uv_handle_t *handle)
{
    struct conn *c = handle->data;

    dialog_release(&c->dialog);
    free(c->kept);
    c->load->conns[c->number] = NULL;
    free(c);
}

void conn_close(struct conn *c)
{
    if (c->is_closing)
        return;
    c->is_closing = true;
    uv_close((uv_handle_t *)&c->tcp, closed);
}

static void lose(struct conn *c)
{
    if (c->is_closing)
        return;
    c->load->errors++;
    conn_close(c);
    c->load->on_lost(c);
}

/* --- asking ------------------------------------------------------------------------------ */

/* The heads Claude Code sends, in its order; only what differs is written anew. */
static void write_head(struct conn *c)
{
    const struct load *l = c->load;

    memcpy(c->head_session, c->dialog.session, sizeof(c->head_session));
    c->head_fixed_len = (size_t)snprintf(
        c->head, sizeof(c->head),
        "POST /v1/messages?%s HTTP/1.1\r\nHost: %s:%d\r\nAccept: application/json\r\n"
        "X-Stainless-Retry-Count: 0\r\nX-Stainless-Timeout: 600\r\nX-Stainless-Lang: js\r\n"
        "X-Stainless-Package-Version: 0.94.0\r\nX-Stainless-OS: Linux\r\nX-Stainless-Arch: x64\r\n"
        "X-Stainless-Runtime: node\r\nX-Stainless-Runtime-Version: v24.3.0\r\n"
        "X-Claude-Code-Session-Id: %s\r\nanthropic-dangerous-direct-browser-access: true\r\n"
        "anthropic-version: 2023-06-01\r\nx-api-key: sk-ant-test-0123456789abcdef\r\nx-app: cli\r\n"
        "User-Agent: claude-cli/2.1.329 (external, cli)\r\nContent-Type: application/json\r\n"
        "anthropic-beta: claude-code-20250219,interleaved-thinking-2025-05-14,"
        "context-management-2025-06-27,prompt-caching-scope-2026-01-05,effort-2025-11-24\r\n"
        "Connection: keep-alive\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n",
        l->query, l->options.host, l->options.port, c->head_session);
    assert(c->head_fixed_len + 128 < sizeof(c->head));
}

static uint64_t hash_body(const struct dialog_body *body)
{
    XXH64_state_t hash;

    XXH64_reset(&hash, 0);
    for (unsigned i = 0; i < body->count; i++)
        XXH64_update(&hash, body->parts[i].base, body->parts[i].len);
    return XXH64_digest(&hash);
}

static void finish_head(struct conn *c, const struct dialog_body *body)
{
    char *at = c->head + c->head_fixed_len;

    if (c->is_checked)
        at += sprintf(at, "x-bench-hash: %016" PRIx64 "\r\n", hash_body(body));
    at += sprintf(at, "Content-Length: %zu\r\n\r\n", body->bytes);
    c->head_len = (size_t)(at - c->head);
}

static void written(uv_write_t *write, int status)
{
    struct conn *c = write->data;

    c->is_writing = false;
    if (status < 0 && status != UV_ECANCELED)
        lose(c);
}

static void send_request(struct conn *c, const struct dialog_body *body)
{
    uv_buf_t bufs[DIALOG_PARTS + 1] = {uv_buf_init(c->head, (unsigned)c->head_len)};
    unsigned count = body->count + 1, from = 0;
    int sent;

    memcpy(bufs + 1, body->parts, body->count * sizeof(bufs[0]));
    sent = uv_try_write((uv_stream_t *)&c->tcp, bufs, count);
    if (sent < 0 && sent != UV_EAGAIN) {
        lose(c);
        return;
    }
    for (size_t skip = sent > 0 ? (size_t)sent : 0; from < count; from++) {
        size_t part = skip < bufs[from].len ? skip : bufs[from].len;

        bufs[from].base += part;
        bufs[from].len -= part;
        skip -= part;
        if (bufs[from].len > 0)
            break;
    }
    if (from == count)
        return;
    c->is_writing = true; /* the parts stay where they are until the answer is there */
    c->write.data = c;
    uv_write(&c->write, (uv_stream_t *)&c->tcp, bufs + from, count - from, written);
}

void conn_ask(struct conn *c, uint64_t intended_ns)
{
    struct load *l = c->load;
    struct dialog_body body = dialog_say(&c->dialog, l->options.is_stream);

    assert(c->is_connected && !c->is_busy);
    c->is_checked = l->options.check_every && c->asked % l->options.check_every == 0;
    c->asked++;
    if (memcmp(c->head_session, c->dialog.session, sizeof(c->head_session)) != 0)
        write_head(c);
    finish_head(c, &body);
    c->is_busy = true;
    c->has_answer_begun = false;
    c->chunks = c->answer_bytes = 0;
    c->stamp_digits = 0;
    c->kept_len = c->wanted_hash_len = 0;
    if (c->is_checked)
        XXH64_reset(&c->hash, 0);
    l->sent_bytes += c->head_len + body.bytes;
    c->intended_ns = intended_ns;
    c->sent_ns = uv_hrtime();
    send_request(c, &body);
}

/* --- the answer -------------------------------------------------------------------------- */

static int on_name(llhttp_t *parser, const char *at, size_t len)
{
    struct conn *c = parser->data;

    c->is_hash_name = c->is_checked && len == 12 && strncasecmp(at, "x-bench-hash", 12) == 0;
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t len)
{
    struct conn *c = parser->data;

    if (!c->is_hash_name || c->wanted_hash_len + len > 16)
        return 0;
    memcpy(c->wanted_hash + c->wanted_hash_len, at, len);
    c->wanted_hash_len += len;
    return 0;
}

static int on_head(llhttp_t *parser)
{
    struct conn *c = parser->data;

    c->status = parser->status_code;
    c->has_answer_begun = true;
    if (c->load->is_measuring)
        histogram_add(&c->load->first_byte, uv_hrtime() - c->intended_ns);
    if (c->load->on_begun)
        c->load->on_begun(c);
    return 0;
}

/* A stamped chunk has come: how long was it under way, and did it come alone? */
static void count_chunk(struct conn *c)
{
    struct load *l = c->load;
    uint64_t now_ns = uv_hrtime(), sent_ns = c->stamp_us * 1000;

    c->chunks++;
    l->chunks++;
    if (!l->is_measuring)
        return;
    histogram_add(&l->delay, now_ns > sent_ns ? now_ns - sent_ns : 0);
    if (c->read_number == l->read_number)
        l->merged_chunks++;
    c->read_number = l->read_number;
}

/* Stamps are '@' and 16 digits; one may be cut anywhere by the reads. */
static void find_stamps(struct conn *c, const char *at, size_t len)
{
    const char *end = at + len;

    while (at < end) {
        if (c->stamp_digits == 0) {
            at = memchr(at, '@', (size_t)(end - at));
            if (!at)
                return;
            at++;
            c->stamp_digits = 1;
            c->stamp_us = 0;
        }
        for (; at < end && c->stamp_digits <= CONN_STAMP_DIGITS; c->stamp_digits++)
            c->stamp_us = c->stamp_us * 10 + (uint64_t)(*at++ - '0');
        if (c->stamp_digits > CONN_STAMP_DIGITS) {
            c->stamp_digits = 0;
            count_chunk(c);
        }
    }
}

static void keep(struct conn *c, const char *at, size_t len)
{
    if (c->kept_len + len > MAX_KEPT_BYTES)
        return;
    if (c->kept_len + len > c->kept_cap) {
        c->kept_cap = (c->kept_len + len) * 2;
        c->kept = realloc(c->kept, c->kept_cap);
        assert(c->kept);
    }
    memcpy(c->kept + c->kept_len, at, len);
    c->kept_len += len;
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    struct conn *c = parser->data;

    c->answer_bytes += len;
    if (c->load->options.has_stamp && c->load->options.is_stream)
        find_stamps(c, at, len);
    if (c->is_checked || c->dialog.kind == DIALOG_AGENT)
        keep(c, at, len);
    return 0;
}

/* A stream's hash is of all before its last comment line, which carries it. */
static bool is_intact(struct conn *c)
{
    static const char word[] = ": bench-hash ";
    size_t tail = sizeof(word) - 1 + 16 + 2, len = c->kept_len;
    char hash[20];

    if (c->load->options.is_stream) {
        if (len < tail || memcmp(c->kept + len - tail, word, sizeof(word) - 1) != 0)
            return false;
        len -= tail;
        memcpy(c->wanted_hash, c->kept + len + sizeof(word) - 1, 16);
        c->wanted_hash_len = 16;
    }
    snprintf(hash, sizeof(hash), "%016" PRIx64, (uint64_t)XXH64(c->kept, len, 0));
    return c->wanted_hash_len == 16 && memcmp(hash, c->wanted_hash, 16) == 0;
}

static int on_complete(llhttp_t *parser)
{
    struct conn *c = parser->data;
    struct load *l = c->load;

    c->is_busy = false;
    l->requests++;
    if (c->status < 200 || c->status > 299)
        l->non_2xx++;
    if (c->is_checked) {
        l->checked++;
        if (!is_intact(c))
            l->bad_hashes++;
    }
    if (l->is_measuring)
        histogram_add(&l->latency, uv_hrtime() - c->intended_ns);
    l->on_done(c);
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
    struct load *l = c->load;

    if (len == 0)
        return;
    if (len < 0) {
        lose(c);
        return;
    }
    l->read_number++;
    l->received_bytes += (uint64_t)len;
    if (llhttp_execute(&c->parser, buf->base, (size_t)len) != HPE_OK)
        lose(c);
}

/* --- the beginning ----------------------------------------------------------------------- */

static void connected(uv_connect_t *connect, int status)
{
    struct conn *c = connect->data;

    if (status < 0) {
        if (status != UV_ECANCELED)
            lose(c);
        return;
    }
    uv_tcp_nodelay(&c->tcp, 1);
    uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
    c->is_connected = true;
    c->load->connected++;
    c->load->on_connected(c);
}

struct conn *conn_new(struct load *load, unsigned number, unsigned voice)
{
    struct conn *c = calloc(1, sizeof(*c));

    assert(c);
    c->load = load;
    c->number = number;
    dialog_init(&c->dialog, load->world, load->options.profile,
                load->options.seed * 1000003 + voice);
    llhttp_init(&c->parser, HTTP_RESPONSE, settings());
    c->parser.data = c;
    uv_tcp_init(load->loop, &c->tcp);
    c->tcp.data = c->connect.data = c;
    uv_tcp_connect(&c->connect, &c->tcp, (struct sockaddr *)&load->address, connected);
    return c;
}

/*
 * tls.c — TLS over OpenSSL's memory BIOs.
 */
#include "io/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <uv.h>

#include "base/mem.h"

enum { SESSIONS_KEPT = 4 };

struct tls_context {
    SSL_CTX *ssl;
    SSL_SESSION *sessions[SESSIONS_KEPT]; /* newest first; each is taken out when it is used */
};

struct tls_stream {
    SSL *ssl;
    BIO *in, *out; /* owned by ssl */
    struct fail fail;
};

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_context *c = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    if (c->sessions[SESSIONS_KEPT - 1])
        SSL_SESSION_free(c->sessions[SESSIONS_KEPT - 1]);
    memmove(c->sessions + 1, c->sessions, (SESSIONS_KEPT - 1) * sizeof c->sessions[0]);
    c->sessions[0] = session;
    return 1; /* the reference is ours now */
}

/* A session of TLS 1.2 may serve again, and resuming it gives no other. One of 1.3 serves once, and
 * the server gives more (RFC 8446 §C.4). */
static void on_info(const SSL *ssl, int where, int result)
{
    (void)result;
    if ((where & SSL_CB_HANDSHAKE_DONE) && SSL_version(ssl) < TLS1_3_VERSION &&
        SSL_session_reused(ssl))
        keep_session((SSL *)ssl, SSL_get1_session((SSL *)ssl));
}

static SSL_SESSION *take_session(struct tls_context *c)
{
    SSL_SESSION *session = c->sessions[0];
    memmove(c->sessions, c->sessions + 1, (SESSIONS_KEPT - 1) * sizeof c->sessions[0]);
    c->sessions[SESSIONS_KEPT - 1] = NULL;
    return session;
}

/* A directory of hashed certificates is read as needed; a bundle file costs 20 ms at once. */
static int load_system_roots(SSL_CTX *ssl)
{
    const char *dir = getenv(X509_get_default_cert_dir_env());
    const char *file = getenv(X509_get_default_cert_file_env());
    struct stat st;
    if (file)
        return SSL_CTX_load_verify_file(ssl, file);
    if (!dir)
        dir = X509_get_default_cert_dir();
    char probe[512];
    /* Debian and others keep hashed links beside the bundle: this one is in every store. */
    snprintf(probe, sizeof probe, "%s/ca-certificates.crt", dir);
    if (stat(probe, &st) == 0 && SSL_CTX_load_verify_dir(ssl, dir))
        return 1;
    return SSL_CTX_set_default_verify_paths(ssl);
}

enum err tls_context_new(struct tls_context **out, const char *ca_file, struct fail *f)
{
    struct tls_context *c = MEM_NEW(struct tls_context);
    c->ssl = SSL_CTX_new(TLS_client_method());
    assert(c->ssl);
    SSL_CTX_set_app_data(c->ssl, c);
    SSL_CTX_set_min_proto_version(c->ssl, TLS1_2_VERSION);
    SSL_CTX_set_verify(c->ssl, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(c->ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                 SSL_MODE_ENABLE_PARTIAL_WRITE);
    SSL_CTX_set_options(c->ssl, SSL_OP_NO_RENEGOTIATION); /* a write must never have to wait for it */
    SSL_CTX_set_session_cache_mode(c->ssl,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(c->ssl, keep_session);
    SSL_CTX_set_info_callback(c->ssl, on_info);
    ERR_clear_error();
    int loaded = ca_file && *ca_file ? SSL_CTX_load_verify_file(c->ssl, ca_file)
                                     : load_system_roots(c->ssl);
    if (!loaded) {
        enum err err = fail(f, ERR_UPSTREAM_TLS, "cannot load trusted certificates%s%s",
                            ca_file && *ca_file ? " from " : "", ca_file ? ca_file : "");
        tls_context_free(c);
        return err;
    }
    *out = c;
    return ERR_OK;
}

void tls_context_free(struct tls_context *c)
{
    if (!c)
        return;
    for (int i = 0; i < SESSIONS_KEPT; i++)
        if (c->sessions[i])
            SSL_SESSION_free(c->sessions[i]);
    SSL_CTX_free(c->ssl);
    free(c);
}

static bool is_address(const char *host)
{
    unsigned char bytes[16];
    return uv_inet_pton(AF_INET, host, bytes) == 0 || uv_inet_pton(AF_INET6, host, bytes) == 0;
}

struct tls_stream *tls_stream_new(struct tls_context *c, const char *host)
{
    struct tls_stream *s = MEM_NEW(struct tls_stream);
    s->ssl = SSL_new(c->ssl);
    s->in = BIO_new(BIO_s_mem());
    s->out = BIO_new(BIO_s_mem());
    assert(s->ssl && s->in && s->out);
    BIO_set_mem_eof_return(s->in, -1);
    BIO_set_mem_eof_return(s->out, -1);
    SSL_set_bio(s->ssl, s->in, s->out);
    SSL_set_connect_state(s->ssl);
    X509_VERIFY_PARAM *verify = SSL_get0_param(s->ssl);
    X509_VERIFY_PARAM_set_hostflags(verify, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (is_address(host)) {
        X509_VERIFY_PARAM_set1_ip_asc(verify, host);
    } else {
        SSL_set_tlsext_host_name(s->ssl, host);
        SSL_set1_host(s->ssl, host);
    }
    SSL_SESSION *session = take_session(c);
    if (session) {
        SSL_set_session(s->ssl, session);
        SSL_SESSION_free(session);
    }
    return s;
}

void tls_stream_free(struct tls_stream *s)
{
    if (!s)
        return;
    /* Freed without a shutdown, OpenSSL calls the session bad, and it cannot be resumed. After a
     * failure it may well be. */
    if (!s->fail.code)
        SSL_set_shutdown(s->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(s->ssl);
    free(s);
}

void tls_stream_feed(struct tls_stream *s, struct str wire)
{
    while (wire.len) { /* a memory BIO takes all, but counts in ints */
        int part = (int)MIN_OF(wire.len, (size_t)1 << 20);
        int taken = BIO_write(s->in, wire.ptr, part);
        assert(taken == part);
        wire = str_from(wire, (size_t)taken);
    }
}

static enum tls_state say_failed(struct tls_stream *s)
{
    long verdict = SSL_get_verify_result(s->ssl);
    unsigned long code = ERR_get_error();
    const char *reason = verdict != X509_V_OK ? X509_verify_cert_error_string(verdict)
                         : code               ? ERR_reason_error_string(code)
                                              : "connection broke off";
    fail(&s->fail, ERR_UPSTREAM_TLS, "TLS: %s", reason ? reason : "unknown error");
    ERR_clear_error();
    return TLS_FAILED;
}

static enum tls_state state_of(struct tls_stream *s, int result)
{
    switch (SSL_get_error(s->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return SSL_is_init_finished(s->ssl) ? TLS_OPEN : TLS_HANDSHAKE;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_CLOSED;
    default:
        return say_failed(s);
    }
}

enum tls_state tls_stream_shake(struct tls_stream *s)
{
    ERR_clear_error();
    int result = SSL_do_handshake(s->ssl);
    return result == 1 ? TLS_OPEN : state_of(s, result);
}

enum tls_state tls_stream_read(struct tls_stream *s, char *out, size_t room, size_t *got)
{
    ERR_clear_error();
    *got = 0;
    int result = SSL_read_ex(s->ssl, out, room, got);
    return result == 1 ? TLS_OPEN : state_of(s, result);
}

enum tls_state tls_stream_write(struct tls_stream *s, struct str plain)
{
    while (plain.len) {
        size_t taken = 0;
        ERR_clear_error();
        if (SSL_write_ex(s->ssl, plain.ptr, plain.len, &taken) != 1) {
            ERR_clear_error();
            return TLS_FAILED;
        }
        plain = str_from(plain, taken);
    }
    return TLS_OPEN;
}

void tls_stream_end(struct tls_stream *s)
{
    if (SSL_is_init_finished(s->ssl) && !s->fail.code)
        SSL_shutdown(s->ssl);
    ERR_clear_error();
}

const struct fail *tls_stream_failure(const struct tls_stream *s)
{
    return &s->fail;
}

size_t tls_stream_pending(const struct tls_stream *s)
{
    return BIO_ctrl_pending(s->out);
}

size_t tls_stream_take(struct tls_stream *s, char *out, size_t room)
{
    int got = BIO_read(s->out, out, (int)MIN_OF(room, (size_t)1 << 30));
    return got > 0 ? (size_t)got : 0;
}

/* --- buffers: OpenSSL's grow with what they held at most, and never shrink --- */

enum { BUFFER_KEPT_BYTES = 32 * 1024 };

static size_t buffer_bytes(BIO *bio)
{
    BUF_MEM *memory = NULL;
    BIO_get_mem_ptr(bio, &memory);
    return memory ? memory->max : 0;
}

/* A new one in its place, where it is empty and large. */
static BIO *shrunk(BIO *bio)
{
    if (BIO_ctrl_pending(bio) || buffer_bytes(bio) <= BUFFER_KEPT_BYTES)
        return NULL;
    BIO *fresh = BIO_new(BIO_s_mem());
    assert(fresh);
    BIO_set_mem_eof_return(fresh, -1);
    return fresh;
}

void tls_stream_rest(struct tls_stream *s)
{
    BIO *in = shrunk(s->in), *out = shrunk(s->out);
    if (in)
        SSL_set0_rbio(s->ssl, s->in = in); /* frees the old one */
    if (out)
        SSL_set0_wbio(s->ssl, s->out = out);
}

size_t tls_stream_buffer_bytes(const struct tls_stream *s)
{
    return buffer_bytes(s->in) + buffer_bytes(s->out);
}

/*
 * test_tls.c — TLS against OpenSSL's server side, in memory: what a stream keeps while it is idle.
 */
#include "check.h"
#include "scratch.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "io/tls.h"

static struct {
    SSL_CTX *context;
    SSL *ssl;
    BIO *in, *out;
} server;

/* A certificate for "server.test" that is its own authority, in "ca.pem". */
static void make_certificate(X509 **certificate, EVP_PKEY **key)
{
    *key = EVP_EC_gen("P-256");
    X509 *x = *certificate = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, *key);
    X509_NAME *name = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"server.test", -1,
                               -1, 0);
    X509_set_issuer_name(x, name);
    X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:server.test");
    X509_add_ext(x, names, -1);
    X509_EXTENSION_free(names);
    assert_true(X509_sign(x, *key, EVP_sha256()) > 0);
    FILE *file = fopen("ca.pem", "w");
    assert_non_null(file);
    PEM_write_X509(file, x);
    fclose(file);
}

static int set_up(void **state)
{
    X509 *certificate;
    EVP_PKEY *key;
    if (scratch_enter(state))
        return -1;
    make_certificate(&certificate, &key);
    server.context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(server.context, certificate);
    SSL_CTX_use_PrivateKey(server.context, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
    server.ssl = SSL_new(server.context);
    server.in = BIO_new(BIO_s_mem());
    server.out = BIO_new(BIO_s_mem());
    SSL_set_bio(server.ssl, server.in, server.out);
    SSL_set_accept_state(server.ssl);
    return 0;
}

static int tear_down(void **state)
{
    SSL_free(server.ssl);
    SSL_CTX_free(server.context);
    return scratch_leave(state);
}

/* All bytes that wait, both ways. */
static void carry(struct tls_stream *s)
{
    static char bytes[65536];
    size_t len;
    int got;
    while ((len = tls_stream_take(s, bytes, sizeof bytes)) > 0)
        assert_int_equal(BIO_write(server.in, bytes, (int)len), (int)len);
    while ((got = BIO_read(server.out, bytes, sizeof bytes)) > 0)
        tls_stream_feed(s, str_make(bytes, (size_t)got));
}

static void shake_hands(struct tls_stream *s)
{
    for (int i = 0; i < 4; i++) {
        tls_stream_shake(s);
        carry(s);
        SSL_do_handshake(server.ssl);
        carry(s);
    }
    assert_int_equal(tls_stream_shake(s), TLS_OPEN);
}

static size_t read_all(struct tls_stream *s)
{
    static char bytes[65536];
    size_t sum = 0, got;
    do {
        assert_int_equal(tls_stream_read(s, bytes, sizeof bytes, &got), TLS_OPEN);
        sum += got;
    } while (got);
    return sum;
}

static void server_says(struct tls_stream *s, size_t len)
{
    static char bytes[4 << 20];
    assert_int_equal(SSL_write(server.ssl, bytes, (int)len), (int)len);
    carry(s);
}

static void an_idle_stream_keeps_little(void **state)
{
    (void)state;
    static char question[1 << 20];
    struct tls_context *context;
    struct fail f = {0};
    assert_int_equal(tls_context_new(&context, "ca.pem", &f), ERR_OK);
    struct tls_stream *s = tls_stream_new(context, "server.test");
    shake_hands(s);
    server_says(s, 4 << 20);
    tls_stream_rest(s); /* not while something waits in it */
    assert_int_equal(tls_stream_write(s, str_make(question, sizeof question)), TLS_OPEN);
    tls_stream_rest(s);
    carry(s);
    assert_int_equal(read_all(s), 4 << 20);
    assert_true(tls_stream_buffer_bytes(s) > 5 << 20);
    tls_stream_rest(s);
    assert_in_range(tls_stream_buffer_bytes(s), 0, 64 * 1024);
    for (int i = 0; i < 3; i++) { /* and it goes on, both ways */
        assert_int_equal(tls_stream_write(s, STR("next")), TLS_OPEN);
        server_says(s, 1000);
        assert_int_equal(read_all(s), 1000);
        tls_stream_rest(s);
    }
    size_t heard = 0, got;
    while (SSL_read_ex(server.ssl, question, sizeof question, &got) == 1)
        heard += got;
    assert_int_equal(heard, (1 << 20) + 3 * 4);
    tls_stream_free(s);
    tls_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_idle_stream_keeps_little, set_up, tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

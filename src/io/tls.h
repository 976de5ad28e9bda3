/*
 * tls.h — TLS 1.2 and later towards providers, over OpenSSL: bytes in, bytes out, no sockets.
 *
 * Verification is always on. A context is shared by the connections of one provider and one loop,
 * and keeps its last sessions for resumption.
 */
#ifndef IO_TLS_H
#define IO_TLS_H

#include "base/buf.h"

struct tls_context;
struct tls_stream;

/* Costs milliseconds, and tens of them when `ca_file` (NULL: the system's roots) is large: not on
 * a loop. */
enum err tls_context_new(struct tls_context **out, const char *ca_file,
                         struct fail *f) MUST_CHECK;
void tls_context_free(struct tls_context *c);

/* A client's stream to `host`: SNI, and a certificate for that name (or address). */
struct tls_stream *tls_stream_new(struct tls_context *c, const char *host);
void tls_stream_free(struct tls_stream *s);

enum tls_state { TLS_HANDSHAKE, TLS_OPEN, TLS_CLOSED /* close_notify came */, TLS_FAILED };

/* Takes what came from the socket. */
void tls_stream_feed(struct tls_stream *s, struct str wire);
/* Goes on with the handshake as far as it can; also begins it. */
enum tls_state tls_stream_shake(struct tls_stream *s);
/* Decrypts up to `room` bytes into `out`, after the handshake if that is not over. 0 in *got:
 * nothing more has come yet. */
enum tls_state tls_stream_read(struct tls_stream *s, char *out, size_t room, size_t *got);
enum tls_state tls_stream_write(struct tls_stream *s, struct str plain); /* once it is open */
/* Makes the close_notify (RFC 8446 §6.1), if the handshake is over; nothing is written after it. */
void tls_stream_end(struct tls_stream *s);
const struct fail *tls_stream_failure(const struct tls_stream *s);
/* Bytes for the socket that wait, and taking them. */
size_t tls_stream_pending(const struct tls_stream *s);
size_t tls_stream_take(struct tls_stream *s, char *out, size_t room);
/* Idle: gives back what a long answer made its buffers grow to. */
void tls_stream_rest(struct tls_stream *s);
size_t tls_stream_buffer_bytes(const struct tls_stream *s); /* that its buffers take */

#endif

/*
 * load_conn.h — one client connection of the generator: asks, reads the answer, checks it.
 *
 * When to ask, and what an answer means for the measurement, is the load_*.c files'.
 */
#ifndef BENCH_CONN_H
#define BENCH_CONN_H

#define XXH_STATIC_LINKING_ONLY /* states inside our own structs */
#include <llhttp.h>
#include <stdbool.h>
#include <stdio.h>
#include <uv.h>
#include <xxhash.h>

#include "dialog.h"
#include "histogram.h"

struct load; /* a run: what is shared by its connections (load.h) */

enum { CONN_HEAD_BYTES = 2048, CONN_STAMP_DIGITS = 16, CONN_TAIL_BYTES = 64 };

struct conn {
    struct load *load;
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_write_t write;
    llhttp_t parser;
    struct dialog dialog;
    unsigned number;
    bool is_connected, is_busy, is_closing, is_writing;
    bool has_answer_begun;
    struct conn *next_idle;

    /* the request */
    char head[CONN_HEAD_BYTES];
    size_t head_len, head_fixed_len;
    char head_session[DIALOG_SESSION_BYTES];
    uint64_t asked; /* requests on this connection */
    uint64_t intended_ns, sent_ns;

    /* the answer */
    bool is_checked, is_hash_name;
    int status;
    XXH64_state_t hash;
    char wanted_hash[17];
    size_t wanted_hash_len;
    uint64_t answer_bytes, chunks, read_number;
    unsigned stamp_digits; /* of a stamp cut by a read; 0: none is open */
    uint64_t stamp_us;
    char *kept; /* the answer's bytes, where a conversation needs them; malloc'd */
    size_t kept_len, kept_cap;
};

/* Begins to connect. Who has the same `voice` says the same. */
struct conn *conn_new(struct load *load, unsigned number, unsigned voice);
void conn_ask(struct conn *c, uint64_t intended_ns);
void conn_close(struct conn *c); /* freed when the loop has let go of it */

#endif

/*
 * load.h — a run of the generator: its options, its counts, and the hooks by which a mode
 * (closed, open, streams …) decides when to ask.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "load_conn.h"

struct options {
    const char *mode, *host, *save_dir;
    int port, core;
    unsigned connections;
    double seconds, rate;
    bool is_poisson, has_stamp, is_stream;
    enum dialog_kind profile;
    uint64_t seed, answer_bytes, delay_us, chunks, interval_us, chunk_bytes, turns, ramp_ms;
    unsigned check_every;
    struct dialog_limits limits;
};

struct load {
    struct options options;
    uv_loop_t *loop;
    struct sockaddr_in address;
    struct dialog_world *world;
    char query[256];
    struct conn **conns;
    unsigned connected, begun; /* connections open; streams whose head has come */
    uint64_t start_ns, end_ns;
    bool is_measuring; /* latencies and delays count now */
    uint64_t read_number;

    uint64_t requests, non_2xx, errors, bad_hashes, checked, chunks, merged_chunks, short_streams;
    uint64_t sent_bytes, received_bytes;
    struct histogram latency, first_byte, delay;

    void (*on_connected)(struct conn *c);
    void (*on_begun)(struct conn *c); /* the answer's head is there; may be NULL */
    void (*on_done)(struct conn *c);  /* the answer is complete */
    void (*on_lost)(struct conn *c);  /* the connection is gone; c is closing */
};

int load_closed(struct load *l);
int load_open(struct load *l);
int load_streams(struct load *l); /* also for many big bodies at once */
int load_idle(struct load *l);
int load_turns(struct load *l);
int startup_run(const struct options *o, char **command);

void load_connect(struct load *l);         /* begins options.connections connections */
void load_say_ready(const struct load *l); /* one line on stdout */
void load_wait_for_end_of_input(void);

#endif

/*
 * load.c — bench-load: the generator's command line, its start and its report.
 *
 * One run, one mode, one line of JSON on standard output. What the modes do is in load_open.c
 * (closed, open), load_stream.c (streams, idle, turns) and load_startup.c.
 */
#include "load.h"

#include <assert.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const char usage[] =
    "usage: bench-load MODE --port N [options] [-- COMMAND…]\n"
    "  closed   --connections N --seconds S          ask again when answered\n"
    "  open     --connections N --seconds S --rate R [--poisson]\n"
    "  streams  --connections N [--ramp-ms M]        one answer each, all at once\n"
    "  idle     --connections N                      one request each, then wait for stdin's end\n"
    "  turns    --turns N [--save DIR]               one conversation\n"
    "  startup  [--core N] -- COMMAND…               exec, on that core, to first byte\n"
    "  --profile small|agent|big   --small-from B --small-to B --agent-to B --big B --result B\n"
    "  --answer json|sse  --bytes N --delay-us D  --chunks N --interval-us T --chunk-bytes B\n"
    "  --no-stamp  --seed N  --check-every N\n";

enum { OPT_FIRST = 1000 };

#define OPTIONS(X)                                                                                 \
    X(PORT, "port", o->port = atoi(arg))                                                           \
    X(CONNECTIONS, "connections", o->connections = (unsigned)atoi(arg))                            \
    X(SECONDS, "seconds", o->seconds = atof(arg))                                                  \
    X(RATE, "rate", o->rate = atof(arg))                                                           \
    X(RAMP, "ramp-ms", o->ramp_ms = strtoull(arg, NULL, 10))                                       \
    X(TURNS, "turns", o->turns = strtoull(arg, NULL, 10))                                          \
    X(SAVE, "save", o->save_dir = arg)                                                             \
    X(PROFILE, "profile", o->profile = profile_of(arg))                                            \
    X(SMALL_FROM, "small-from", o->limits.small_from_bytes = (uint32_t)atoi(arg))                  \
    X(SMALL_TO, "small-to", o->limits.small_to_bytes = (uint32_t)atoi(arg))                        \
    X(AGENT_TO, "agent-to", o->limits.agent_to_bytes = (uint32_t)atoi(arg))                        \
    X(BIG, "big", o->limits.big_bytes = (uint32_t)atoi(arg))                                       \
    X(RESULT, "result", o->limits.result_bytes = (uint32_t)atoi(arg))                              \
    X(ANSWER, "answer", o->is_stream = strcmp(arg, "sse") == 0)                                    \
    X(BYTES, "bytes", o->answer_bytes = strtoull(arg, NULL, 10))                                   \
    X(DELAY, "delay-us", o->delay_us = strtoull(arg, NULL, 10))                                    \
    X(CHUNKS, "chunks", o->chunks = strtoull(arg, NULL, 10))                                       \
    X(INTERVAL, "interval-us", o->interval_us = strtoull(arg, NULL, 10))                           \
    X(CHUNK_BYTES, "chunk-bytes", o->chunk_bytes = strtoull(arg, NULL, 10))                        \
    X(SEED, "seed", o->seed = strtoull(arg, NULL, 10))                                             \
    X(CHECK, "check-every", o->check_every = (unsigned)atoi(arg))                                  \
    X(POISSON, "poisson", o->is_poisson = true)                                                    \
    X(NO_STAMP, "no-stamp", o->has_stamp = false)                                                  \
    X(CORE, "core", o->core = atoi(arg))

enum {
    OPT_BEFORE = OPT_FIRST,
#define X(id, name, set) OPT_##id,
    OPTIONS(X)
#undef X
};

static enum dialog_kind profile_of(const char *name)
{
    if (strcmp(name, "agent") == 0)
        return DIALOG_AGENT;
    return strcmp(name, "big") == 0 ? DIALOG_BIG : DIALOG_SMALL;
}

static bool read_option(struct options *o, int option, const char *arg)
{
    switch (option) {
#define X(id, name, set)                                                                           \
    case OPT_##id:                                                                                 \
        set;                                                                                       \
        return true;
        OPTIONS(X)
#undef X
    default:
        return false;
    }
}

static bool read_options(struct options *o, int argc, char **argv)
{
    static struct option known[] = {
#define X(id, name, set)                                                                           \
    {name, OPT_##id == OPT_POISSON || OPT_##id == OPT_NO_STAMP ? no_argument : required_argument,  \
     NULL, OPT_##id},
        OPTIONS(X)
#undef X
            {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
        if (!read_option(o, option, optarg))
            return false;
    return o->port > 0 && o->connections > 0;
}

static void make_query(struct load *l)
{
    const struct options *o = &l->options;

    if (o->is_stream)
        snprintf(l->query, sizeof(l->query),
                 "beta=true&answer=sse&chunks=%llu&interval_us=%llu&chunk_bytes=%llu&stamp=%d",
                 (unsigned long long)o->chunks, (unsigned long long)o->interval_us,
                 (unsigned long long)o->chunk_bytes, o->has_stamp);
    else
        snprintf(l->query, sizeof(l->query), "beta=true&answer=json&bytes=%llu&delay_us=%llu",
                 (unsigned long long)o->answer_bytes, (unsigned long long)o->delay_us);
}

void load_connect(struct load *l)
{
    for (unsigned i = 0; i < l->options.connections; i++)
        l->conns[i] = conn_new(l, i, i);
}

void load_say_ready(const struct load *l)
{
    printf("{\"ready\":true,\"connected\":%u,\"begun\":%u}\n", l->connected, l->begun);
    fflush(stdout);
}

void load_wait_for_end_of_input(void)
{
    char room[64];

    while (read(STDIN_FILENO, room, sizeof(room)) > 0)
        continue;
}

static double cpu_us(void)
{
    struct rusage use;

    getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1e6 +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

static void report(const struct load *l, double before_us)
{
    double seconds = (double)(l->end_ns - l->start_ns) / 1e9;
    const struct {
        const char *name;
        uint64_t value;
    } counts[] = {{"requests", l->requests},
                  {"non_2xx", l->non_2xx},
                  {"errors", l->errors},
                  {"checked", l->checked},
                  {"bad_hashes", l->bad_hashes},
                  {"short_streams", l->short_streams},
                  {"chunks", l->chunks},
                  {"measured_chunks", l->delay.count},
                  {"merged_chunks", l->merged_chunks},
                  {"sent_bytes", l->sent_bytes},
                  {"received_bytes", l->received_bytes}};

    printf("{\"mode\":\"%s\",\"seconds\":%.4f,\"per_second\":%.1f,\"load_cpu_us\":%.0f",
           l->options.mode, seconds, (double)l->requests / seconds, cpu_us() - before_us);
    for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        printf(",\"%s\":%llu", counts[i].name, (unsigned long long)counts[i].value);
    printf(",\"latency_us\":");
    histogram_print(&l->latency, stdout);
    printf(",\"first_byte_us\":");
    histogram_print(&l->first_byte, stdout);
    printf(",\"delay_us\":");
    histogram_print(&l->delay, stdout);
    printf("}\n");
    fflush(stdout);
}

static int run(struct load *l)
{
    static const struct {
        const char *name;
        int (*run)(struct load *l);
    } modes[] = {{"closed", load_closed},
                 {"open", load_open},
                 {"streams", load_streams},
                 {"idle", load_idle},
                 {"turns", load_turns}};
    double before_us = cpu_us();
    int err = 2;

    for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        if (strcmp(modes[i].name, l->options.mode) == 0)
            err = modes[i].run(l);
    if (err == 2) {
        fputs(usage, stderr);
        return 2;
    }
    report(l, before_us);
    return err || l->errors || l->non_2xx || l->bad_hashes || l->short_streams;
}

int main(int argc, char **argv)
{
    static struct load l;

    l.options = (struct options){
        .mode = argc > 1 ? argv[1] : "",
        .host = "127.0.0.1",
        .connections = 1,
        .seconds = 1,
        .rate = 1000,
        .has_stamp = true,
        .seed = 1,
        .answer_bytes = 1000,
        .chunks = 100,
        .interval_us = 20000,
        .chunk_bytes = 190,
        .turns = 100,
        .ramp_ms = 200,
        .check_every = 100,
        .core = -1,
        .limits = {1000, 4000, 96 << 10, 150 << 10, 1200},
    };
    if (argc < 3 || !read_options(&l.options, argc - 1, argv + 1)) {
        fputs(usage, stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    if (strcmp(l.options.mode, "startup") == 0)
        return startup_run(&l.options, argv + 1 + optind);
    l.loop = uv_default_loop();
    uv_ip4_addr(l.options.host, l.options.port, &l.address);
    make_query(&l);
    l.world = dialog_world_new(l.options.seed, &l.options.limits);
    l.conns = calloc(l.options.connections, sizeof(*l.conns));
    assert(l.conns);
    return run(&l);
}

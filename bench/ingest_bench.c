/*
 * ingest_bench.c — what it costs to turn the journal into records: CPU of the indexer's thread
 * for one exchange, and bytes on disk for one turn.
 *
 *     bench-ingest [small|agent|stream|agent-paced|all] [exchanges] [postgres://…]
 *
 * Exchanges are written through the real journal; the indexer follows it and commits to a real
 * store. Its CPU is the process's less this thread's. "agent" keeps eight conversations going;
 * "agent-paced" is one conversation whose turns are committed one by one, as when a person works.
 * With PostgreSQL the database should be empty; the server's own CPU is not counted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dialog.h"

#include "base/clock.h"
#include "base/log.h"
#include "index/indexer.h"
#include "storage.h"

enum { DIALOGS = 8, ANSWER_BYTES = 700, STREAM_CHUNKS = 100, LAG_MAX = 8 << 20 };

struct bench {
    char dir[64], journal_path[96], db_path[96];
    struct store *store;
    struct prices *prices;
    struct indexer *indexer;
    struct journal_dir *journal_dir;
    struct journal *journal;
    struct dialog_world *world;
    struct dialog dialogs[DIALOGS];
    struct phrase phrase;
    uint64_t raw_bytes;
};

static void must(enum err err, const struct fail *f)
{
    if (!err)
        return;
    fprintf(stderr, "bench-ingest: %s %s\n", err_name(err), f->detail);
    exit(1);
}

static void open_all(struct bench *b, const char *url)
{
    struct fail f = {0};
    snprintf(b->dir, sizeof b->dir, "/tmp/bench_ingest.XXXXXX");
    if (!mkdtemp(b->dir))
        exit(1);
    snprintf(b->journal_path, sizeof b->journal_path, "%s/journal", b->dir);
    snprintf(b->db_path, sizeof b->db_path, "%s/requests.db", b->dir);
    struct store_options options = {.type = url ? STORE_POSTGRES : STORE_SQLITE,
                                    .where = url ? url : b->db_path, .node = "bench"};
    must(store_open(&b->store, &options, &f), &f);
    must(store_ready(b->store, &f), &f);
    struct index_store port = storage_glue(b->store);
    b->prices = prices_new(NULL, 0);
    port.prices = b->prices;
    b->indexer = indexer_new(&port, b->journal_path);
    must(journal_dir_open(&b->journal_dir, b->journal_path, indexer_ring, b->indexer, &f), &f);
    must(indexer_start(b->indexer, b->journal_dir, &f), &f);
    b->journal = journal_new(b->journal_dir, 0);
}

/* --- one exchange --- */

struct line {
    struct bench *b;
    struct uuid id;
    uint32_t seq;
};

static void put(struct line *l, enum frame_type type, uint8_t flags, struct str payload)
{
    struct frame f = {.type = type, .flags = flags, .seq = l->seq++, .id = l->id,
                      .mono_ns = clock_mono_ns(), .payload = payload};
    journal_add_copy(l->b->journal, &f);
}

static void put_begin(struct line *l, const char *session)
{
    char head[2048];
    char payload[4096];
    struct buf p = {.ptr = payload, .cap = sizeof payload, .ceiling = sizeof payload};
    int len = snprintf(head, sizeof head,
                       "POST /v1/messages?beta=true HTTP/1.1\r\nHost: 127.0.0.1:3001\r\n"
                       "Accept: application/json\r\nUser-Agent: claude-cli/2.1.329 (external, cli)\r\n"
                       "X-Claude-Code-Session-Id: %s\r\nx-app: cli\r\n"
                       "anthropic-beta: claude-code-20250219,interleaved-thinking-2025-05-14,"
                       "fine-grained-tool-streaming-2025-05-14\r\nanthropic-version: 2023-06-01\r\n"
                       "x-api-key: sk-ant-\xe2\x80\xa6[a1b2c3d4]\r\nContent-Type: application/json\r\n"
                       "X-Stainless-Lang: js\r\nX-Stainless-Package-Version: 0.60.0\r\n"
                       "X-Stainless-OS: Linux\r\nX-Stainless-Runtime: node\r\n"
                       "Accept-Encoding: gzip, deflate, br, zstd\r\nConnection: keep-alive\r\n"
                       "Content-Length: %d\r\n", session, 1000 + rand() % 90000);
    struct frame_begin begin = {clock_wall_us(), STR("127.0.0.1:50123"), STR("anthropic"),
                                str_make(head, (size_t)len)};
    must(frame_begin_write(&p, &begin), &(struct fail){0});
    put(l, FRAME_BEGIN, 0, buf_str(&p));
}

static void put_answer_head(struct line *l, const char *type)
{
    char head[1024];
    char payload[2048];
    struct buf p = {.ptr = payload, .cap = sizeof payload, .ceiling = sizeof payload};
    int len = snprintf(head, sizeof head,
                       "HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 00:43:%02d GMT\r\n"
                       "Content-Type: %s\r\nTransfer-Encoding: chunked\r\n"
                       "anthropic-ratelimit-requests-limit: 4000\r\n"
                       "anthropic-ratelimit-requests-remaining: %d\r\n"
                       "request-id: req_011C%08x%08x%04x\r\nvia: 1.1 google\r\n"
                       "CF-RAY: %08x%08x-FRA\r\n", rand() % 60, type, rand() % 4000,
                       (unsigned)rand(), (unsigned)rand(), (unsigned)rand() & 0xffff,
                       (unsigned)rand(), (unsigned)rand());
    struct frame_resp_head h = {.head = str_make(head, (size_t)len), .is_reused = true,
                                .upstream_addr = STR("160.79.104.10:443"), .sent_us = 40};
    must(frame_resp_head_write(&p, &h), &(struct fail){0});
    put(l, FRAME_RESP_HEAD, 0, buf_str(&p));
}

static size_t put_request(struct line *l, struct dialog *d)
{
    enum { READ_BYTES = 65536 };
    static char text[4 << 20];
    size_t len = 0;
    struct dialog_body body = dialog_say(d, 1);
    for (unsigned i = 0; i < body.count; i++) {
        memcpy(text + len, body.parts[i].base, body.parts[i].len);
        len += body.parts[i].len;
    }
    put_begin(l, d->session);
    size_t at = 0;
    for (; len - at > READ_BYTES; at += READ_BYTES)
        put(l, FRAME_REQ_BODY, 0, str_make(text + at, READ_BYTES));
    put(l, FRAME_REQ_BODY, FRAME_LAST, str_make(text + at, len - at));
    return len;
}

/* A streamed answer: chunks of one event with some twenty bytes of text each. */
static size_t put_stream(struct line *l, const char *text, size_t text_len)
{
    char event[1024];
    size_t bytes = 0;
    int len = snprintf(event, sizeof event,
                       "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":"
                       "\"msg_%08x\",\"type\":\"message\",\"role\":\"assistant\",\"model\":"
                       "\"claude-opus-5\",\"content\":[],\"stop_reason\":null,\"usage\":{"
                       "\"input_tokens\":12,\"cache_read_input_tokens\":%d,\"output_tokens\":1}}}\n\n"
                       "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
                       "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n", (unsigned)rand(),
                       rand() % 100000);
    put(l, FRAME_RESP_BODY, 0, str_make(event, (size_t)len));
    bytes += (size_t)len;
    for (size_t at = 0; at < text_len; at += 20) {
        size_t part = MIN_OF((size_t)20, text_len - at);
        if (at + part < text_len && text[at + part - 1] == '\\')
            part++; /* an escape stays whole */
        len = snprintf(event, sizeof event,
                       "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
                       "\"delta\":{\"type\":\"text_delta\",\"text\":\"%.*s\"}}\n\n", (int)part, text + at);
        at += part - 20;
        put(l, FRAME_RESP_BODY, 0, str_make(event, (size_t)len));
        bytes += (size_t)len;
    }
    len = snprintf(event, sizeof event,
                   "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
                   "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
                   "\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":%d}}\n\n"
                   "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", rand() % 1000);
    put(l, FRAME_RESP_BODY, 0, str_make(event, (size_t)len));
    return bytes + (size_t)len;
}

static size_t put_json(struct line *l, const char *text, size_t text_len)
{
    char body[8192];
    int len = snprintf(body, sizeof body,
                       "{\"id\":\"msg_%08x\",\"type\":\"message\",\"role\":\"assistant\",\"model\":"
                       "\"claude-opus-5\",\"content\":[{\"type\":\"text\",\"text\":\"%.*s\"}],"
                       "\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":%d,"
                       "\"output_tokens\":%d}}", (unsigned)rand(), (int)text_len, text,
                       rand() % 4000, rand() % 1000);
    put(l, FRAME_RESP_BODY, 0, str_make(body, (size_t)len));
    return (size_t)len;
}

static void put_end(struct line *l, size_t request, size_t response)
{
    char payload[256];
    struct buf p = {.ptr = payload, .cap = sizeof payload, .ceiling = sizeof payload};
    struct frame_end end = {.ending = ENDING_COMPLETE, .request_bytes = request,
                            .response_bytes = response, .client_bytes = response};
    must(frame_end_write(&p, &end), &(struct fail){0});
    put(l, FRAME_END, 0, buf_str(&p));
    must(journal_flush(l->b->journal), &(struct fail){0});
}

static void one_exchange(struct bench *b, struct dialog *d, bool is_streamed, size_t answer_bytes)
{
    static char text[65536], content[65536 + 64];
    struct line l = {.b = b, .id = uuid_new()};
    size_t request = put_request(&l, d);
    phrase_fill(&b->phrase, PHRASE_MIXED, text, answer_bytes);
    put_answer_head(&l, is_streamed ? "text/event-stream; charset=utf-8" : "application/json");
    size_t response = is_streamed ? put_stream(&l, text, answer_bytes)
                                  : put_json(&l, text, answer_bytes);
    put_end(&l, request, response);
    int len = snprintf(content, sizeof content, "[{\"type\":\"text\",\"text\":\"%.*s\"}]",
                       (int)answer_bytes, text);
    dialog_hear(d, content, (size_t)len);
    b->raw_bytes += request + response;
}

/* --- measuring --- */

static double cpu_us(const struct rusage *u)
{
    return (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) * 1e6 +
           (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec);
}

static double thread_cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double indexer_cpu_us(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return cpu_us(&u) - thread_cpu_us();
}

static void wait_until(struct bench *b, uint64_t committed, uint64_t lag_max)
{
    struct indexer_counters c;
    for (;;) {
        indexer_count(b->indexer, &c);
        if (c.exchanges >= committed && c.lag_bytes <= lag_max)
            return;
        usleep(500);
    }
}

static void run(struct bench *b, const char *kind, int count)
{
    bool is_small = strcmp(kind, "small") == 0, is_stream = strcmp(kind, "stream") == 0;
    bool is_paced = strcmp(kind, "agent-paced") == 0;
    int dialogs = is_paced ? 1 : DIALOGS;
    struct dialog_limits limits = {1024, 4096, is_paced ? 4 << 20 : 120 << 10, 1 << 20, 1500};
    b->world = dialog_world_new(7, &limits);
    phrase_init(&b->phrase, 11);
    for (int i = 0; i < dialogs; i++)
        dialog_init(&b->dialogs[i], b->world, is_small || is_stream ? DIALOG_SMALL : DIALOG_AGENT,
                    (uint64_t)i + 1);
    double before = indexer_cpu_us();
    uint64_t begun_ns = clock_mono_ns();
    for (int i = 0; i < count; i++) {
        one_exchange(b, &b->dialogs[i % dialogs], !is_small,
                     is_stream ? STREAM_CHUNKS * 20 : ANSWER_BYTES);
        wait_until(b, is_paced ? (uint64_t)i + 1 : 0, LAG_MAX);
    }
    journal_free(b->journal);
    wait_until(b, (uint64_t)count, 0);
    indexer_stop(b->indexer);
    double used = indexer_cpu_us() - before;
    double seconds = (double)(clock_mono_ns() - begun_ns) / 1e9;
    struct indexer_counters c;
    indexer_count(b->indexer, &c);
    store_close(b->store);
    struct stat st = {0};
    stat(b->db_path, &st);
    printf("%-12s %7d exchanges  %6.1f KB raw each  %7.2f us CPU each  %6.0f a second  %6llu commits",
           kind, count, (double)b->raw_bytes / count / 1024, used / count, count / seconds,
           (unsigned long long)c.commits);
    if (st.st_size)
        printf("  %7.0f bytes on disk each", (double)st.st_size / count);
    putchar('\n');
}

static void clean_up(struct bench *b)
{
    char command[128];
    indexer_free(b->indexer);
    prices_free(b->prices);
    journal_dir_close(b->journal_dir);
    dialog_world_free(b->world);
    snprintf(command, sizeof command, "rm -rf '%s'", b->dir);
    if (system(command) != 0)
        perror(command);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *kind;
        int count;
    } all[] = {{"small", 20000}, {"agent", 4000}, {"stream", 3000}, {"agent-paced", 100}};
    log_setup(LOG_ERROR, LOG_TEXT);
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        if (argc > 1 && strcmp(argv[1], all[i].kind) != 0 && strcmp(argv[1], "all") != 0)
            continue;
        static struct bench b;
        memset(&b, 0, sizeof b);
        srand(5);
        open_all(&b, argc > 3 ? argv[3] : NULL);
        run(&b, all[i].kind, argc > 2 && atoi(argv[2]) ? atoi(argv[2]) : all[i].count);
        if (getenv("KEEP"))
            printf("kept %s\n", b.dir);
        else
            clean_up(&b);
    }
    return 0;
}

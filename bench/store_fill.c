/*
 * store_fill.c — fills a store with many requests, straight through its interface: conversations
 * of Claude Code's shape, over some months, with bodies that can be read back.
 *
 *     bench-fill WHERE REQUESTS [DAYS]      WHERE: a file to be made, or postgres://…
 *
 * A turn says some 900 new bytes; a session has 20 to 180 turns, exactly 100 when its number ends
 * in 7 (session-0000007, …); a third of them has a sub-agent. Time goes on evenly from DAYS ago (90)
 * until now.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "phrase.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "index/packer.h"
#include "record/detail.h"
#include "store/store.h"

enum {
    TALKS = 20,  /* going on at a time */
    TEXT_MAX = 512 << 10,
    NEW_BYTES = 900, ANSWER_BYTES = 500,
    BATCH_ROWS = 1000, BATCH_BYTES = 4 << 20
};

struct talk {
    long number;
    int turns, turn;
    bool is_agent;
    char session[24], agent[24], title[64], project[48], agent_type[24];
    char *text; /* of the last request, without "]}" */
    size_t len;
    struct recipe whole;   /* likewise */
    struct piece_at recipe; /* of the whole body, where the next turn finds it */
    uint32_t depth;
    int64_t messages;
    char answer[1024];
};

struct fill {
    struct store *store;
    struct packer packer;
    struct prices *prices;
    struct dice dice;
    struct phrase phrase;
    struct talk talks[TALKS];
    long talk_count, rows;
    int64_t raw_bytes;
    char system[12 << 10];
    struct buf scratch;
    struct arena strings; /* of the batch */
};

static const char tail[] = "]}";
static const char request_head[] =
    "POST /v1/messages?beta=true HTTP/1.1\r\nHost: 127.0.0.1:3001\r\nAccept: application/json\r\n"
    "User-Agent: claude-cli/2.1.329 (external, cli)\r\nx-api-key: sk-ant-\xe2\x80\xa6[a1b2c3d4]\r\n"
    "anthropic-beta: claude-code-20250219,interleaved-thinking-2025-05-14\r\n"
    "anthropic-version: 2023-06-01\r\nContent-Type: application/json\r\n";

static void must(enum err err, const struct fail *f)
{
    if (!err)
        return;
    fprintf(stderr, "bench-fill: %s %s\n", err_name(err), f->detail);
    exit(1);
}

/* --- the indexer's port: only the packer's part of it --- */

static bool find_piece(void *owner, const struct piece_key *key, struct piece_at *at)
{
    return store_find_piece(owner, key, at);
}

static uint64_t next_block(void *owner)
{
    return store_next_block(owner);
}

/* --- texts --- */

static void say(struct talk *t, const char *text, size_t len)
{
    if (t->len + len + sizeof tail > TEXT_MAX) {
        fprintf(stderr, "bench-fill: a conversation is too long\n");
        exit(1);
    }
    memcpy(t->text + t->len, text, len);
    t->len += len;
}

static void begin_talk(struct fill *x, struct talk *t)
{
    static const char *const types[] = {"Explore", "Plan", "general-purpose", "code-reviewer"};
    char head[256];
    t->number = x->talk_count++;
    t->turn = 0;
    t->messages = 0;
    t->turns = t->number % 10 == 7 ? 100 : (int)dice_between(&x->dice, 20, 180);
    t->is_agent = t->number % 3 == 2; /* works for the session before it */
    snprintf(t->session, sizeof t->session, "session-%07ld", t->is_agent ? t->number - 1 : t->number);
    snprintf(t->agent, sizeof t->agent, t->is_agent ? "agent-%07ld" : "%.0ld", t->number);
    snprintf(t->agent_type, sizeof t->agent_type, "%s", t->is_agent ? types[t->number % 4] : "");
    snprintf(t->project, sizeof t->project, "/home/dev/project-%ld", t->number % 40);
    phrase_fill(&x->phrase, PHRASE_PROSE, t->title, sizeof t->title - 1);
    for (char *at = t->title; *at; at++)
        if (*at == '\\' || *at == '"')
            *at = ' ';
    t->len = 0;
    recipe_clear(&t->whole);
    int len = snprintf(head, sizeof head, "{\"model\":\"claude-opus-4-8\",\"max_tokens\":32000,"
                                          "\"stream\":false,\"metadata\":{\"n\":%ld},", t->number);
    say(t, head, (size_t)len);
    must(packer_put_body(&x->packer, str_make(head, (size_t)len), &t->whole), &(struct fail){0});
    say(t, x->system, strlen(x->system));
    must(packer_put_piece(&x->packer, str_of(x->system), false, &t->whole), &(struct fail){0});
}

/* What the turn brings: the answer before it and a new question. */
static size_t new_text(struct fill *x, struct talk *t, char *out)
{
    char question[NEW_BYTES];
    size_t bytes = dice_between(&x->dice, 120, NEW_BYTES - ANSWER_BYTES / 2);
    phrase_fill(&x->phrase, t->turn % 3 ? PHRASE_CODE : PHRASE_MIXED, question, bytes);
    int len = 0;
    if (t->turn)
        len = sprintf(out, ",{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"%s\"}]},",
                      t->answer);
    if (t->turn % 3)
        len += sprintf(out + len, "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":"
                                  "\"toolu_%ld_%d\",\"content\":\"%.*s\"}]}",
                       t->number, t->turn, (int)bytes, question);
    else
        len += sprintf(out + len, "{\"role\":\"user\",\"content\":\"%s %d. %.*s\"}", t->title, t->turn,
                       (int)bytes, question);
    t->messages += t->turn ? 2 : 1;
    return (size_t)len;
}

/* --- one request --- */

static struct piece_at put_recipe(struct fill *x, struct talk *t, const struct recipe *middle,
                                  size_t prefix)
{
    struct recipe all;
    bool is_child = t->turn && t->depth < RECIPE_DEPTH_MAX;
    buf_clear(&x->scratch);
    recipe_init(&all);
    packer_room(&x->packer, 32 << 10);
    if (is_child) {
        struct recipe_child child = {.parent = t->recipe, .depth = ++t->depth,
                                     .before = {{0, prefix}}, .before_count = 1,
                                     .middle = middle, .after = {prefix, sizeof tail - 1}};
        must(recipe_write_child(&x->scratch, x->packer.block, &child), &(struct fail){0});
    } else {
        struct piece_at end = packer_put(&x->packer, str_of(tail));
        t->depth = 0;
        must(recipe_add_part(&all, &t->whole, 0, t->whole.bytes), &(struct fail){0});
        must(recipe_add(&all, end), &(struct fail){0});
        must(recipe_write(&x->scratch, x->packer.block, &all), &(struct fail){0});
    }
    recipe_release(&all);
    return packer_put(&x->packer, buf_str(&x->scratch));
}

static int64_t number_of(const struct talk *t, int turn)
{
    return (t->number + 1) * 1000 + turn + 1;
}

static struct str keep(struct fill *x, const char *text)
{
    return arena_str(&x->strings, str_of(text));
}

static void fill_row(struct fill *x, struct talk *t, struct record *r, int64_t at_us)
{
    static const char *const models[] = {"claude-opus-4-8", "claude-sonnet-4-8", "claude-haiku-4-5"};
    uint32_t dice = dice_below(&x->dice, 1000);
    record_init(r);
    r->id = uuid_floor(at_us);
    uint64_t random = dice_roll(&x->dice) >> 8;
    memcpy(r->id.bytes + 9, &random, 7);
    r->started_us = at_us;
    r->state = dice < 970 ? ENDING_COMPLETE : dice < 985 ? ENDING_UPSTREAM_ERROR : ENDING_CLIENT_DISCONNECTED;
    r->status = r->state == ENDING_UPSTREAM_ERROR ? (dice % 2 ? 429 : 529) : 200;
    r->method = STR("POST");
    r->path = STR("/v1/messages");
    r->query = STR("beta=true");
    r->provider = STR("anthropic");
    r->model = r->response_model = str_of(models[t->is_agent ? 2 : (t->number / 3) % 2]);
    r->session_id = keep(x, t->session);
    r->agent_id = keep(x, t->agent);
    r->agent_type = keep(x, t->agent_type);
    r->project = keep(x, t->project);
    r->title = keep(x, t->title);
    r->client = STR("claude-cli/2.1.329 (external, cli)");
    r->client_addr = STR("127.0.0.1:50123");
    r->stop_reason = STR("end_turn");
    r->tools = t->turn % 3 ? STR("Bash 1,Read 1") : STR_NONE;
    r->ttfb_us = dice_between(&x->dice, 200000, 3000000);
    r->duration_us = r->ttfb_us + dice_between(&x->dice, 1000000, 30000000);
    r->usage.input_tokens = dice_between(&x->dice, 3, 400);
    r->usage.output_tokens = dice_between(&x->dice, 50, 2000);
    r->usage.cache_read_input_tokens = (int64_t)t->len / 4;
    r->usage.cache_creation_input_tokens = r->usage.cache_creation_5m_tokens = NEW_BYTES / 4;
    r->message_count = t->messages;
    r->tool_count = 14;
    r->tool_use_count = t->turn % 3 ? 2 : 0;
    r->max_tokens = 32000;
    r->chunk_count = 1;
    r->conversation = number_of(t, -1);
    r->turn = number_of(t, t->turn);
    r->parent_turn = t->turn ? number_of(t, t->turn - 1) : UNKNOWN;
    r->shared_count = t->turn ? t->messages - 2 : 0;
    prices_cost(x->prices, r);
}

static size_t answer_text(struct fill *x, struct talk *t, char *out, size_t room)
{
    size_t bytes = dice_between(&x->dice, 80, ANSWER_BYTES);
    phrase_fill(&x->phrase, PHRASE_MIXED, t->answer, bytes);
    t->answer[bytes] = '\0';
    return (size_t)snprintf(out, room,
                            "{\"id\":\"msg_%ld_%d\",\"type\":\"message\",\"role\":\"assistant\",\"model\":"
                            "\"claude-opus-4-8\",\"content\":[{\"type\":\"text\",\"text\":\"%s\"}],"
                            "\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":12,"
                            "\"output_tokens\":345}}", t->number, t->turn, t->answer);
}

static void put_detail(struct fill *x, struct detail *d, const struct record *r, uint64_t oldest)
{
    buf_clear(&x->scratch);
    packer_room(&x->packer, detail_bound(d));
    must(detail_write(&x->scratch, x->packer.block, d), &(struct fail){0});
    struct piece_at at = packer_put(&x->packer, buf_str(&x->scratch));
    packer_add_row(&x->packer, r, at, oldest);
}

static void one_request(struct fill *x, struct talk *t, int64_t at_us)
{
    char text[8192], answer[4096], head[512];
    struct recipe middle;
    struct record r;
    struct chunk_mark mark = {1000000, 1};
    size_t prefix = t->len, len = new_text(x, t, text);
    recipe_init(&middle);
    must(packer_put_body(&x->packer, str_make(text, len), &middle), &(struct fail){0});
    must(recipe_add_part(&t->whole, &middle, 0, middle.bytes), &(struct fail){0});
    say(t, text, len);
    t->recipe = put_recipe(x, t, &middle, prefix);
    fill_row(x, t, &r, at_us);
    size_t answer_len = answer_text(x, t, answer, sizeof answer);
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nrequest-id: req_%ld_%d\r\n",
             t->number, t->turn);
    struct detail d = {.facts = {.request_head = str_of(request_head), .response_head = str_of(head),
                                 .upstream_addr = STR("160.79.104.10:443"), .sent_us = 40,
                                 .timeline = &mark, .timeline_len = 1},
                       .request = t->recipe, .fresh_part = t->turn ? FRESH_SOME : FRESH_ALL};
    if (t->turn)
        d.fresh = middle;
    memcpy(t->text + t->len, tail, sizeof tail - 1); /* is overwritten by the next turn */
    body_hash(str_make(t->text, t->len + sizeof tail - 1), d.facts.request_hash);
    body_hash(str_make(answer, answer_len), d.facts.response_hash);
    must(packer_put_body(&x->packer, str_make(answer, answer_len), &d.response), &(struct fail){0});
    r.request_bytes = (int64_t)(t->len + sizeof tail - 1);
    r.response_bytes = r.client_bytes = (int64_t)answer_len;
    x->raw_bytes += r.request_bytes + r.response_bytes;
    put_detail(x, &d, &r, recipe_oldest_block(&t->whole));
    recipe_release(&d.response);
    recipe_release(&middle);
    if (++t->turn == t->turns)
        begin_talk(x, t);
    x->rows++;
}

/* --- all of them --- */

static void commit(struct fill *x)
{
    struct fail f = {0};
    must(store_commit(x->store, packer_seal(&x->packer), &f), &f);
    packer_clear(&x->packer);
    packer_number(&x->packer);
    arena_clear(&x->strings);
}

static void fill(struct fill *x, long count, int days)
{
    int64_t now_us = clock_wall_us(), span_us = (int64_t)days * 86400 * 1000000;
    uint64_t begun_ns = clock_mono_ns();
    for (long i = 0; i < count; i++) {
        int64_t at_us = now_us - span_us + (int64_t)((double)span_us / (double)count * (double)i);
        one_request(x, &x->talks[dice_below(&x->dice, TALKS)], at_us);
        if (x->packer.batch.row_count >= BATCH_ROWS || packer_bytes(&x->packer) > BATCH_BYTES)
            commit(x);
        if (i % 50000 == 49999)
            fprintf(stderr, "%ld after %.0f s\n", i + 1, (double)(clock_mono_ns() - begun_ns) / 1e9);
    }
    commit(x);
    store_maintain(x->store);
}

static void fill_init(struct fill *x, const char *where)
{
    struct fail f = {0};
    bool is_postgres = str_starts(str_of(where), STR("postgres"));
    struct store_options options = {.type = is_postgres ? STORE_POSTGRES : STORE_SQLITE,
                                    .where = where, .node = is_postgres ? "bench" : NULL};
    must(store_open(&x->store, &options, &f), &f);
    must(store_ready(x->store, &f), &f);
    struct index_store port = {.owner = x->store, .secret = store_secret(x->store),
                               .find_piece = find_piece, .next_block = next_block};
    static struct index_store kept;
    kept = port;
    packer_init(&x->packer, &kept);
    x->prices = prices_new(NULL, 0);
    x->dice.state = 1;
    phrase_init(&x->phrase, 5);
    buf_init(&x->scratch, BLOCK_RAW_MAX);
    arena_init(&x->strings);
    int len = sprintf(x->system, "\"system\":[{\"type\":\"text\",\"text\":\"");
    phrase_fill(&x->phrase, PHRASE_PROSE, x->system + len, 8000);
    strcpy(x->system + len + 8000, "\"}],\"messages\":[");
    for (int i = 0; i < TALKS; i++) {
        x->talks[i].text = mem_alloc(TEXT_MAX);
        recipe_init(&x->talks[i].whole);
        begin_talk(x, &x->talks[i]);
    }
}

int main(int argc, char **argv)
{
    static struct fill x;
    if (argc < 3 || atol(argv[2]) <= 0) {
        fprintf(stderr, "usage: bench-fill FILE|postgres://… REQUESTS [DAYS]\n");
        return 64;
    }
    log_setup(LOG_ERROR, LOG_TEXT);
    uint64_t begun_ns = clock_mono_ns();
    fill_init(&x, argv[1]);
    fill(&x, atol(argv[2]), argc > 3 ? atoi(argv[3]) : 90);
    double seconds = (double)(clock_mono_ns() - begun_ns) / 1e9;
    printf("%ld requests, %.1f GB raw, %.0f s, %.0f a second\n", x.rows, (double)x.raw_bytes / 1e9,
           seconds, (double)x.rows / seconds);
    for (int i = 0; i < TALKS; i++) {
        free(x.talks[i].text);
        recipe_release(&x.talks[i].whole);
    }
    packer_release(&x.packer);
    prices_free(x.prices);
    buf_release(&x.scratch);
    arena_release(&x.strings);
    store_close(x.store);
    return 0;
}

/*
 * dialog.c — see dialog.h.
 */
#include "dialog.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    POOL_BYTES = 8 << 20,
    SYSTEM_BYTES = 12 << 10,
    TOOLS = 14,
    TOOL_BYTES = 1100, /* of description; schema not counted */
    OPENING_BYTES = 3 << 10,
    ENVIRONMENT_BYTES = 600,
    FIXED_ROOM = 64 << 10, /* all else in a body */
};

struct dialog_world {
    struct dialog_limits limits;
    struct pool pool;
    char *system; /* the prompt's text */
    char *tools;  /* the whole array */
    size_t tools_len;
};

/* A text under construction, never longer than its room. */
struct pen {
    char *at, *end;
};

static void pen_put(struct pen *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void pen_put(struct pen *p, const char *format, ...)
{
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(p->at, (size_t)(p->end - p->at), format, args);
    va_end(args);
    assert(len >= 0 && len < p->end - p->at);
    p->at += len;
}

static void pen_phrase(struct pen *p, struct phrase *phrase, enum phrase_kind kind, size_t bytes)
{
    assert((size_t)(p->end - p->at) > bytes);
    phrase_fill(phrase, kind, p->at, bytes);
    p->at += bytes;
}

static void make_tools(struct dialog_world *w, struct phrase *phrase)
{
    static const char *const names[TOOLS] = {"Agent",        "Bash", "BashOutput", "Edit",
                                             "ExitPlanMode", "Glob", "Grep",       "KillShell",
                                             "NotebookEdit", "Read", "TodoWrite",  "WebFetch",
                                             "WebSearch",    "Write"};
    struct pen p;

    w->tools = malloc(FIXED_ROOM);
    assert(w->tools);
    p = (struct pen){w->tools, w->tools + FIXED_ROOM};
    for (unsigned i = 0; i < TOOLS; i++) {
        pen_put(&p, "%s{\"name\":\"%s\",\"description\":\"", i ? "," : "[", names[i]);
        pen_phrase(&p, phrase, PHRASE_MIXED, TOOL_BYTES);
        pen_put(&p, "\",\"input_schema\":{\"type\":\"object\",\"properties\":{\"path\":{\"type\":"
                    "\"string\",\"description\":\"");
        pen_phrase(&p, phrase, PHRASE_PROSE, 90);
        pen_put(&p, "\"},\"limit\":{\"type\":\"number\",\"description\":\"");
        pen_phrase(&p, phrase, PHRASE_PROSE, 60);
        pen_put(&p, "\"}},\"required\":[\"path\"],\"additionalProperties\":false,\"$schema\":"
                    "\"http://json-schema.org/draft-07/schema#\"}}");
    }
    pen_put(&p, "]");
    w->tools_len = (size_t)(p.at - w->tools);
}

struct dialog_world *dialog_world_new(uint64_t seed, const struct dialog_limits *limits)
{
    struct dialog_world *w = calloc(1, sizeof(*w));
    struct phrase phrase;

    assert(w);
    w->limits = *limits;
    phrase_init(&phrase, 1); /* one release of a client: the same in every run */
    w->system = malloc(SYSTEM_BYTES + 1);
    assert(w->system);
    static const char words[] = "You are an interactive agent that helps users. "; /* as Claude Code's */
    phrase_fill(&phrase, PHRASE_PROSE, w->system, SYSTEM_BYTES);
    memcpy(w->system, words, sizeof words - 1);
    w->system[SYSTEM_BYTES] = '\0';
    make_tools(w, &phrase);
    pool_init(&w->pool, seed, POOL_BYTES);
    return w;
}

void dialog_world_free(struct dialog_world *w)
{
    free(w->pool.text);
    free(w->system);
    free(w->tools);
    free(w);
}

static void new_session(struct dialog *d)
{
    uint64_t a = dice_roll(&d->phrase.dice), b = dice_roll(&d->phrase.dice);

    snprintf(d->session, sizeof(d->session), "%08x-%04x-4%03x-a%03x-%012llx", (unsigned)(a >> 32),
             (unsigned)(a >> 16) & 0xffff, (unsigned)a & 0xfff, (unsigned)(b >> 52),
             (unsigned long long)b & 0xffffffffffffULL);
}

/* Everything behind the messages: the same for a whole conversation. */
static void make_tail(struct dialog *d, int is_streamed)
{
    const struct dialog_world *w = d->world;
    struct pen p = {d->tail, d->tail + FIXED_ROOM};

    pen_put(&p,
            "],\"system\":[{\"type\":\"text\",\"text\":\"x-anthropic-billing-header: "
            "cc_version=2.1.329.%03x; cc_entrypoint=cli;\"},{\"type\":\"text\",\"text\":\"You "
            "are Claude Code, Anthropic's official CLI for Claude.\",\"cache_control\":{\"type\""
            ":\"ephemeral\"}},{\"type\":\"text\",\"text\":\"%s\\n\\n# Environment\\n",
            dice_below(&d->phrase.dice, 4096), w->system);
    pen_phrase(&p, &d->phrase, PHRASE_MIXED, ENVIRONMENT_BYTES);
    pen_put(&p, "\",\"cache_control\":{\"type\":\"ephemeral\"}}],\"tools\":");
    memcpy(p.at, w->tools, w->tools_len);
    p.at += w->tools_len;
    pen_put(&p,
            ",\"metadata\":{\"user_id\":\"{\\\"device_id\\\":\\\"5f0c7a1e94b8d2c36e01\\\",\\\""
            "account_uuid\\\":\\\"\\\",\\\"session_id\\\":\\\"%s\\\"}\"},\"max_tokens\":32000,"
            "\"thinking\":{\"type\":\"adaptive\"},\"output_config\":{\"effort\":\"high\"}%s}",
            d->session, is_streamed ? ",\"stream\":true" : "");
    d->tail_len = (size_t)(p.at - d->tail);
}

static void begin(struct dialog *d, int is_streamed)
{
    struct pen p = {d->text, d->text + d->cap};

    new_session(d);
    make_tail(d, is_streamed);
    d->turn = 0;
    pen_put(&p, "{\"model\":\"claude-opus-4-8-20260601\",\"messages\":[");
    d->open_at[0] = d->open_at[1] = (size_t)(p.at - d->text);
    pen_put(&p,
            "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"<system-reminder>\\n");
    pen_phrase(&p, &d->phrase, PHRASE_MIXED, OPENING_BYTES);
    pen_put(&p, "</system-reminder>\"},{\"type\":\"text\",\"text\":\"");
    pen_phrase(&p, &d->phrase, PHRASE_PROSE, dice_between(&d->phrase.dice, 80, 400));
    pen_put(&p, "\",\"cache_control\":{\"type\":\"ephemeral\"}}]}");
    d->len = (size_t)(p.at - d->text);
}

static const char mark[] = ",\"cache_control\":{\"type\":\"ephemeral\"}";

/* Only the two newest user messages carry a mark; the third loses its own. */
static void unmark_oldest(struct dialog *d)
{
    size_t from = d->open_at[0], to = d->open_at[1];
    char *found = NULL;

    for (char *at = d->text + from;
         (at = memmem(at, (size_t)(d->text + to - at), mark, sizeof(mark) - 1)) != NULL; at++)
        found = at;
    if (!found)
        return;
    memmove(found, found + sizeof(mark) - 1,
            d->len - (size_t)(found - d->text) - (sizeof(mark) - 1));
    d->len -= sizeof(mark) - 1;
    d->open_at[1] -= sizeof(mark) - 1;
}

static void put_result(struct dialog *d, struct pen *p, const char *id)
{
    uint32_t mean = d->world->limits.result_bytes;

    pen_put(p,
            "{\"role\":\"user\",\"content\":[{\"tool_use_id\":\"%s\",\"type\":\"tool_result\","
            "\"content\":\"",
            id);
    pen_phrase(p, &d->phrase, dice_below(&d->phrase.dice, 3) ? PHRASE_CODE : PHRASE_MIXED,
               dice_between(&d->phrase.dice, mean / 4, mean + mean * 3 / 4));
    pen_put(p, "\",\"is_error\":false%s}]}", mark);
}

void dialog_hear(struct dialog *d, const char *content, size_t len)
{
    static const char *const tools[] = {"Bash", "Read", "Edit", "Grep"};
    struct pen p;
    char id[40];

    if (d->kind != DIALOG_AGENT)
        return;
    unmark_oldest(d);
    p = (struct pen){d->text + d->len, d->text + d->cap};
    assert(len > 2 && d->len + len + d->world->limits.result_bytes * 2 + 4096 < d->cap);
    snprintf(id, sizeof(id), "toolu_01%011llx%09llx",
             (unsigned long long)dice_roll(&d->phrase.dice) >> 20,
             (unsigned long long)dice_roll(&d->phrase.dice) >> 28);
    pen_put(&p, ",{\"role\":\"assistant\",\"content\":");
    memcpy(p.at, content, len - 1); /* all but the array's bracket */
    p.at += len - 1;
    pen_put(&p, ",{\"type\":\"tool_use\",\"id\":\"%s\",\"name\":\"%s\",\"input\":{\"path\":\"", id,
            tools[dice_below(&d->phrase.dice, 4)]);
    pen_phrase(&p, &d->phrase, PHRASE_PROSE, dice_between(&d->phrase.dice, 20, 120));
    pen_put(&p, "\"}}]},");
    d->open_at[0] = d->open_at[1];
    d->open_at[1] = (size_t)(p.at - d->text);
    put_result(d, &p, id);
    d->len = (size_t)(p.at - d->text);
    d->turn++;
}

static struct dialog_body say_agent(struct dialog *d, int is_streamed)
{
    struct dialog_body body = {.count = 2};

    if (d->len == 0 || d->len + d->tail_len > d->world->limits.agent_to_bytes)
        begin(d, is_streamed);
    body.parts[0] = uv_buf_init(d->text, (unsigned)d->len);
    body.parts[1] = uv_buf_init(d->tail, (unsigned)d->tail_len);
    body.bytes = d->len + d->tail_len;
    return body;
}

/* One message whose text is a piece of the pool: what is said once costs little to make. */
static struct dialog_body say_once(struct dialog *d, size_t bytes, int is_streamed)
{
    static char end[] = "\"}]}],\"max_tokens\":4096,\"temperature\":1}";
    static char end_streamed[] = "\"}]}],\"max_tokens\":4096,\"temperature\":1,\"stream\":true}";
    char *tail = is_streamed ? end_streamed : end;
    struct dialog_body body = {.count = 3};
    struct pen p = {d->text, d->text + d->cap};
    struct piece piece;

    pen_put(&p,
            "{\"model\":\"claude-haiku-4-5-20251001\",\"metadata\":{\"user_id\":\"%016llx\"},"
            "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"",
            (unsigned long long)dice_roll(&d->phrase.dice));
    d->len = (size_t)(p.at - d->text);
    piece = pool_piece(&d->world->pool, &d->phrase.dice, bytes - d->len - strlen(tail));
    body.parts[0] = uv_buf_init(d->text, (unsigned)d->len);
    body.parts[1] = uv_buf_init((char *)(uintptr_t)piece.ptr, (unsigned)piece.len);
    body.parts[2] = uv_buf_init(tail, (unsigned)strlen(tail));
    body.bytes = d->len + piece.len + strlen(tail);
    return body;
}

struct dialog_body dialog_say(struct dialog *d, int is_streamed)
{
    const struct dialog_limits *l = &d->world->limits;

    if (d->kind == DIALOG_AGENT)
        return say_agent(d, is_streamed);
    if (d->kind == DIALOG_BIG)
        return say_once(d, l->big_bytes, is_streamed);
    return say_once(d, dice_between(&d->phrase.dice, l->small_from_bytes, l->small_to_bytes),
                    is_streamed);
}

void dialog_init(struct dialog *d, const struct dialog_world *world, enum dialog_kind kind,
                 uint64_t seed)
{
    memset(d, 0, sizeof(*d));
    d->world = world;
    d->kind = kind;
    phrase_init(&d->phrase, seed);
    new_session(d);
    d->cap = kind == DIALOG_AGENT ? world->limits.agent_to_bytes + (512u << 10) : 1024;
    d->text = malloc(d->cap);
    d->tail = kind == DIALOG_AGENT ? malloc(FIXED_ROOM) : NULL;
    assert(d->text && (d->tail || kind != DIALOG_AGENT));
}

void dialog_release(struct dialog *d)
{
    free(d->text);
    free(d->tail);
    d->text = d->tail = NULL;
}

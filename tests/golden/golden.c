/*
 * golden.c — runs every case of this folder: tests/golden/<dialect>-<case>/.
 *
 *     about.txt      "covers: R1 S2", then what the case is, and why it was decided so
 *     options.txt    words and values: client, provider, model, quirks, base_url, end (clean|broken)
 *     request.json   what the client asks; without it, default-request.json (default-chat-request.json)
 *     refusal.json   the provider's first answer (with refusal.txt: its head): a lesson
 *     upstream.json  expected: what the provider is asked (the second time, after a refusal)
 *     losses.json, quirks.txt          expected: what is lost, what was learned
 *     answer.txt     the provider's head: status, retry-after, date
 *     answer.sse, answer.json, answer.raw  the provider's body
 *     client.sse, client.json          expected: what the client gets
 *     client.txt     expected: the client's head
 *
 * Answers are also fed cut at every byte, and byte by byte; nothing may change by that. With
 * GOLDEN_UPDATE=1 what is expected is written anew, to be read before it is believed.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <yyjson.h>

#include "accumulate.h"
#include "dialect/dialect.h"

enum {
    FILE_MAX = 32 << 20,
    EVERY_CUT_MAX = 6000 /* bytes; larger answers are cut in fewer places */
};

static const char *root;
static bool updates;
static char now[256]; /* the case's name */
static int complaints;

static void complain(const char *what, struct str got, struct str want)
{
    complaints++;
    printf("FAILED %s: %s\n--- got\n%.*s\n--- want\n%.*s\n", now, what,
           (int)MIN_OF(got.len, (size_t)4000), got.ptr ? got.ptr : "",
           (int)MIN_OF(want.len, (size_t)4000), want.ptr ? want.ptr : "");
}

static void path_of(const char *name, char *out, size_t room)
{
    snprintf(out, room, "%s/%s/%s", root, now, name);
}

static bool load_path(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "rb");
    buf_init(out, FILE_MAX);
    if (!f)
        return false;
    char block[65536];
    for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;)
        if (buf_append(out, str_make(block, n)))
            abort();
    fclose(f);
    return true;
}

static bool load(const char *name, struct buf *out)
{
    char path[4096];
    path_of(name, path, sizeof path);
    return load_path(path, out);
}

static void save(const char *name, struct str text)
{
    char path[4096];
    path_of(name, path, sizeof path);
    if (!text.len) {
        unlink(path);
        return;
    }
    FILE *f = fopen(path, "wb");
    if (!f)
        abort();
    fwrite(text.ptr, 1, text.len, f);
    fclose(f);
}

/* Compares with the file of this name; no file is the same as nothing. */
static void expect(const char *name, struct str got)
{
    struct buf want;
    if (updates)
        save(name, got);
    load(name, &want);
    if (!str_equal(got, buf_str(&want)))
        complain(name, got, buf_str(&want));
    buf_release(&want);
}

/* Laid out, with numbers and the order of members as they are; any other text as it is. */
static void lay_out(struct buf *json)
{
    yyjson_doc *doc = yyjson_read(json->ptr, json->len, YYJSON_READ_NUMBER_AS_RAW);
    size_t len;
    char *text = doc ? yyjson_write(doc, YYJSON_WRITE_PRETTY_TWO_SPACES, &len) : NULL;
    if (text) {
        buf_clear(json);
        if (buf_append(json, str_make(text, len)) || buf_append_byte(json, '\n'))
            abort();
    }
    free(text);
    yyjson_doc_free(doc);
}

struct setup {
    struct translation_options options;
    bool is_broken;
    struct buf text; /* options.txt */
};

/* The value behind `word` at the beginning of a line. */
static struct str value_of(struct str text, const char *word)
{
    struct str line;
    while (str_next(&text, '\n', &line)) {
        size_t space = str_find(line, ' ');
        if (str_equal(str_head(line, space), str_of(word)))
            return str_from(line, space + 1);
    }
    return STR_NONE;
}

static void read_setup(struct setup *s)
{
    struct fail f = {0};
    struct str prefix = str_head(str_of(now), str_find(str_of(now), '-'));
    load("options.txt", &s->text);
    struct str text = buf_str(&s->text), client = value_of(text, "client");
    struct str provider = value_of(text, "provider");
    enum dialect from = DIALECT_ANTHROPIC, to = DIALECT_CHAT;
    if (client.len && !dialect_parse(client, &from))
        complain("client", client, STR_NONE);
    if (!dialect_parse(provider.len ? provider : prefix, &to))
        complain("provider", prefix, STR("a dialect's name"));
    s->options = (struct translation_options){.client = from,
                                              .provider = to,
                                              .model = value_of(text, "model"),
                                              .base_url = value_of(text, "base_url"),
                                              .exchange_id = STR("golden"),
                                              .now_s = 1700000000};
    if (!s->options.base_url.len)
        s->options.base_url = STR("https://provider.example/v1");
    if (quirks_parse(&s->options.quirks, value_of(text, "quirks"), &f))
        complain("quirks", str_of(f.detail), STR_NONE);
    s->is_broken = str_equal(value_of(text, "end"), STR("broken"));
}

static struct translation_answer read_head(struct str text)
{
    uint64_t status = 200;
    str_to_u64(value_of(text, "status"), &status);
    return (struct translation_answer){.status = (int)status,
                                       .retry_after = value_of(text, "retry-after"),
                                       .ratelimit_reset = value_of(text, "ratelimit-reset"),
                                       .date = value_of(text, "date")};
}

static void must(enum err err, const char *what)
{
    if (err)
        complain(what, str_of(err_name(err)), STR("OK"));
}

/* Feeds in two pieces (`cut` bytes first), or byte by byte (cut SIZE_MAX). */
static void feed(struct translation *t, struct str body, size_t cut, struct buf *out)
{
    if (cut != SIZE_MAX) {
        must(translation_feed(t, str_head(body, cut), out), "feed");
        must(translation_feed(t, str_from(body, cut), out), "feed");
        return;
    }
    for (size_t i = 0; i < body.len; i++) {
        char *one = malloc(1); /* so that a sanitizer sees what is read past it */
        *one = body.ptr[i];
        must(translation_feed(t, str_make(one, 1), out), "feed");
        free(one);
    }
}

static void put_head(const struct translation *t, struct buf *out)
{
    static const char *const states[] = {"held", "open", "done", "again"};
    struct translation_head h = translation_head(t);
    enum err err = buf_printf(out, "status %d\ncontent-type %s\n", h.status,
                              h.content_type ? h.content_type : "(the provider's)");
    if (!err && h.retry_after_s >= 0)
        err = buf_printf(out, "retry-after %lld\n", (long long)h.retry_after_s);
    if (!err && h.is_final)
        err = buf_printf(out, "x-should-retry false\n");
    if (!err)
        err = buf_printf(out, "state %s%s\n", states[translation_state(t)],
                         translation_is_error(t) ? ", an error" : "");
    must(err, "head");
}

struct files {
    struct buf request, refusal, refusal_head, answer, answer_head;
    bool has_request, has_refusal, has_answer;
};

/* Asks, is refused where the case says so, and asks again. False: the client was wrong. */
static bool ask(struct translation *t, const struct files *in, struct buf *upstream,
                struct buf *client)
{
    struct fail f = {0};
    enum err err = translation_request(t, buf_str(&in->request), upstream, &f);
    if (err) {
        must(translation_refuse(t, err_status(err), err_type(err), str_of(f.detail), client),
             "refuse");
        return false;
    }
    if (in->has_refusal) {
        struct translation_answer head = read_head(buf_str(&in->refusal_head));
        translation_answer(t, &head);
        must(translation_feed(t, buf_str(&in->refusal), client), "feed");
        must(translation_end(t, true, client), "end");
        if (translation_state(t) != TRANSLATION_AGAIN)
            complain("nothing was learned", buf_str(client), STR("state again"));
        buf_clear(upstream);
        must(translation_request(t, buf_str(&in->request), upstream, &f), "second request");
    }
    return true;
}

static void run_answer(const struct setup *s, const struct files *in, size_t cut,
                       struct buf *client, struct translation **kept)
{
    struct translation *t = translation_new(&s->options);
    struct translation_answer head = read_head(buf_str(&in->answer_head));
    struct buf upstream;
    buf_init(&upstream, FILE_MAX);
    if (ask(t, in, &upstream, client) && in->has_answer) {
        translation_answer(t, &head);
        feed(t, buf_str(&in->answer), cut, client);
        must(translation_end(t, !s->is_broken, client), "end");
    }
    if (kept) {
        *kept = t;
        lay_out(&upstream);
        if (in->has_request)
            expect("upstream.json", buf_str(&upstream));
    } else {
        translation_free(t);
    }
    buf_release(&upstream);
}

static void check_cuts(const struct setup *s, const struct files *in, struct str want)
{
    size_t len = in->answer.len, step = len > EVERY_CUT_MAX ? len / 50 : 1;
    struct buf got;
    for (size_t cut = 0; cut <= len && !complaints; cut += step) {
        buf_init(&got, FILE_MAX);
        run_answer(s, in, cut, &got, NULL);
        if (!str_equal(buf_str(&got), want)) {
            printf("cut at %zu: ", cut);
            complain("the answer depends on the cut", buf_str(&got), want);
        }
        buf_release(&got);
    }
    buf_init(&got, FILE_MAX);
    run_answer(s, in, SIZE_MAX, &got, NULL);
    if (!str_equal(buf_str(&got), want))
        complain("byte by byte", buf_str(&got), want);
    buf_release(&got);
}

static void check_rest(const struct setup *s, struct translation *t, struct buf *client)
{
    struct buf text;
    struct translation_head head = translation_head(t);
    bool is_sse = head.content_type && strcmp(head.content_type, "text/event-stream") == 0;
    const char *wrong = NULL;
    if (is_sse)
        wrong = s->options.client == DIALECT_ANTHROPIC ? accumulate_check(buf_str(client), true)
                                                       : accumulate_check_chat(buf_str(client));
    if (wrong)
        complain(wrong, buf_str(client), STR("a stream that clients understand"));
    if (!is_sse)
        lay_out(client);
    expect("client.sse", is_sse ? buf_str(client) : STR_NONE);
    expect("client.json", is_sse ? STR_NONE : buf_str(client));
    buf_init(&text, FILE_MAX);
    if (client->len)
        put_head(t, &text);
    expect("client.txt", buf_str(&text));
    buf_clear(&text);
    must(loss_report_write(translation_losses(t), &text), "losses");
    lay_out(&text);
    expect("losses.json", str_equal(buf_str(&text), STR("[]\n")) ? STR_NONE : buf_str(&text));
    buf_clear(&text);
    const struct quirks *after = translation_quirks(t);
    if (after->learned || after->has_learned_values)
        must(quirks_format(translation_quirks(t), &text), "quirks");
    expect("quirks.txt", buf_str(&text));
    buf_release(&text);
}

static void load_files(struct files *in, enum dialect client)
{
    char path[4096];
    in->has_request = load("request.json", &in->request);
    if (!in->has_request) {
        snprintf(path, sizeof path, "%s/%s", root,
                 client == DIALECT_CHAT ? "default-chat-request.json" : "default-request.json");
        if (!load_path(path, &in->request))
            complain("no request", STR_NONE, str_of(path));
    }
    in->has_refusal = load("refusal.json", &in->refusal);
    load("refusal.txt", &in->refusal_head);
    load("answer.txt", &in->answer_head);
    in->has_answer = load("answer.sse", &in->answer) || load("answer.json", &in->answer) ||
                     load("answer.raw", &in->answer);
}

static void release_files(struct files *in)
{
    buf_release(&in->request);
    buf_release(&in->refusal);
    buf_release(&in->refusal_head);
    buf_release(&in->answer);
    buf_release(&in->answer_head);
}

static void run_case(void)
{
    struct setup s = {0};
    struct files in = {0};
    struct translation *t = NULL;
    struct buf client, whole, about;
    buf_init(&client, FILE_MAX);
    buf_init(&whole, FILE_MAX);
    if (!load("about.txt", &about) || !str_starts(buf_str(&about), STR("covers:")))
        complain("about.txt says what it covers", buf_str(&about), STR("covers: …"));
    read_setup(&s);
    load_files(&in, s.options.client);
    run_answer(&s, &in, SIZE_MAX - 1, &client, &t);
    if (buf_append(&whole, buf_str(&client)))
        abort();
    check_rest(&s, t, &client);
    if (in.has_answer)
        check_cuts(&s, &in, buf_str(&whole));
    translation_free(t);
    release_files(&in);
    buf_release(&s.text);
    buf_release(&about);
    buf_release(&client);
    buf_release(&whole);
}

int main(int argc, char **argv)
{
    int passed = 0, failed = 0;
    root = argc > 1 ? argv[1] : ".";
    updates = getenv("GOLDEN_UPDATE") != NULL;
    const char *only = argc > 2 ? argv[2] : NULL;
    struct dirent **list;
    int count = scandir(root, &list, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char path[4096];
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", root, list[i]->d_name);
        if (list[i]->d_name[0] != '.' && stat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
            (!only || strstr(list[i]->d_name, only))) {
            snprintf(now, sizeof now, "%s", list[i]->d_name);
            complaints = 0;
            run_case();
            passed += !complaints;
            failed += complaints > 0;
        }
        free(list[i]);
    }
    if (count >= 0)
        free(list);
    printf("%d passed, %d failed, 0 skipped\n", passed, failed);
    return failed || !passed;
}

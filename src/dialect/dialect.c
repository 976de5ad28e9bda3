/*
 * dialect.c — the languages' names, and what needs no translation: counting tokens, errors.
 */
#include "dialect/dialect.h"

#include "dialect/json_writer.h"
#include "dialect/language.h"
#include "dialect/token_estimate.h"

static const char *const names[DIALECT_COUNT] = {"anthropic", "openai", "responses", "gemini"};

const char *dialect_name(enum dialect d)
{
    assert(d < DIALECT_COUNT);
    return names[d];
}

bool dialect_parse(struct str name, enum dialect *out)
{
    for (size_t i = 0; i < DIALECT_COUNT; i++)
        if (str_equal(name, str_of(names[i]))) {
            *out = (enum dialect)i;
            return true;
        }
    return false;
}

bool dialect_is_client(enum dialect d)
{
    return d == DIALECT_ANTHROPIC || d == DIALECT_CHAT;
}

enum err dialect_count_tokens(struct str body, double token_factor, struct buf *out, struct fail *f)
{
    struct arena arena;
    struct json_tree tree;
    struct neutral n;
    struct loss_report losses = {.arena = &arena};
    arena_init(&arena);
    neutral_init(&n, &arena, &losses);
    enum err err = json_tree_parse(&tree, body)
                       ? fail(f, ERR_BAD_REQUEST, "The request body is not valid JSON.")
                       : anthropic_client_read_for(&n, &tree, true, f);
    if (!err) {
        double tokens = (double)token_estimate(&n) * (token_factor > 0 ? token_factor : 1);
        struct json_writer w = {.out = out};
        json_open(&w, '{');
        json_put_int(&w, "input_tokens", MAX_OF(1, (int64_t)tokens));
        json_close(&w, '}');
        err = w.err;
    }
    json_tree_release(&tree);
    arena_release(&arena);
    return err;
}

static void put_error(struct json_writer *w, const char *type, struct str message)
{
    json_key(w, "error");
    json_open(w, '{');
    json_put_string(w, "type", str_of(type));
    json_put_string(w, "message", message);
}

enum err dialect_write_error(enum dialect client, const char *type, struct str message,
                             struct str request_id, struct buf *out)
{
    struct json_writer w = {.out = out};
    json_open(&w, '{');
    if (client == DIALECT_ANTHROPIC)
        json_put_string(&w, "type", STR("error"));
    put_error(&w, type, message);
    if (client != DIALECT_ANTHROPIC) {
        json_put_null(&w, "param");
        json_put_null(&w, "code");
    }
    json_close(&w, '}');
    if (client == DIALECT_ANTHROPIC)
        json_put_string(&w, "request_id", request_id);
    json_close(&w, '}');
    return w.err;
}

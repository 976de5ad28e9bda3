/*
 * token_refresh.c — asks Anthropic's token endpoint for a new token, and reads its answer.
 */
#include "upstream/token_refresh.h"

#include <stdlib.h>
#include <yyjson.h>

#include "base/clock.h"
#include "upstream/errand.h"

enum { ANSWER_MAX = 64 * 1024 };

/* malloc'ed */
static char *question(const struct token_endpoint *e, const struct token_set *set)
{
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    yyjson_mut_obj_add_str(doc, root, "grant_type", "refresh_token");
    yyjson_mut_obj_add_str(doc, root, "refresh_token", set->refresh);
    yyjson_mut_obj_add_str(doc, root, "client_id", e->client_id);
    char *text = yyjson_mut_write(doc, 0, NULL);
    yyjson_mut_doc_free(doc);
    return text;
}

static struct str text_of(yyjson_val *root, const char *name)
{
    yyjson_val *v = yyjson_obj_get(root, name);
    return yyjson_is_str(v) ? str_make(yyjson_get_str(v), yyjson_get_len(v)) : STR_NONE;
}

/* Without a new refresh token the old one stays good (RFC 6749 §6). */
static enum err take_answer(struct str answer, struct token_set *set, struct fail *f)
{
    yyjson_doc *doc = yyjson_read(answer.ptr, answer.len, 0);
    yyjson_val *root = yyjson_doc_get_root(doc);
    struct str access = text_of(root, "access_token"), refresh = text_of(root, "refresh_token");
    double lasts_s = yyjson_get_num(yyjson_obj_get(root, "expires_in"));
    bool is_fine = token_is_plain(access) && (!refresh.len || token_is_plain(refresh));
    if (is_fine) {
        snprintf(set->access, sizeof set->access, "%.*s", STR_ARGS(access));
        if (refresh.len)
            snprintf(set->refresh, sizeof set->refresh, "%.*s", STR_ARGS(refresh));
        bool is_known = lasts_s > 0 && lasts_s < 1e9;
        set->expires_ms = is_known ? clock_wall_us() / 1000 + (int64_t)(lasts_s * 1000) : 0;
    }
    yyjson_doc_free(doc);
    return is_fine ? ERR_OK : fail(f, ERR_UPSTREAM_CONNECT, "the answer holds no token");
}

static enum err judge(int status, struct str answer, struct token_set *set, struct fail *f)
{
    if (status == 400 || status == 401 || status == 403)
        return fail(f, ERR_UNAUTHORIZED, "refused with status %d", status);
    if (status != 200)
        return fail(f, ERR_UPSTREAM_CONNECT, "status %d", status);
    return take_answer(answer, set, f);
}

enum err token_refresh(const struct token_endpoint *e, struct token_set *set, struct fail *f)
{
    struct buf answer;
    int status = 0;
    char *body = question(e, set);
    struct errand errand = {.url = e->url, .ca_file = e->ca_file, .proxy = e->proxy,
                            .body = str_of(body), .limit_ms = TOKEN_REFRESH_MS,
                            .is_over = e->is_over};
    buf_init(&answer, ANSWER_MAX);
    enum err err = body ? errand_post(&errand, &status, &answer, f) : fail(f, ERR_INTERNAL, "no room");
    if (!err)
        err = judge(status, buf_str(&answer), set, f);
    buf_release(&answer);
    free(body);
    return err;
}

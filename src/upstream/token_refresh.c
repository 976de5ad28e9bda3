/*
 * token_refresh.c — asks Anthropic's token endpoint for a new token. One request with libcurl:
 * nothing here is hot.
 */
#include "upstream/token_refresh.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <yyjson.h>

#include "base/buf.h"
#include "base/clock.h"

enum { ANSWER_MAX = 64 * 1024 };

static size_t on_bytes(char *bytes, size_t size, size_t count, void *owner)
{
    struct buf *answer = owner;
    return buf_append(answer, str_make(bytes, size * count)) == ERR_OK ? size * count : 0;
}

static int on_progress(void *owner, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct token_endpoint *e = owner;
    (void)a, (void)b, (void)c, (void)d;
    return atomic_load(e->is_over);
}

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

static void set_up(CURL *curl, const struct token_endpoint *e, const char *body,
                   struct curl_slist *headers, struct buf *answer)
{
    curl_easy_setopt(curl, CURLOPT_URL, e->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http"); /* http: loopback only (config) */
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);          /* a token goes to one host */
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "claude-code-proxy/" VERSION);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)TOKEN_REFRESH_MS);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, e);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    if (e->ca_file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, e->ca_file);
    if (strcmp(e->proxy, "env") != 0)
        curl_easy_setopt(curl, CURLOPT_PROXY, e->proxy);
}

static enum err judge(CURLcode code, long status, struct str answer, struct token_set *set,
                      struct fail *f)
{
    if (code != CURLE_OK)
        return fail(f, ERR_UPSTREAM_CONNECT, "%s", curl_easy_strerror(code));
    if (status == 400 || status == 401 || status == 403)
        return fail(f, ERR_UNAUTHORIZED, "refused with status %ld", status);
    if (status != 200)
        return fail(f, ERR_UPSTREAM_CONNECT, "status %ld", status);
    return take_answer(answer, set, f);
}

enum err token_refresh(const struct token_endpoint *e, struct token_set *set, struct fail *f)
{
    struct buf answer;
    long status = 0;
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    char *body = question(e, set);
    enum err err = ERR_OK;
    buf_init(&answer, ANSWER_MAX);
    if (!curl || !headers || !body) {
        err = fail(f, ERR_INTERNAL, "no room");
        goto out;
    }
    set_up(curl, e, body, headers, &answer);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    err = judge(code, status, buf_str(&answer), set, f);
out:
    buf_release(&answer);
    free(body);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return err;
}

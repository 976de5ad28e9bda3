/*
 * assets.c — the dashboard's files, out of the binary.
 */
#include "api/assets.h"

#include "api/api_reply.h"

/* Nothing runs, loads or connects that is not ours, whatever a recorded text says. */
#define PAGE_HEADERS                                                                               \
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "           \
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; "                 \
    "form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; "              \
    "trusted-types svelte-trusted-html dashboard-worker\r\n"                                                        \
    "X-Content-Type-Options: nosniff\r\n"                                                          \
    "Referrer-Policy: no-referrer\r\n"                                                             \
    "Cross-Origin-Opener-Policy: same-origin\r\n"                                                  \
    "Vary: Accept, Accept-Encoding\r\n"

static int compare_path(struct str path, const struct asset *a)
{
    return str_compare(path, str_of(a->path));
}

static const struct asset *find_file(const struct asset_table *t, struct str path)
{
    size_t low = 0, high = t->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_path(path, &t->list[middle]);
        if (!order)
            return &t->list[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* Does the last part of the path look like a file's name? */
static bool names_a_file(struct str path)
{
    for (size_t i = path.len; i > 0 && path.ptr[i - 1] != '/'; i--)
        if (path.ptr[i - 1] == '.')
            return true;
    return false;
}

/* The page finds its own way at any address, for browsers: whoever asks for no page (Claude Code
 * tries some addresses at its start) is better told that there is none. */
static const struct asset *find(const struct asset_table *t, struct str path, const struct head *h)
{
    bool is_page = str_equal(path, STR("/")) || str_equal(path, STR("/monitor"));
    const struct asset *a = find_file(t, is_page ? STR("/index.html") : path);
    bool wants_page = str_contains_nocase(head_get(h, STR("Accept")), STR("text/html"));
    return a || names_a_file(path) || !wants_page ? a : find_file(t, STR("/index.html"));
}

/* Is `coding` accepted, by name and not with q=0 (RFC 9110 §12.5.3)? */
static bool accepts(const struct head *h, struct str coding)
{
    struct str rest = head_get(h, STR("Accept-Encoding")), item, name;
    while (str_next(&rest, ',', &item)) {
        if (!str_next(&item, ';', &name) || !str_equal_nocase(str_trim(name), coding))
            continue;
        struct str weight = str_trim(item);
        if (!str_starts_nocase(weight, STR("q=0")))
            return true;
        for (size_t i = 3; i < weight.len; i++)
            if (weight.ptr[i] >= '1' && weight.ptr[i] <= '9')
                return true;
        return false;
    }
    return false;
}

/* One way to send a file. */
struct form {
    struct str bytes;
    const char *etag_end;
    const char *header;
};

static struct form choose(const struct asset *a, const struct head *h)
{
    if (a->brotli.len && accepts(h, STR("br")))
        return (struct form){a->brotli, "-br", "Content-Encoding: br\r\n"};
    if (a->gzip.len && accepts(h, STR("gzip")))
        return (struct form){a->gzip, "-gz", "Content-Encoding: gzip\r\n"};
    return (struct form){a->plain, "", ""};
}

/* Has the client this very form already (RFC 9110 §13.1.2)? */
static bool is_known(const struct head *h, struct str etag)
{
    struct str rest = head_get(h, STR("If-None-Match")), item;
    while (str_next(&rest, ',', &item)) {
        item = str_trim(item);
        if (str_starts(item, STR("W/")))
            item = str_from(item, 2);
        if (str_equal(item, STR("*")) || str_equal(item, etag))
            return true;
    }
    return false;
}

static void send(struct call *c, const struct asset *a)
{
    struct form form = choose(a, call_head(c));
    struct str etag = arena_printf(call_arena(c), "\"%s%s\"", a->etag, form.etag_end);
    const char *cache = a->is_immutable ? "public, max-age=31536000, immutable" : "no-cache";
    bool known = is_known(call_head(c), etag);
    const struct reply r = {
        known ? 304 : 200, a->content_type,
        arena_printf(call_arena(c), "%s%sETag: %.*s\r\nCache-Control: %s\r\n", PAGE_HEADERS,
                     known ? "" : form.header, STR_ARGS(etag), cache)};
    call_reply_static(c, &r, known ? STR_NONE : form.bytes);
}

void assets_handle(struct call *c, void *table)
{
    const struct asset_table *t = table ? table : &assets_embedded;
    struct str method = call_method(c);
    if (!str_equal(method, STR("GET")) && !str_equal(method, STR("HEAD"))) {
        api_refuse(c, ERR_METHOD_NOT_ALLOWED, NULL, err_public(ERR_METHOD_NOT_ALLOWED),
                   "Allow: GET, HEAD\r\n");
        return;
    }
    const struct asset *a = find(t, call_path(c), call_head(c));
    if (a)
        send(c, a);
    else
        api_refuse(c, ERR_NOT_FOUND, NULL, err_public(ERR_NOT_FOUND), NULL);
}

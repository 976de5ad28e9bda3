/*
 * provider.c — reading a provider's addresses out of configuration.
 */
#include "upstream/provider.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/hex.h"
#include "http/head_check.h"

static const char *text_of(struct provider *p, struct str s)
{
    return arena_str(&p->arena, s).ptr;
}

enum err provider_init(struct provider *p, const char *name, const char *base_url, struct fail *f)
{
    *p = (struct provider){0};
    arena_init(&p->arena);
    p->name = arena_str(&p->arena, str_of(name));
    struct str url = str_of(base_url), host;
    if (str_starts_nocase(url, STR("https://"))) {
        p->is_tls = true;
        url = str_from(url, 8);
    } else if (str_starts_nocase(url, STR("http://"))) {
        url = str_from(url, 7);
    } else {
        return fail(f, ERR_CONFIG, "provider %s: base_url must begin with https:// or http://", name);
    }
    size_t slash = str_find(url, '/');
    struct str authority = str_head(url, slash);
    if (!head_split_host(authority, &host, &p->port))
        return fail(f, ERR_CONFIG, "provider %s: base_url has no usable host", name);
    p->host = text_of(p, host);
    p->host_header = arena_str(&p->arena, authority);
    if (!p->port)
        p->port = p->is_tls ? 443 : 80;
    struct str path = str_from(url, slash);
    while (str_ends(path, STR("/")))
        path.len--;
    p->base_path = arena_str(&p->arena, path);
    return ERR_OK;
}

void provider_release(struct provider *p)
{
    arena_release(&p->arena);
}

static bool is_same_text(const char *a, const char *b)
{
    return str_equal(str_of(a ? a : ""), str_of(b ? b : ""));
}

bool provider_is_same(const struct provider *a, const struct provider *b)
{
    return str_equal(a->name, b->name) && a->is_tls == b->is_tls && is_same_text(a->host, b->host) &&
           a->port == b->port && str_equal(a->host_header, b->host_header) &&
           str_equal(a->base_path, b->base_path) && is_same_text(a->ca_file, b->ca_file) &&
           is_same_text(a->proxy_host, b->proxy_host) && a->proxy_port == b->proxy_port &&
           str_equal(a->proxy_auth, b->proxy_auth) &&
           a->connect_timeout_ms == b->connect_timeout_ms &&
           a->head_timeout_ms == b->head_timeout_ms && a->idle_timeout_ms == b->idle_timeout_ms &&
           a->max_retries == b->max_retries && a->own_port == b->own_port &&
           a->own_is_any == b->own_is_any;
}

/* Is `host` named in NO_PROXY: "*", a name, or a suffix with or without its dot? */
static bool is_exempt(const char *host)
{
    const char *list = getenv("NO_PROXY") ? getenv("NO_PROXY") : getenv("no_proxy");
    struct str rest = str_of(list), part, name = str_of(host);
    while (list && str_next(&rest, ',', &part)) {
        part = str_trim(part);
        if (str_equal(part, STR("*")))
            return true;
        if (part.len && part.ptr[0] == '.')
            part = str_from(part, 1);
        if (!part.len || name.len < part.len)
            continue;
        bool ends = str_equal_nocase(str_from(name, name.len - part.len), part);
        if (ends && (name.len == part.len || name.ptr[name.len - part.len - 1] == '.'))
            return true;
    }
    return false;
}

/* What Basic wants: %XX undone (RFC 3986 §2.1), and a colon even without a password (RFC 7617 §2). */
static struct str plain_login(struct provider *p, struct str text)
{
    char *out = arena_alloc(&p->arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        int byte = hex_escape(text, i);
        out[len++] = byte < 0 ? text.ptr[i] : (char)byte;
        i += byte < 0 ? 0 : 2;
    }
    if (str_find(text, ':') == text.len)
        out[len++] = ':';
    return str_make(out, len);
}

enum err provider_set_proxy(struct provider *p, const char *proxy, struct fail *f)
{
    if (proxy && strcmp(proxy, "env") == 0) {
        proxy = getenv("HTTPS_PROXY") ? getenv("HTTPS_PROXY") : getenv("https_proxy");
        if (!p->is_tls || is_exempt(p->host))
            return ERR_OK;
    }
    if (!proxy || !*proxy)
        return ERR_OK;
    struct str url = str_of(proxy), host;
    if (!str_starts_nocase(url, STR("http://")))
        return fail(f, ERR_CONFIG, "provider %.*s: a proxy must begin with http://",
                    STR_ARGS(p->name));
    url = str_from(url, 7);
    url = str_head(url, str_find(url, '/'));
    size_t at = str_find(url, '@');
    if (at < url.len) {
        struct str login = plain_login(p, str_head(url, at));
        char *encoded = arena_alloc(&p->arena, login.len * 2 + 8);
        int n = EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)login.ptr,
                                (int)login.len);
        p->proxy_auth = str_make(encoded, (size_t)n);
        url = str_from(url, at + 1);
    }
    if (!head_split_host(url, &host, &p->proxy_port) || !p->proxy_port)
        return fail(f, ERR_CONFIG, "provider %.*s: the proxy needs host and port",
                    STR_ARGS(p->name));
    p->proxy_host = text_of(p, host);
    return ERR_OK;
}

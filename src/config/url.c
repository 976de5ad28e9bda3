/*
 * url.c — the few URLs we are configured with, taken apart, and what a host name means.
 */
#include "config/url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>

enum { HOST_BYTES_MAX = 253 }; /* RFC 1035 §2.3.4 */

/* An address in 16 bytes, IPv4 mapped into IPv6 (RFC 4291 §2.5.5.2). */
static bool address_parse(struct str host, uint8_t out[16])
{
    char text[INET6_ADDRSTRLEN];
    if (host.len == 0 || host.len >= sizeof text)
        return false;
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    if (inet_pton(AF_INET6, text, out) == 1)
        return true;
    memset(out, 0, 10);
    memset(out + 10, 0xff, 2);
    return inet_pton(AF_INET, text, out + 12) == 1;
}

static bool is_mapped(const uint8_t a[16])
{
    static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(a, prefix, sizeof prefix) == 0;
}

/* "0x7f.1", "2130706433", "127.1": resolvers read these as addresses, people do not. */
static bool ends_in_number(struct str host)
{
    struct str last = host;
    while (str_find(last, '.') + 1 < last.len)
        last = str_from(last, str_find(last, '.') + 1);
    if (!last.len || str_starts_nocase(last, STR("0x")))
        return last.len > 0;
    for (size_t i = 0; i < last.len; i++)
        if (!isdigit((unsigned char)last.ptr[i]) && last.ptr[i] != '.')
            return false;
    return true;
}

static bool name_is_valid(struct str host)
{
    if (!host.len || host.len > HOST_BYTES_MAX || host.ptr[0] == '.' || host.ptr[0] == '-')
        return false;
    for (size_t i = 0; i < host.len; i++) {
        unsigned char c = (unsigned char)host.ptr[i];
        if (!(c < 0x80 && isalnum(c)) && c != '-' && c != '_' && c != '.')
            return false;
        if (c == '.' && i > 0 && host.ptr[i - 1] == '.')
            return false;
    }
    return true;
}

bool host_is_valid(struct str host)
{
    uint8_t a[16];
    if (address_parse(host, a))
        return true;
    return name_is_valid(host) && !ends_in_number(host);
}

bool host_is_loopback(struct str host)
{
    static const uint8_t one[16] = {[15] = 1};
    uint8_t a[16];
    if (address_parse(host, a))
        return memcmp(a, one, sizeof one) == 0 || (is_mapped(a) && a[12] == 127);
    if (host.len && host.ptr[host.len - 1] == '.')
        host.len--;
    struct str tail = host.len > 10 ? str_from(host, host.len - 10) : STR_NONE;
    return str_equal_nocase(host, STR("localhost")) || str_equal_nocase(tail, STR(".localhost"));
}

bool host_is_any(struct str host)
{
    static const uint8_t zero[16] = {0};
    uint8_t a[16];
    if (!address_parse(host, a))
        return false;
    return memcmp(a, zero, sizeof zero) == 0 || (is_mapped(a) && memcmp(a + 12, zero, 4) == 0);
}

bool host_is_forbidden(struct str host)
{
    uint8_t a[16];
    if (!address_parse(host, a))
        return false;
    if (is_mapped(a))
        return a[12] == 0 || (a[12] == 169 && a[13] == 254) || a[12] >= 224;
    return host_is_any(host) || a[0] == 0xff || (a[0] == 0xfe && (a[1] & 0xc0) == 0x80);
}

static enum err take_scheme(struct url *u, struct str *rest, struct fail *why)
{
    u->tls = str_starts_nocase(*rest, STR("https://"));
    if (!u->tls && !str_starts_nocase(*rest, STR("http://")))
        return fail(why, ERR_CONFIG, "must begin with https:// or http://");
    *rest = str_from(*rest, u->tls ? 8 : 7);
    return ERR_OK;
}

static enum err take_port(struct url *u, struct str text, struct fail *why)
{
    uint64_t port;
    if (!str_to_u64(text, &port) || port < 1 || port > 65535 || text.ptr[0] == '0')
        return fail(why, ERR_CONFIG, "its port must be a number from 1 to 65535");
    u->port = (uint16_t)port;
    u->port_given = true;
    return ERR_OK;
}

static enum err take_host(struct url *u, struct str authority, struct fail *why)
{
    bool brackets = authority.len && authority.ptr[0] == '[';
    size_t end = str_find(authority, brackets ? ']' : ':');
    if (brackets && end == authority.len)
        return fail(why, ERR_CONFIG, "the bracket of its address is not closed");
    u->host = brackets ? str_head(str_from(authority, 1), end - 1) : str_head(authority, end);
    struct str rest = str_from(authority, end + brackets);
    uint8_t a[16];
    if (!host_is_valid(u->host) ||
        (brackets && (!address_parse(u->host, a) || str_find(u->host, ':') == u->host.len)))
        return fail(why, ERR_CONFIG,
                    u->host.len ? "its host is not a valid name or address" : "it has no host");
    u->port = u->tls ? 443 : 80;
    if (!rest.len)
        return ERR_OK;
    if (rest.ptr[0] != ':')
        return fail(why, ERR_CONFIG, "its host is not a valid name or address");
    return take_port(u, str_from(rest, 1), why);
}

static enum err check_bytes(struct str text, struct fail *why)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c >= 0x80)
            return fail(why, ERR_CONFIG, "must be ASCII: write a foreign name as xn--…");
        if (c <= 0x20 || c == 0x7f || strchr("\"<>\\^`{|}", c))
            return fail(why, ERR_CONFIG, "holds a byte that no URL may hold");
        if (c == '#' || c == '?')
            return fail(why, ERR_CONFIG, "must not have a query or a fragment");
    }
    return ERR_OK;
}

enum err url_parse(struct url *u, struct str text, struct fail *why)
{
    *u = (struct url){.tls = false};
    enum err err = check_bytes(text, why);
    if (!err)
        err = take_scheme(u, &text, why);
    if (err)
        return err;
    size_t end = str_find(text, '/');
    u->path = str_from(text, end);
    struct str authority = str_head(text, end);
    size_t at = str_find(authority, '@');
    if (at < authority.len) {
        u->userinfo = str_head(authority, at);
        authority = str_from(authority, at + 1);
    }
    return take_host(u, authority, why);
}

bool addr_is_loopback(struct str addr)
{
    size_t end = addr.len;
    while (end && addr.ptr[end - 1] != ':')
        end--;
    struct str host = end ? str_head(addr, end - 1) : STR_NONE;
    if (host.len > 2 && host.ptr[0] == '[')
        host = str_make(host.ptr + 1, host.len - 2);
    return host_is_loopback(host);
}

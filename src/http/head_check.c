/*
 * head_check.c — rules for heads, as tables and small predicates.
 */
#include "http/head_check.h"

#include "base/hex.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* One or more digits, no leading zero but in "0" itself. */
static bool is_plain_length(struct str v)
{
    for (size_t i = 0; i < v.len; i++)
        if (!is_digit(v.ptr[i]))
            return false;
    return v.len == 1 || (v.len > 1 && v.ptr[0] != '0');
}

/* Underscores become dashes in CGI and elsewhere: such a twin of a framing header is an attack. */
static bool is_framing_twin(struct str name)
{
    static const char *const framing[] = {"content-length", "transfer-encoding"};
    for (size_t k = 0; k < COUNT_OF(framing); k++) {
        struct str want = str_of(framing[k]);
        if (want.len != name.len)
            continue;
        bool same = true, underscore = false;
        for (size_t i = 0; i < name.len; i++) {
            char c = name.ptr[i];
            underscore |= c == '_';
            c = c == '_' ? '-' : c;
            same &= (c | 0x20) == (want.ptr[i] | 0x20);
        }
        if (same && underscore)
            return true;
    }
    return false;
}

static bool is_value_clean(struct str v)
{
    for (size_t i = 0; i < v.len; i++) {
        unsigned char c = (unsigned char)v.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

enum err head_check_coding(const struct head *h)
{
    struct str coding = head_get_id(h, HEADER_TRANSFER_ENCODING);
    size_t chunked = 0, others = 0, bad = 0;
    struct str rest = coding, part;
    while (str_next(&rest, ',', &part)) {
        part = str_trim(part);
        if (str_equal_nocase(part, STR("chunked")))
            chunked++;
        else
            others++;
        for (size_t i = 0; i < part.len; i++) {
            unsigned char c = (unsigned char)part.ptr[i];
            bad += c <= 0x20 || c >= 0x7f || c == '"';
        }
    }
    bool chunked_first = str_starts_nocase(str_trim(coding), STR("chunked,"));
    if (bad || chunked > 1 || chunked_first || head_has_id(h, HEADER_CONTENT_LENGTH))
        return ERR_BAD_REQUEST;
    return others ? ERR_NOT_IMPLEMENTED : ERR_BAD_REQUEST;
}

/* How often each known header stands in a head. */
struct tally {
    uint8_t count[HEADER_IDS];
    struct str coding, length, host, expect;
};

/* (Control characters in names and values have been refused by llhttp.) */
static enum err take_stock(const struct head *h, struct tally *t, struct fail *f)
{
    *t = (struct tally){0};
    for (size_t i = 0; i < h->count; i++) {
        const struct header *each = &h->headers[i];
        t->count[each->id]++;
        if (!each->name.len)
            return fail(f, ERR_BAD_REQUEST, "a header without a name");
        if (each->id == HEADER_OTHER && is_framing_twin(each->name))
            return fail(f, ERR_BAD_REQUEST, "a header named like a framing header");
        if (each->id == HEADER_TRANSFER_ENCODING)
            t->coding = each->value;
        else if (each->id == HEADER_CONTENT_LENGTH)
            t->length = each->value;
        else if (each->id == HEADER_HOST)
            t->host = each->value;
        else if (each->id == HEADER_EXPECT)
            t->expect = each->value;
    }
    return ERR_OK;
}

static enum err check_framing(const struct head *h, const struct tally *t, struct fail *f)
{
    int lengths = t->count[HEADER_CONTENT_LENGTH], codings = t->count[HEADER_TRANSFER_ENCODING];
    if (lengths + codings > 1)
        return fail(f, ERR_BAD_REQUEST, "the body's length is stated more than once");
    if (lengths && !is_plain_length(t->length))
        return fail(f, ERR_BAD_REQUEST, "Content-Length is not a plain number");
    if (codings && !str_equal_nocase(t->coding, STR("chunked")))
        return fail(f, head_check_coding(h), "this Transfer-Encoding is not accepted");
    if (codings && h->version_minor == 0)
        return fail(f, ERR_BAD_REQUEST, "Transfer-Encoding in HTTP/1.0");
    return ERR_OK;
}

bool head_split_host(struct str value, struct str *host, uint16_t *port)
{
    *port = 0;
    size_t end;
    if (value.len && value.ptr[0] == '[') {
        end = str_find(value, ']');
        if (end == value.len)
            return false;
        *host = str_head(str_from(value, 1), end - 1);
        end++;
        for (size_t i = 0; i < host->len; i++)
            if (!strchr("0123456789abcdefABCDEF:.", host->ptr[i]))
                return false;
    } else {
        end = str_find(value, ':');
        *host = str_head(value, end);
        for (size_t i = 0; i < host->len; i++) {
            char c = (char)(host->ptr[i] | 0x20);
            if (!((c >= 'a' && c <= 'z') || is_digit(host->ptr[i]) || strchr("-._", host->ptr[i])))
                return false;
        }
    }
    if (!host->len)
        return false;
    if (end == value.len)
        return true;
    struct str digits = str_from(value, end + 1);
    uint64_t number;
    if (value.ptr[end] != ':' || digits.len > 5 || !str_to_u64(digits, &number) || number > 65535)
        return false;
    *port = (uint16_t)number;
    return true;
}

static enum err check_host(const struct head *h, const struct tally *t, struct fail *f)
{
    int count = t->count[HEADER_HOST];
    struct str host;
    uint16_t port;
    if (count > 1 || (count == 0 && h->version_minor >= 1))
        return fail(f, ERR_BAD_REQUEST, "there must be one Host header");
    if (count && !head_split_host(t->host, &host, &port))
        return fail(f, ERR_BAD_REQUEST, "the Host header is malformed");
    return ERR_OK;
}

/* Dot segments, doubled slashes at the front, backslashes and encoded control characters would
 * let two readers see two paths. */
static enum err check_path(struct str path, struct fail *f)
{
    if (!path.len || path.ptr[0] != '/' || str_starts(path, STR("//")))
        return fail(f, ERR_BAD_REQUEST, "the target must be a path");
    size_t dots = 0, length = 0; /* of the segment being read, percent-decoding seen through */
    for (size_t i = 0; i <= path.len; i++) {
        int c = i < path.len ? (unsigned char)path.ptr[i] : '/';
        if (c == '%') {
            c = hex_escape(path, i);
            if (c < 0)
                return fail(f, ERR_BAD_REQUEST, "a broken percent escape in the target");
            i += 2;
            if (c < 0x20 || c == 0x7f || c == '\\' || c == 0xc0 || c == 0xc1)
                return fail(f, ERR_BAD_REQUEST, "a forbidden character in the target");
            c = c == ' ' || c == '#' ? '_' : c; /* legal when escaped */
        }
        if (c <= 0x20 || c == 0x7f || c == '\\' || c == '#')
            return fail(f, ERR_BAD_REQUEST, "a forbidden character in the target");
        if (c != '/') {
            dots += c == '.';
            length++;
            continue;
        }
        if (length && dots == length && length <= 2)
            return fail(f, ERR_BAD_REQUEST, "a dot segment in the target");
        dots = length = 0;
    }
    return ERR_OK;
}

static enum err check_target(const struct head *h, struct fail *f)
{
    if (str_equal(h->target, STR("*")) || str_equal(h->method, STR("CONNECT")) ||
        str_equal(h->method, STR("TRACE")))
        return fail(f, ERR_METHOD_NOT_ALLOWED, "this method is not served");
    for (size_t i = 0; i < h->target.len; i++) {
        unsigned char c = (unsigned char)h->target.ptr[i];
        if (c <= 0x20 || c == 0x7f || c == '#')
            return fail(f, ERR_BAD_REQUEST, "a forbidden character in the target");
    }
    return check_path(str_head(h->target, str_find(h->target, '?')), f);
}

enum err head_check_request(const struct head *h, struct fail *f)
{
    struct tally t;
    enum err err = take_stock(h, &t, f);
    if (!err)
        err = check_framing(h, &t, f);
    if (!err)
        err = check_host(h, &t, f);
    if (!err)
        err = check_target(h, f);
    if (!err && t.count[HEADER_EXPECT] && !str_equal_nocase(t.expect, STR("100-continue")))
        err = fail(f, ERR_EXPECTATION, "only 100-continue can be expected");
    for (int id = 1; !err && id < HEADER_IDS; id++)
        if (t.count[id] > 1 && (header_traits((enum header_id)id) & HEADER_ONCE))
            err = fail(f, ERR_BAD_REQUEST, "a credential is given twice");
    return err;
}

enum err head_check_answer(const struct head *h, struct fail *f)
{
    struct fail cause = {0};
    struct tally t;
    if (!is_value_clean(h->reason))
        return fail(f, ERR_UPSTREAM_PROTOCOL, "a control character in the reason");
    if (take_stock(h, &t, &cause) == ERR_OK && check_framing(h, &t, &cause) == ERR_OK)
        return ERR_OK;
    return fail(f, ERR_UPSTREAM_PROTOCOL, "%s", cause.detail);
}

bool head_is_hop_by_hop(const struct head *h, const struct header *each)
{
    unsigned traits = header_traits(each->id);
    if (traits)
        return traits & HEADER_HOP;
    return h->lists_hops && head_has_token(h, HEADER_CONNECTION, each->name);
}

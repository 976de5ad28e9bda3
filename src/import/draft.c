/*
 * draft.c — an exchange put together out of what other programs kept of it.
 */
#include <xxhash.h>

#include "import/importer_private.h"

void draft_clear(struct draft *d)
{
    arena_clear(&d->arena);
    d->host = STR_NONE;
    for (int i = 0; i < 2; i++) {
        buf_clear(&d->heads[i]);
        buf_clear(&d->bodies[i]);
    }
    d->exchange = (struct exchange_copy){
        .state = ENDING_COMPLETE,
        .connect_us = UNKNOWN,
        .sent_us = UNKNOWN,
        .ttfb_us = UNKNOWN,
        .duration_us = UNKNOWN,
        .request_bytes = UNKNOWN,
        .response_bytes = UNKNOWN,
    };
}

/* No byte that would end a line or a word of the first one. */
static enum err put_word(struct buf *out, struct str word, const char *otherwise)
{
    enum err err = word.len ? ERR_OK : buf_append(out, str_of(otherwise));
    for (size_t i = 0; i < word.len && !err; i++) {
        unsigned char c = (unsigned char)word.ptr[i];
        err = c <= ' ' || c == 0x7f ? buf_printf(out, "%%%02X", c) : buf_append_byte(out, (char)c);
    }
    return err;
}

enum err draft_request_line(struct draft *d, struct str method, struct str url)
{
    struct str target = url;
    size_t colon = str_find(url, ':');
    if (str_starts(str_from(url, colon), STR("://"))) {
        struct str rest = str_from(url, colon + 3);
        d->host = str_head(rest, str_find(rest, '/'));
        target = str_from(rest, d->host.len);
    }
    struct buf *out = &d->heads[OF_REQUEST];
    enum err err = put_word(out, method, "POST");
    if (!err)
        err = buf_append_byte(out, ' ');
    if (!err)
        err = put_word(out, target, "/");
    return err ? err : buf_append(out, STR(" HTTP/1.1\r\n"));
}

enum err draft_first_line(struct draft *d, enum body_of side, struct str line)
{
    if (str_find(line, '\n') < line.len || str_find(line, '\r') < line.len)
        return ERR_PARSE;
    enum err err = buf_append(&d->heads[side], line);
    return err || !line.len ? err : buf_append(&d->heads[side], STR("\r\n"));
}

/* Text in which no byte ends the line. */
static enum err put_line_text(struct buf *out, struct str text)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < text.len && !err; i++) {
        char c = text.ptr[i];
        err = buf_append_byte(out, c == '\r' || c == '\n' || !c ? ' ' : c);
    }
    return err;
}

enum err draft_status_line(struct draft *d, int64_t status, struct str reason)
{
    struct buf *out = &d->heads[OF_ANSWER];
    enum err err = buf_printf(out, "HTTP/1.1 %d%s", status < 100 || status > 999 ? 0 : (int)status,
                              reason.len ? " " : "");
    if (!err)
        err = put_line_text(out, reason);
    return err ? err : buf_append(out, STR("\r\n"));
}

/* RFC 9110 §5.6.2 */
static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool is_alnum = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (!is_alnum && (!c || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return s.len > 0;
}

enum err draft_header(struct draft *d, enum body_of side, struct str name, struct str value)
{
    struct buf *out = &d->heads[side];
    if (!is_token(name))
        return ERR_OK;
    enum err err = buf_append(out, name);
    if (!err)
        err = buf_append(out, STR(": "));
    if (!err)
        err = put_line_text(out, value);
    return err ? err : buf_append(out, STR("\r\n"));
}

bool draft_has_header(const struct draft *d, enum body_of side, struct str name)
{
    struct str rest = buf_str(&d->heads[side]), line;
    while (str_next(&rest, '\n', &line))
        if (str_equal_nocase(str_head(line, str_find(line, ':')), name))
            return true;
    return false;
}

enum err draft_event(struct draft *d, struct str type, struct str data)
{
    struct buf *out = &d->bodies[OF_ANSWER];
    enum err err = ERR_OK;
    if (type.len) {
        err = buf_append(out, STR("event: "));
        if (!err)
            err = put_line_text(out, type);
        if (!err)
            err = buf_append_byte(out, '\n');
    }
    if (!err)
        err = buf_append(out, STR("data: "));
    if (!err)
        err = put_line_text(out, data);
    return err ? err : buf_append(out, STR("\n\n"));
}

void draft_derive_id(struct draft *d, struct str kind, struct str key)
{
    struct uuid *id = &d->exchange.id;
    XXH64_hash_t seed = XXH3_64bits(kind.ptr, kind.len);
    XXH64_hash_t low = XXH3_64bits_withSeed(key.ptr ? key.ptr : "", key.len, seed);
    *id = uuid_floor(d->exchange.started_us);
    low = XXH3_64bits_withSeed(&d->exchange.started_us, sizeof d->exchange.started_us, low);
    XXH64_hash_t high = XXH3_64bits_withSeed(&low, sizeof low, seed);
    id->bytes[6] = (uint8_t)(0x70 | (high & 0x0f));
    id->bytes[7] = (uint8_t)(high >> 8);
    for (int i = 0; i < 8; i++)
        id->bytes[8 + i] = (uint8_t)(low >> (8 * i));
    id->bytes[8] = (uint8_t)(0x80 | (id->bytes[8] & 0x3f));
}

enum err draft_finish(struct draft *d)
{
    struct exchange_copy *x = &d->exchange;
    enum err err = ERR_OK;
    if (d->host.len && !draft_has_header(d, OF_REQUEST, STR("host")))
        err = draft_header(d, OF_REQUEST, STR("Host"), d->host);
    x->request_head = buf_str(&d->heads[OF_REQUEST]);
    x->response_head = buf_str(&d->heads[OF_ANSWER]);
    x->request.bytes = buf_str(&d->bodies[OF_REQUEST]);
    x->response.bytes = buf_str(&d->bodies[OF_ANSWER]);
    if (x->request_bytes < 0)
        x->request_bytes = (int64_t)x->request.bytes.len;
    if (x->response_bytes < 0)
        x->response_bytes = (int64_t)x->response.bytes.len;
    return err;
}

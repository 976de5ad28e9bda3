/*
 * base64.c — bytes as text and back.
 */
#include "base/base64.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum err base64_encode(struct str bytes, struct buf *out)
{
    enum err err = buf_reserve(out, (bytes.len + 2) / 3 * 4);
    if (err)
        return err;
    char *to = out->ptr + out->len;
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = MIN_OF(bytes.len - i, (size_t)3);
        uint32_t three = 0;
        for (size_t j = 0; j < left; j++)
            three |= (uint32_t)(uint8_t)bytes.ptr[i + j] << (16 - 8 * j);
        for (size_t j = 0; j < 4; j++)
            *to++ = j <= left ? letters[three >> (18 - 6 * j) & 63] : '=';
    }
    out->len = (size_t)(to - out->ptr);
    return ERR_OK;
}

int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

enum err base64_decode(struct str text, struct buf *out)
{
    uint32_t bits = 0;
    int count = 0, padding = 0;
    enum err err = buf_reserve(out, text.len / 4 * 3 + 3);
    for (size_t i = 0; i < text.len && !err; i++) {
        char c = text.ptr[i];
        int value = base64_value(c);
        if (c == '\r' || c == '\n')
            continue;
        if (c == '=' && ++padding <= 2)
            continue;
        if (value < 0 || padding)
            return ERR_PARSE;
        bits = bits << 6 | (uint32_t)value;
        if (++count % 4 == 0)
            err = buf_append(out, str_make((const char[]){(char)(bits >> 16), (char)(bits >> 8),
                                                          (char)bits}, 3));
    }
    if (!err && count % 4 == 1)
        return ERR_PARSE;
    if (!err && count % 4 >= 2)
        err = buf_append_byte(out, (char)(bits >> (count % 4 == 2 ? 4 : 10)));
    if (!err && count % 4 == 3)
        err = buf_append_byte(out, (char)(bits >> 2));
    return err;
}

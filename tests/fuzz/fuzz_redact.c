/*
 * fuzz_redact.c — masking is the same with a warm cache and a cold one, and a canary in a secret's
 * place is never seen again.
 */
#include "fuzz.h"

#include "record/redact.h"

static const uint8_t key[REDACT_KEY_BYTES] = "a key for tests of thirty-two by";

static struct buf masked_value(struct redactor *r, struct str name, struct str value)
{
    struct buf out;
    buf_init(&out, 1 << 24);
    PROMISE(redact_value(r, name, value, &out) == ERR_OK);
    return out;
}

static void check_value(struct redactor *r, struct str name, struct str value)
{
    struct redactor *fresh = redactor_new(key);
    struct buf one = masked_value(r, name, value), two = masked_value(fresh, name, value);
    PROMISE(str_equal(buf_str(&one), buf_str(&two)));
    buf_release(&one);
    buf_release(&two);
    redactor_free(fresh);
}

/* A canary behind the input, in a secret header and in a secret parameter. */
static void check_canary(struct redactor *r, struct str value)
{
    static const struct str canary = {"Zq7Zq7Zq7Zq7", 12};
    struct buf text, out;
    buf_init(&text, 1 << 24);
    buf_init(&out, 1 << 24);
    PROMISE(!buf_append(&text, value) && !buf_append(&text, canary));
    PROMISE(!redact_value(r, STR("Authorization"), buf_str(&text), &out));
    buf_clear(&text);
    PROMISE(!buf_append(&text, STR("/v1/x?api_key=")) && !buf_append(&text, canary));
    PROMISE(!buf_append(&text, STR("&")) && !buf_append(&text, value));
    PROMISE(!redact_target(r, buf_str(&text), &out));
    PROMISE(!memmem(out.ptr, out.len, canary.ptr, canary.len) ||
            memmem(value.ptr, value.len, "Zq7", 3));
    buf_release(&text);
    buf_release(&out);
}

static void check_target(struct redactor *r, struct str target)
{
    struct buf once;
    buf_init(&once, 1 << 24);
    PROMISE(redact_target(r, target, &once) == ERR_OK);
    PROMISE(target.len == 0 || once.len > 0);
    buf_release(&once);
}

/* The first line is a header's name, the rest its value, and a target. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str all = str_make(data, size), name = str_head(all, str_find(all, '\n'));
    struct str value = str_from(all, name.len + 1);
    struct redactor *r = redactor_new(key);
    check_value(r, name, value);
    check_value(r, STR("x-api-key"), value);
    check_value(r, STR("user-agent"), value);
    check_canary(r, value);
    check_target(r, value);
    redactor_free(r);
    return 0;
}

/*
 * test_exchange_text.c — what a request says is decoded once, be it well or in vain.
 */
#include "check.h"

#include "proxy/exchange_private.h"
#include "server/served.h"

/* {"model":"x"} */
static const char gzipped[] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\xca\xcd\x4f\x49\xcd"
                              "\x51\xb2\x52\xaa\x50\xaa\x05\x00\x00\x0d\x57\xb0\x0d\x00\x00\x00";
static const struct str whole = {gzipped, sizeof gzipped - 1};

static struct {
    struct served served;
    struct str comes, instead; /* the body, and what stands there when it is asked after again */
    struct str says;           /* what comes, decoded; empty: it cannot be */
    bool is_asked;
} t;

static enum err look(struct client *c, struct fail *f, void *owner)
{
    struct exchange ex = {.client = c};
    (void)owner;
    buf_init(&ex.early, 1000);
    assert_int_equal(buf_append(&ex.early, t.comes), ERR_OK);
    assert_str_equal(exchange_text(&ex), t.says.len ? t.says : t.comes);
    buf_clear(&ex.early);
    assert_int_equal(buf_append(&ex.early, t.instead), ERR_OK);
    assert_str_equal(exchange_text(&ex), t.says.len ? t.says : t.instead);
    buf_release(&ex.early);
    buf_release(&ex.decoded);
    t.is_asked = true;
    return fail(f, ERR_NOT_FOUND, "nobody serves it");
}

static void check(struct str comes, struct str says, struct str instead)
{
    memset(&t, 0, sizeof t);
    t.comes = comes;
    t.says = says;
    t.instead = instead;
    served_begin(&t.served, 60000);
    server_route(&t.served.server, "*", look, NULL);
    served_say(&t.served, "GET / HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\n\r\n");
    for (int i = 0; i < 5 && !t.is_asked; i++)
        served_turn(&t.served);
    assert_true(t.is_asked);
    served_end(&t.served);
}

static void what_can_be_decoded_is_decoded_once(void **state)
{
    (void)state;
    check(whole, STR("{\"model\":\"x\"}"), STR("something else"));
}

/* That it is tried no more shows where it would go well by now. */
static void what_cannot_is_tried_once(void **state)
{
    (void)state;
    check(str_head(whole, whole.len - 9), STR_NONE, whole);
    check(STR("no such thing"), STR_NONE, whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_can_be_decoded_is_decoded_once),
                                       cmocka_unit_test(what_cannot_is_tried_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

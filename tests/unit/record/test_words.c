/*
 * test_words.c — words are what people take for words, and whatever the bytes, they stay in bounds
 * and in order.
 */
#include "check.h"

#include <stdio.h>

#include "record/words.h"

struct told {
    char line[1024]; /* "place:word" and a blank each, "=" for a whole */
    size_t len;
    struct str text;
};

static bool tell(const struct word *w, void *owner)
{
    struct told *t = owner;
    t->len += (size_t)snprintf(t->line + t->len, sizeof t->line - t->len, "%s%u%c%.*s",
                               t->len ? " " : "", w->place, w->is_whole ? '=' : ':',
                               STR_ARGS(w->text));
    return true;
}

static void assert_words(const char *text, const char *want)
{
    struct told t = {.line = ""};
    words_each(str_of(text), tell, &t);
    assert_string_equal(t.line, want);
}

static void runs_of_letters_and_digits(void **state)
{
    (void)state;
    assert_words("", "");
    assert_words(" \n.,-/", "");
    assert_words("Hello, World 42", "0:hello 1:world 2:42");
    assert_words("foo_bar.baz", "0:foo 1:bar 2:baz");
    assert_words("/a/b/c.ts", "0:a 1:b 2:c 3:ts");
    assert_words("it's\tsha256:AB12", "0:it 1:s 2:sha256 3:ab12");
}

static void camel_case(void **state)
{
    (void)state;
    assert_words("getUserName()", "0:get 0=getusername 1:user 2:name");
    assert_words("HTTPServer", "0:http 0=httpserver 1:server");
    assert_words("parseURL x", "0:parse 0=parseurl 1:url 2:x");
    assert_words("utf8Text2Go", "0:utf8 0=utf8text2go 1:text2 2:go");
    assert_words("aBcDeFgHiJkLmNoPqR", "0:abcdefghijklmnopqr"); /* no name of anything */
    assert_words("UPPER", "0:upper");
    assert_words("Title", "0:title");
}

static void beyond_ascii(void **state)
{
    (void)state;
    assert_words("Für Élise", "0:fur 1:elise");
    assert_words("fu\xcc\x88r", "0:fur"); /* the accent by itself */
    assert_words("ПРИВЕТ Ёлка", "0:привет 1:ёлка");
    assert_words("ΑΒΓ", "0:αβγ");
    assert_words("日本語 text", "0:日 1:本 2:語 3:text");
    assert_words("“quoted”—dash…", "0:quoted 1:dash");
    assert_words("done ✅ 🎉ok", "0:done 1:ok");
    assert_words("\xff\xfe abc\x80 d", "0:abc 1:d");
}

static void long_runs_are_cut(void **state)
{
    (void)state;
    char text[200];
    struct told t = {.line = ""};
    memset(text, 'x', sizeof text);
    words_each(str_make(text, sizeof text), tell, &t);
    assert_int_equal(t.len, 2 + WORD_BYTES_MAX);
}

static bool check_bounds(const struct word *w, void *owner)
{
    struct told *t = owner;
    assert_true(w->start < w->end && w->end <= t->text.len);
    assert_true(w->text.len > 0 && w->text.len <= WORD_BYTES_MAX);
    assert_true(w->start >= t->len || w->is_whole);
    t->len = w->is_whole ? t->len : w->end;
    return true;
}

static void any_bytes(void **state)
{
    (void)state;
    static const char alphabet[] = "aZ0 _./\xc3\xa9\xe4\xb8\xad\xcc\x81\xf0\x9f\x8e\x89\xff\\u\"";
    uint32_t seed = 7;
    for (int round = 0; round < 3000; round++) {
        char text[64];
        size_t len = round % sizeof text;
        for (size_t i = 0; i < len; i++) {
            seed = seed * 1664525u + 1013904223u;
            text[i] = alphabet[(seed >> 16) % (sizeof alphabet - 1)];
        }
        struct told t = {.text = str_make(text, len)};
        words_each(t.text, check_bounds, &t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_of_letters_and_digits), cmocka_unit_test(camel_case),
        cmocka_unit_test(beyond_ascii),               cmocka_unit_test(long_runs_are_cut),
        cmocka_unit_test(any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

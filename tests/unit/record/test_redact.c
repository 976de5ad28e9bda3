/*
 * test_redact.c — nothing of a secret is left, what is no secret is unchanged, and fingerprints
 * tell secrets apart.
 */
#include "check.h"

#include <stdio.h>

#include "record/redact.h"

static const uint8_t key[REDACT_KEY_BYTES] = "0123456789abcdef0123456789abcdef";

static struct redactor *redactor;

static int begin(void **state)
{
    (void)state;
    redactor = redactor_new(key);
    return 0;
}

static int end(void **state)
{
    (void)state;
    redactor_free(redactor);
    return 0;
}

static char *value_of(const char *name, const char *value)
{
    static char text[4096];
    struct buf out;
    buf_init(&out, sizeof text - 1);
    assert_int_equal(redact_value(redactor, str_of(name), str_of(value), &out), ERR_OK);
    snprintf(text, sizeof text, "%.*s", STR_ARGS(buf_str(&out)));
    buf_release(&out);
    return text;
}

static char *target_of(const char *target)
{
    static char text[4096];
    struct buf out;
    buf_init(&out, sizeof text - 1);
    assert_int_equal(redact_target(redactor, str_of(target), &out), ERR_OK);
    snprintf(text, sizeof text, "%.*s", STR_ARGS(buf_str(&out)));
    buf_release(&out);
    return text;
}

/* The fingerprints' digits become '#', so that forms can be compared. */
static const char *form(char *text)
{
    for (char *at = text; (at = strchr(at, '[')); at++)
        if (strspn(at + 1, "0123456789abcdef") >= 8 && at[9] == ']')
            memset(at + 1, '#', 8);
    return text;
}

#define MASK "\xE2\x80\xA6[########]"

static void fingerprint_is_the_hmac(void **state)
{
    (void)state;
    /* printf secret | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef */
    assert_string_equal(value_of("cookie", "secret"), "\xE2\x80\xA6[0ad81496]");
}

static void secret_headers(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"Authorization", "Bearer sk-ant-oat01-abcdefghijklmnop", "Bearer sk-ant-oat01-" MASK},
        {"authorization", "bearer  xyz", "bearer  " MASK},
        {"Proxy-Authorization", "Basic dXNlcjpwYXNz", "Basic " MASK},
        {"Authorization", "hunter2 is my password", MASK},
        {"Authorization", "Bearer", MASK},
        {"Authorization", "", ""},
        {"X-Api-Key", "sk-ant-api03-0123456789", "sk-ant-api03-" MASK},
        {"X-Api-Key", "sk-ant-api03-0123", MASK}, /* too little would be hidden */
        {"X-Api-Key", "sk-proj-0123456789", "sk-proj-" MASK},
        {"X-Goog-Api-Key", "AIzaSyA0123456789", "AIza" MASK},
        {"api-key", "0123456789abcdef", MASK},
        {"Ocp-Apim-Subscription-Key", "0123456789abcdef", MASK},
        {"Cookie", "a=b; session=c", MASK},
        {"Set-Cookie", "sid=1; HttpOnly", MASK},
        {"X-Amz-Security-Token", "abc", MASK},
        {"X-My-Secret", "abc", MASK},
        {"X-Password", "abc", MASK},
        {"X-ApiKey", "abc", MASK},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_string_equal(form(value_of(cases[i][0], cases[i][1])), cases[i][2]);
}

static void names(void **state)
{
    (void)state;
    static const char *const open[] = {
        "anthropic-ratelimit-tokens-limit",
        "anthropic-ratelimit-input-tokens-remaining",
        "x-ratelimit-remaining-tokens",
        "anthropic-priority-input-tokens-limit",
        "user-agent",
        "accept",
        "X-Claude-Code-Session-Id",
        "anthropic-version",
        "anthropic-beta",
        "content-type",
        "idempotency-key",
        "WWW-Authenticate",
        "request-id",
        "host",
        "x-stainless-os",
        "",
        "t",
        "toke",
    };
    for (size_t i = 0; i < COUNT_OF(open); i++)
        assert_false(redact_is_secret(str_of(open[i])));
    assert_true(redact_is_secret(STR("X-TOKEN")));
    assert_true(redact_is_secret(STR("x_api_key")));
}

static void addresses_of_credentials(void **state)
{
    (void)state;
    static const char *const such[] = {
        "/v1/oauth/token", "/api/oauth/claude_cli/create_api_key?x=1", "/v1/%6fauth/token",
        "/v1%2Foauth%2ftoken", "/v1/OAuth/token",
    };
    static const char *const others[] = {
        "/v1/messages", "/v1/messages?to=/oauth/token", "/v1/oauthx/token", "/api/oauth", "", "/v1/oaut%",
    };
    for (size_t i = 0; i < COUNT_OF(such); i++)
        assert_true(redact_is_credential_path(str_of(such[i])));
    for (size_t i = 0; i < COUNT_OF(others); i++)
        assert_false(redact_is_credential_path(str_of(others[i])));
}

static void other_headers_are_unchanged(void **state)
{
    (void)state;
    static const char *const values[] = {
        "claude-cli/2.1.329 (external, sdk-cli)",
        "application/json; charset=utf-8",
        "sk-learn/1.0",
        "https://example.com:8080/a?b=c&d=e#f",
        "Basic realm=\"a place\"",
        "Bearer error=\"invalid_token\"",
        "task-0123456789abcdef0123456789",
        "user@example.com",
        "max-age=0",
        "",
        "?",
        "://",
        "http://",
        "a://@",
        "key=value",
        "token; code=1",
        "eyJ",
        "Bearer",
        "bearer x",
        "basically nothing here",
        "\xff\xfe",
        "gzip, deflate, br, zstd",
    };
    for (size_t i = 0; i < COUNT_OF(values); i++)
        assert_string_equal(value_of("X-Other", values[i]), values[i]);
}

static void secrets_in_other_headers(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"key is sk-ant-api03-abcdefghijklmnop, really", "key is sk-ant-api03-" MASK ", really"},
        {"Xsk-ant-api03-abcdefghijklmnop", "Xsk-ant-api03-" MASK},
        {"(Bearer abcdefgh12345)", "(Bearer " MASK ")"},
        {"https://user:pass@host/path", "https://" MASK "@host/path"},
        {"https://a@b@host/path@x", "https://" MASK "@host/path@x"},
        {"https://h/cb?code=123&state=4&access%5Ftoken=5",
         "https://h/cb?code=" MASK "&state=4&access%5Ftoken=" MASK},
        {"ghp_0123456789012345678901234567890123456", "ghp_" MASK},
        {"a eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc b", "a eyJ" MASK " b"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_string_equal(form(value_of("X-Other", cases[i][0])), cases[i][1]);
}

static void targets(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"/v1/messages?beta=true", "/v1/messages?beta=true"},
        {"/v1/models?key=abc", "/v1/models?key=" MASK},
        {"/?a=1&API_KEY=x&b=2", "/?a=1&API_KEY=" MASK "&b=2"},
        {"/?token=a?b=c", "/?token=" MASK},
        {"/?token=", "/?token="},
        {"/?a=1;password=x;b", "/?a=1;password=" MASK ";b"},
        {"/?api%5fke%79=x", "/?api%5fke%79=" MASK},
        {"/?X-Amz-Signature=x&X-Amz-Credential=y",
         "/?X-Amz-Signature=" MASK "&X-Amz-Credential=" MASK},
        {"/?client_secret=a&code=b&keyboard=c",
         "/?client_secret=" MASK "&code=" MASK "&keyboard=c"},
        {"/k/sk-ant-api03-abcdefghijklmnop/x", "/k/sk-ant-api03-" MASK "/x"},
        {"http://u:p@h/?a=b", "http://" MASK "@h/?a=b"},
        {"/key=1/token=2", "/key=1/token=2"},
        {"/?", "/?"},
        {"", ""},
        {"/?&&=&=x", "/?&&=&=x"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_string_equal(form(target_of(cases[i][0])), cases[i][1]);
}

static void same_secret_same_fingerprint(void **state)
{
    (void)state;
    char one[200];
    snprintf(one, sizeof one, "%s", value_of("x-api-key", "sk-ant-api03-abcdefghijklmnop"));
    assert_string_equal(value_of("authorization", "Bearer sk-ant-api03-abcdefghijklmnop") + 7, one);
    assert_string_not_equal(value_of("x-api-key", "sk-ant-api03-abcdefghijklmnoq"), one);
    for (int i = 0; i < 100; i++) { /* out of the cache and in again */
        char other[32];
        snprintf(other, sizeof other, "secret number %d", i);
        value_of("x-api-key", other);
    }
    assert_string_equal(value_of("x-api-key", "sk-ant-api03-abcdefghijklmnop"), one);
    struct redactor *mine = redactor;
    redactor = redactor_new((const uint8_t *)"another key, of thirty-two bytes");
    assert_string_not_equal(value_of("x-api-key", "sk-ant-api03-abcdefghijklmnop"), one);
    redactor_free(redactor);
    redactor = mine;
}

/* Long values, and no four characters of a canary survive anywhere. */
static void nothing_is_left(void **state)
{
    (void)state;
    static const char *const shapes[] = {"%s",     "Bearer %s", "sk-ant-%s", "sk-%s",
                                         "AIza%s", "Token %s",  "x %s"};
    for (size_t len = 1; len < 900; len += len < 64 ? 1 : 101)
        for (size_t i = 0; i < COUNT_OF(shapes); i++) {
            char canary[1000], value[1100];
            for (size_t at = 0; at < len; at++)
                canary[at] = (char)('Q' + at % 8);
            canary[len] = '\0';
            snprintf(value, sizeof value, shapes[i], canary);
            assert_null(strpbrk(value_of("x-secret", value) + (i == 4 ? 4 : 0), "QRSUVWX"));
        }
}

static void ceiling_is_an_error(void **state)
{
    (void)state;
    for (size_t ceiling = 0; ceiling < 14; ceiling++) {
        struct buf out;
        buf_init(&out, ceiling);
        assert_int_equal(redact_value(redactor, STR("cookie"), STR("abc"), &out),
                         ceiling < 13 ? ERR_TOO_LARGE : ERR_OK);
        buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fingerprint_is_the_hmac),
        cmocka_unit_test(secret_headers),
        cmocka_unit_test(names),
        cmocka_unit_test(addresses_of_credentials),
        cmocka_unit_test(other_headers_are_unchanged),
        cmocka_unit_test(secrets_in_other_headers),
        cmocka_unit_test(targets),
        cmocka_unit_test(same_secret_same_fingerprint),
        cmocka_unit_test(nothing_is_left),
        cmocka_unit_test(ceiling_is_an_error),
    };
    return cmocka_run_group_tests(tests, begin, end);
}

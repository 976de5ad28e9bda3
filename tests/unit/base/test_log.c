/*
 * Lines of the log: letters stay letters, and nothing in a value can break a line or turn it round.
 */
#include "check.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"

static char line[4096];

/* What is written to standard error meanwhile. */
static void logged(enum log_format format, struct str value)
{
    int ends[2], kept = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    log_setup(LOG_INFO, format);
    log_line(LOG_INFO, "said", LOG_S("value", value));
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(ends[1]);
    ssize_t len = read(ends[0], line, sizeof line - 1);
    close(ends[0]);
    line[len > 0 ? len : 0] = '\0';
}

static void letters_stay_letters(void **state)
{
    (void)state;
    static const struct {
        const char *value, *shown;
    } rows[] = {
        {"key=\xE2\x80\xA6[0ad81496]", "\"key=\xE2\x80\xA6[0ad81496]\""},
        {"caf\xC3\xA9 \xE6\x97\xA5\xF0\x9F\x8E\x89", "\"caf\xC3\xA9 \xE6\x97\xA5\xF0\x9F\x8E\x89\""},
        {"half \xE2\x80", "\"half \\u00e2\\u0080\""},
        {"latin \xE9", "\"latin \\u00e9\""},
        {"esc \x1b[31m\n", "\"esc \\u001b[31m\\u000a\""},
        {"csi \xC2\x9B", "\"csi \\u00c2\\u009b\""},
        {"turned \xE2\x80\xAE", "\"turned \\u00e2\\u0080\\u00ae\""},
        {"isolated \xE2\x81\xA6", "\"isolated \\u00e2\\u0081\\u00a6\""},
        {"quote \" \\", "\"quote \\\" \\\\\""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        for (int format = LOG_TEXT; format <= LOG_JSON; format++) {
            logged((enum log_format)format, str_of(rows[i].value));
            if (!strstr(line, rows[i].shown))
                fail_msg("%s: %s", rows[i].shown, line);
        }
}

/* At the ceiling of a line no letter is cut in two. */
static void a_long_line_ends_between_letters(void **state)
{
    (void)state;
    static char value[8192];
    for (size_t shift = 0; shift < 3; shift++) {
        memset(value, 'x', shift);
        for (size_t i = shift; i + 3 < sizeof value; i += 3)
            memcpy(value + i, "\xE2\x82\xAC", 3);
        logged(LOG_TEXT, str_make(value, sizeof value - 8));
        size_t len = strlen(line);
        assert_true(len < 4096 && line[len - 1] == '\n');
        for (size_t i = len - 12; i < len; i++)
            if ((unsigned char)line[i] == 0xE2)
                assert_memory_equal(line + i, "\xE2\x82\xAC", 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(letters_stay_letters),
                                       cmocka_unit_test(a_long_line_ends_between_letters)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

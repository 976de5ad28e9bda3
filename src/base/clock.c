/*
 * clock.c — the two clocks, and RFC 3339 text.
 */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

uint64_t clock_mono_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int64_t clock_wall_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

char *clock_format(int64_t wall_us, char *out)
{
    int64_t seconds = wall_us / 1000000;
    int64_t rest = wall_us % 1000000;
    if (rest < 0) {
        rest += 1000000;
        seconds--;
    }
    time_t t = (time_t)seconds;
    struct tm tm;
    if (!gmtime_r(&t, &tm))
        memset(&tm, 0, sizeof tm);
    size_t n = strftime(out, CLOCK_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, CLOCK_TEXT - n, ".%03dZ", (int)(rest / 1000));
    return out;
}

/* Days since 1970-01-01 of a civil date (Howard Hinnant's days_from_civil). */
static int64_t days_from_civil(int64_t y, int m, int d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

/* Reads ".123456" and leaves `*text` behind it. */
static int64_t read_fraction(const char **text)
{
    int64_t us = 0, unit = 100000;
    if (**text != '.')
        return 0;
    for ((*text)++; **text >= '0' && **text <= '9'; (*text)++) {
        us += (**text - '0') * unit;
        unit /= 10;
    }
    return us;
}

static int days_in_month(int y, int mo)
{
    return (int)(days_from_civil(y + mo / 12, mo % 12 + 1, 1) - days_from_civil(y, mo, 1));
}

bool clock_parse(const char *text, int64_t *wall_us)
{
    int y, mo, d, h = 0, mi = 0, s = 0, used = 0;
    if (sscanf(text, "%4d-%2d-%2d%n", &y, &mo, &d, &used) != 3 || used != 10)
        return false;
    if (mo < 1 || mo > 12 || d < 1 || d > days_in_month(y, mo))
        return false;
    text += used;
    int64_t fraction = 0, offset = 0;
    if (*text) {
        if (sscanf(text, "T%2d:%2d:%2d%n", &h, &mi, &s, &used) != 3 || used != 9)
            return false;
        if (h < 0 || h > 23 || mi < 0 || mi > 59 || s < 0 || s > 60)
            return false;
        text += used;
        fraction = read_fraction(&text);
        int oh, om;
        if ((*text == '+' || *text == '-') && sscanf(text + 1, "%2d:%2d%n", &oh, &om, &used) == 2 &&
            used == 5 && oh >= 0 && oh < 24 && om >= 0 && om < 60) {
            offset = (*text == '-' ? -1 : 1) * (oh * 3600 + om * 60);
            text += 1 + used;
        } else if (*text == 'Z') {
            text++;
        }
        if (*text)
            return false;
    }
    int64_t seconds = days_from_civil(y, mo, d) * 86400 + h * 3600 + mi * 60 + s - offset;
    *wall_us = seconds * 1000000 + fraction;
    return true;
}

/*
 * progress.c — one line on a terminal that tells how far a long command has come.
 */
#include "cli/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

enum { SHOW_EVERY_MS = 200 };

void progress_line(struct progress *p, const char *format, ...)
{
    uint64_t now_ms = clock_mono_ns() / 1000000;
    if (!isatty(2) || now_ms - p->shown_ms < SHOW_EVERY_MS)
        return;
    va_list args;
    va_start(args, format);
    fputs("\r", stderr);
    vfprintf(stderr, format, args);
    fputs("\033[K", stderr);
    va_end(args);
    fflush(stderr);
    p->shown_ms = now_ms;
    p->is_shown = true;
}

void progress_end(struct progress *p)
{
    if (p->is_shown)
        fputs("\r\033[K", stderr);
    p->is_shown = false;
}

const char *progress_bytes(uint64_t bytes, char out[32])
{
    static const char *const units[] = {"bytes", "KB", "MB", "GB", "TB"};
    double number = (double)bytes;
    size_t unit = 0;
    while (number >= 1000 && unit + 1 < COUNT_OF(units)) {
        number /= 1000;
        unit++;
    }
    snprintf(out, 32, unit ? "%.1f %s" : "%.0f %s", number, units[unit]);
    return out;
}

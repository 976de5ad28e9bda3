/*
 * clock.h — the two clocks. Durations come from the monotonic one only.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/base.h"

uint64_t clock_mono_ns(void); /* CLOCK_MONOTONIC */
int64_t clock_wall_us(void);  /* microseconds since 1970, UTC */

enum { CLOCK_TEXT = 32 };
/* "2026-11-21T00:43:07.123Z"; `out` holds CLOCK_TEXT bytes. Returns out. */
char *clock_format(int64_t wall_us, char *out);
/* The inverse; also takes a date alone and "+02:00" offsets. False when it is none of these. */
bool clock_parse(const char *text, int64_t *wall_us);

#endif

/*
 * usage.h — how to use the program, for those who ask and for those who erred.
 */
#ifndef CLI_USAGE_H
#define CLI_USAGE_H

#include <stdio.h>

#include "base/str.h"

struct command;

void usage_print_all(FILE *out);
void usage_print_command(FILE *out, const struct command *c);

/* Says what is wrong, then how it would be right, on standard error. Always false. */
bool usage_refuse(const struct command *c, const char *format, ...) PRINTF_LIKE(2, 3);
void usage_refuse_command(const char *first, const char *second); /* second may be NULL */
struct str usage_suggest_flag(struct str name); /* STR_NONE when nothing is near */

#endif

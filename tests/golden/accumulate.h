/*
 * accumulate.h — checks a stream in Anthropic's language as strictly as its clients' accumulators
 * do: contiguous indexes, one open block, deltas of the block's own kind, arguments that are JSON,
 * and one terminal event with nothing behind it.
 */
#ifndef TESTS_GOLDEN_ACCUMULATE_H
#define TESTS_GOLDEN_ACCUMULATE_H

#include "base/str.h"

/* NULL when all is well, else what is wrong. `is_ended`: nothing more will come. */
const char *accumulate_check(struct str stream, bool is_ended);

/* The same for OpenAI's chunks, of a stream that has ended. */
const char *accumulate_check_chat(struct str stream);

#endif

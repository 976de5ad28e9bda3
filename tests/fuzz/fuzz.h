/*
 * fuzz.h — what the fuzz targets share: the entry point's name, and a check that stays on.
 *
 * A target takes any bytes and aborts when a promise is broken. With clang's libFuzzer
 * (meson -Dlibfuzzer=true) it explores; else fuzz_replay.c runs it over the corpus.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROMISE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif

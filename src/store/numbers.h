/*
 * numbers.h — a list of numbers as one text to be bound.
 */
#ifndef STORE_NUMBERS_H
#define STORE_NUMBERS_H

#include "base/arena.h"
#include "store/engine.h"

/* As the engine's `numbers` takes it apart again. In `arena`. */
struct str numbers_text(const struct engine *engine, const int64_t *list, size_t count,
                        struct arena *arena);

#endif

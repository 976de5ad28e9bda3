/*
 * fuzz_sse.c — however a stream is split, the same events come out, and the same error.
 */
#include "fuzz.h"

#include "http/sse.h"

enum { CEILING = 512 };

struct log {
    uint64_t hash, count, last_end;
};

static void mix(struct log *log, struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        log->hash = (log->hash ^ (uint8_t)s.ptr[i]) * 1099511628211ull;
    log->hash = (log->hash ^ s.len) * 1099511628211ull;
}

static void note(void *owner, const struct sse_event *e)
{
    struct log *log = owner;
    PROMISE(e->start >= log->last_end && e->end > e->start);
    PROMISE(e->data.len <= CEILING && e->name.len <= CEILING);
    mix(log, e->name);
    mix(log, e->data);
    mix(log, e->id);
    log->hash ^= e->start * 31 + e->end;
    log->last_end = e->end;
    log->count++;
}

/* In pieces of `step` bytes; 0: all at once. */
static enum err run(struct str stream, size_t step, struct log *log)
{
    struct sse_parser p;
    enum err err = ERR_OK;
    *log = (struct log){0};
    sse_parser_init(&p, CEILING);
    for (size_t at = 0; at < stream.len && !err; at += step ? step : stream.len) {
        struct str piece = str_from(stream, at);
        err = sse_parser_feed(&p, step ? str_head(piece, step) : piece, note, log);
    }
    sse_parser_release(&p);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct log whole, split;
    struct str stream = str_make(data, size);
    enum err err = run(stream, 0, &whole);
    static const size_t steps[] = {1, 2, 3, 7, 64};
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        PROMISE(run(stream, steps[i], &split) == err);
        PROMISE(split.hash == whole.hash && split.count == whole.count);
    }
    return 0;
}

/*
 * fuzz_stream_fold.c — any bytes, in any chunks, come back as they were; what is no folded stream is
 * refused or gives something, and never crashes.
 *
 * The first byte says how many chunks are told, the next ones how long each is; the rest is the body.
 */
#include "fuzz.h"

#include "base/buf.h"
#include "record/stream_fold.h"

enum { ROOM = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct chunk_mark marks[256];
    struct buf folded, back;
    size_t mark_count = size ? MIN_OF(data[0], size - 1) : 0;
    for (size_t i = 0; i < mark_count; i++)
        marks[i] = (struct chunk_mark){(int64_t)i, data[1 + i]};
    struct str body = str_from(str_make(data, size), size ? 1 + mark_count : 0);
    buf_init(&folded, ROOM);
    buf_init(&back, ROOM);
    if (stream_fold(body, marks, mark_count, &folded)) {
        PROMISE(folded.len <= body.len / 4 * 3);
        PROMISE(stream_unfold(buf_str(&folded), marks, mark_count, &back) == ERR_OK);
        PROMISE(str_equal(buf_str(&back), body));
    } else {
        PROMISE(folded.len == 0);
    }
    buf_clear(&back);
    enum err err = stream_unfold(body, marks, mark_count, &back);
    PROMISE(err == ERR_OK || err == ERR_CORRUPT || err == ERR_TOO_LARGE);
    buf_release(&folded);
    buf_release(&back);
    return 0;
}

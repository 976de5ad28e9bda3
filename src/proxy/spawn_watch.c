/*
 * spawn_watch.c — decodes a copy of the answer, and passes calls on to the memory of them.
 */
#include "proxy/spawn_watch.h"

#include <stdlib.h>

#include "base/mem.h"
#include "record/body_decode.h"
#include "record/spawn_reader.h"

enum {
    SESSION_MAX = 128,
    DECODED_MAX = 64 << 20 /* bytes of an answer that are looked at */
};

struct spawn_watch {
    struct spawns *spawns;
    struct spawn_reader reader;
    struct body_stream *decoder; /* NULL: plain bytes */
    uint64_t decoded;
    char session[SESSION_MAX];
    size_t session_len;
    bool is_off;
};

static void on_spawn(const struct spawn *spawn, void *owner)
{
    struct spawn_watch *w = owner;
    spawns_note(w->spawns, str_make(w->session, w->session_len), spawn, 1);
}

static void on_decoded(struct str bytes, void *owner)
{
    struct spawn_watch *w = owner;
    w->decoded += bytes.len;
    if (w->decoded <= DECODED_MAX)
        spawn_reader_feed(&w->reader, bytes);
}

struct spawn_watch *spawn_watch_new(struct spawns *spawns, struct str session, struct str type,
                                    struct str encoding)
{
    bool is_stream = str_starts_nocase(type, STR("text/event-stream"));
    bool is_coded = encoding.len && !str_equal_nocase(encoding, STR("identity"));
    struct body_stream *decoder = is_coded ? body_stream_new(encoding) : NULL;
    if (!session.len || session.len > SESSION_MAX || (is_coded && !decoder) ||
        (!is_stream && !str_starts_nocase(type, STR("application/json")))) {
        body_stream_free(decoder);
        return NULL;
    }
    struct spawn_watch *w = MEM_NEW(struct spawn_watch);
    w->spawns = spawns;
    w->decoder = decoder;
    w->session_len = session.len;
    memcpy(w->session, session.ptr, session.len);
    spawn_reader_init(&w->reader, is_stream, on_spawn, w);
    return w;
}

void spawn_watch_feed(struct spawn_watch *w, struct str bytes)
{
    if (!w || w->is_off)
        return;
    if (w->decoder)
        w->is_off = !body_stream_feed(w->decoder, bytes, on_decoded, w);
    else
        on_decoded(bytes, w);
    w->is_off |= w->decoded > DECODED_MAX;
}

void spawn_watch_end(struct spawn_watch *w)
{
    if (w && !w->is_off)
        spawn_reader_end(&w->reader);
}

void spawn_watch_free(struct spawn_watch *w)
{
    if (!w)
        return;
    spawn_reader_release(&w->reader);
    body_stream_free(w->decoder);
    free(w);
}

/*
 * journal_lag.c — how much of a journal has come since its store's last commit.
 */
#include "index/journal_lag.h"

#include "index/journal_marks.h"

/* Up to where frames follow each other: behind that nothing has been written, or a frame is not whole
 * yet. What is deleted meanwhile is in the store. */
static uint64_t bytes_behind(const char *path, const struct segment *g)
{
    struct buf head;
    struct frame frame;
    uint64_t from = MAX_OF(g->mark, g->begin), at = from;
    size_t used;
    buf_init(&head, FRAME_HEAD_BYTES);
    while (at + FRAME_HEAD_BYTES <= g->limit) {
        buf_clear(&head);
        if (segment_load_file(path, g->number, at, FRAME_HEAD_BYTES, &head))
            break;
        enum frame_found found = frame_read(buf_str(&head), false, &frame, &used);
        size_t len = frame_head_read(head.ptr, &frame);
        if ((found != FRAME_WHOLE && found != FRAME_SHORT) || len > g->limit - at - FRAME_HEAD_BYTES)
            break;
        at += FRAME_HEAD_BYTES + len;
    }
    buf_release(&head);
    return at - from;
}

enum err journal_lag(const char *path, struct str marks, uint64_t *bytes, struct fail *f)
{
    struct segments s;
    *bytes = 0;
    segments_init(&s, path, NULL);
    enum err err = segments_scan(&s, f);
    journal_marks_read(marks, &s);
    for (const struct segment *g = s.first; g && !err; g = g->next)
        *bytes += bytes_behind(path, g);
    segments_release(&s);
    return err;
}

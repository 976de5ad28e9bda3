/*
 * segments.h — the files of a journal as the reader sees them: which there are, how far they may
 * be read, who still needs them. Knows nothing of what the frames say.
 */
#ifndef INDEX_SEGMENTS_H
#define INDEX_SEGMENTS_H

#include "journal/journal.h"

enum {
    SEGMENTS_READ_BYTES = 512 * 1024, /* read at once; more only for a longer frame */
    SEGMENTS_OPEN_MAX = 16            /* file descriptors */
};

struct segment {
    struct segment *next; /* ascending numbers */
    uint64_t number;
    int fd;            /* -1: not open now */
    char *map;         /* of an own segment's beginning; NULL: none */
    uint64_t used_at;  /* when fd was used last, in calls */
    uint64_t begin;    /* of the first frame */
    uint64_t read_to;  /* bytes taken in */
    uint64_t limit;    /* bytes that may be read */
    bool is_own;       /* written by this process: its frames need no check */
    bool is_closed;    /* nothing more will come */
    bool is_done;      /* closed, and all of it taken in */
    bool is_damaged;   /* something in it could not be read */
    bool in_damage;    /* since the last whole frame */
    bool is_rotate_asked;
    uint32_t users;    /* exchanges with frames here that are not committed */
    /* see journal_marks.h */
    bool has_boot;
    struct uuid boot;  /* that wrote it */
    uint64_t mark;     /* what stands before has been taken in by an earlier reading; 0: nothing */
    uint64_t *open;    /* where exchanges began before the mark that are not in the store, ascending */
    uint32_t open_count, open_next; /* of these, the first that has not been come to */
    uint32_t mark_index;            /* while marks are written */
};

struct segments {
    char *path;
    struct journal_dir *dir; /* NULL: only what lies there already */
    struct segment *first;
    uint64_t seen;           /* own ones, in the journal's order */
    uint64_t clock;
    /* the bytes read last: those of `window_of` from window_start on */
    struct str window;
    struct segment *window_of;
    uint64_t window_start;
    struct buf window_copy; /* what window points into, unless that is a map */
    int map_count;
};

void segments_init(struct segments *s, const char *path, struct journal_dir *dir);
void segments_release(struct segments *s);
/* What earlier processes left. ERR_IO when the directory cannot be read. */
enum err segments_scan(struct segments *s, struct fail *f) MUST_CHECK;
/* What other processes have laid into JOURNAL_INCOMING becomes ours, to be read as if it had been
 * left behind. */
void segments_fetch(struct segments *s);
/* New segments of this process, and how far all of its segments are written now. */
void segments_look(struct segments *s);
/* Bytes not yet taken in. */
uint64_t segments_unread(const struct segments *s);
/* Reads up to `want` bytes at read_to into the window. ERR_IO; then is_damaged is set. */
enum err segments_read(struct segments *s, struct segment *g, size_t want,
                       struct str *bytes) MUST_CHECK;
/* Appends bytes of a segment to `out`, from the window if it has them. */
enum err segments_load(struct segments *s, struct segment *g, uint64_t offset, size_t len,
                       struct buf *out) MUST_CHECK;
/* The same bytes where they are, without a copy; NULL when they are not in memory. Good until the next
 * call of another function here. */
const char *segments_view(const struct segments *s, const struct segment *g, uint64_t offset, size_t len);
void segments_read_end(struct segments *s); /* the window is gone */
void segments_rest(struct segments *s); /* idle: gives windows' and maps' memory back */
/* Deletes what nobody needs any more (damaged ones are renamed "….seg.damaged" instead), and
 * asks for rotation where a whole active segment has been committed. */
void segments_tidy(struct segments *s, bool is_idle);
/* All that is here is to be taken in once more; nobody may use any of it now. */
void segments_begin_again(struct segments *s);
/* Has an earlier reading taken in what ends at `end`? */
static inline bool segment_was_taken(const struct segment *g, uint64_t end)
{
    return end <= g->mark;
}
/* Is the exchange whose BEGIN says what stands at `offset`, before the mark, not in the store? Asked
 * in ascending order. */
bool segment_has_open(struct segment *g, uint64_t offset);
void segment_forget_mark(struct segment *g);
/* Appends to `out` bytes of a file by its number; any thread. ERR_NOT_FOUND: deleted. */
enum err segment_load_file(const char *path, uint64_t number, uint64_t offset, size_t len,
                           struct buf *out) MUST_CHECK;

#endif

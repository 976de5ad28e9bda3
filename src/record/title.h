/*
 * title.h — the line by which people know a request: the start of the newest plain user text.
 */
#ifndef RECORD_TITLE_H
#define RECORD_TITLE_H

#include "record/json_cut.h"
#include "record/json_scan.h"

enum {
    TITLE_BYTES_MAX = 120,
    TITLE_MARK_DEPTH = 5 /* brackets: body, messages, message, content, block */
};

/* `messages`: cuts that are the elements of `messages`; `blocks`: where containers of depth
 * TITLE_MARK_DEPTH begin in them. Looks from the newest back; a user message with nothing but
 * tool results, reminders or pictures is passed over. On one line, in the arena; `*message`: the
 * index of the one it is of. */
struct str title_find(struct str body, const struct json_cut *messages, size_t count,
                      const struct json_marks *blocks, struct arena *arena, size_t *message);

/* A raw JSON string's text, reminders left out and runs of blanks made one space. */
struct str title_of_string(struct str raw, struct arena *arena);

#endif

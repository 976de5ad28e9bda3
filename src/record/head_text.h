/*
 * head_text.h — looks headers up in a head as the journal keeps it: text, lines ended by CR LF.
 * It was checked when it came in; this only finds.
 */
#ifndef RECORD_HEAD_TEXT_H
#define RECORD_HEAD_TEXT_H

#include "base/str.h"

struct head_want {
    struct str name;  /* case ignored */
    struct str value; /* filled: the first such header's, trimmed; borrowed. Empty if none */
};

/* The first line; the wanted headers are filled in one pass. */
struct str head_text_read(struct str head, struct head_want *wants, size_t count);

#endif

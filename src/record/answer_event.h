/*
 * answer_event.h — what answer.c and answer_message.c both ask of an event.
 */
#ifndef RECORD_ANSWER_EVENT_H
#define RECORD_ANSWER_EVENT_H

#include "http/sse.h"

/* The inside of the data's "type" string, escapes and all; else the name of the `event` line,
 * which may be empty. */
struct str answer_event_type(const struct sse_event *event);

#endif

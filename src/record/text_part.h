/*
 * text_part.h — what text.c and text_stream.c share.
 */
#ifndef RECORD_TEXT_PART_H
#define RECORD_TEXT_PART_H

#include "record/text.h"

void text_tell(struct text_reader *r, enum text_kind kind, struct str tool, struct str content);
/* A tool's input, as JSON: all strings in it. */
void text_tell_input(struct text_reader *r, struct str tool, struct str input);
/* Remembers a call, so that its result has the tool's name. Keeps `tool` as it is. */
void text_note_call(struct text_reader *r, struct str id, struct str tool);
/* A short raw string, in the arena. */
struct str text_name(struct text_reader *r, struct str raw);

void text_read_content(struct text_reader *r, enum text_kind kind, struct str raw);
void text_read_message(struct text_reader *r, struct str raw);
void text_read_list(struct text_reader *r, struct str raw); /* an array of messages */

#endif

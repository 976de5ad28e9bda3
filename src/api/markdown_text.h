/*
 * markdown_text.h — text from outside as Markdown that shows it and does nothing else (CommonMark
 * 0.31): no HTML, no pictures from elsewhere, no end of a block before its time.
 */
#ifndef API_MARKDOWN_TEXT_H
#define API_MARKDOWN_TEXT_H

#include <yyjson.h>

#include "base/buf.h"

/* Text that is Markdown itself: shown as such, but HTML and pictures as their source. Ends a line. */
enum err markdown_put_text(struct str text, struct buf *out) MUST_CHECK;
/* Likewise, every line quoted. */
enum err markdown_put_quote(struct str text, struct buf *out) MUST_CHECK;
/* Text to the letter, in a fenced block. `language`: "json", or empty. */
enum err markdown_put_block(struct str text, const char *language, struct buf *out) MUST_CHECK;
/* One line of plain text: line ends become spaces, everything with a meaning is escaped. */
enum err markdown_put_line(struct str text, struct buf *out) MUST_CHECK;
/* A message's `content`: a string, or blocks (text, thinking, tool_use, tool_result, image …). */
enum err markdown_put_content(yyjson_val *content, struct buf *out) MUST_CHECK;

#endif

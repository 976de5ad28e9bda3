/*
 * fuzz_transcript_line.c — a line is read exactly when it is a JSON object; what is taken from it
 * is bounded and valid UTF-8, and is what a tree of it says.
 */
#include "fuzz.h"

#include <yyjson.h>

#include "base/utf8.h"
#include "record/title.h"
#include "record/transcript.h"

static void check_text(struct str text, size_t max)
{
    PROMISE(text.len <= max);
    PROMISE(utf8_valid(text) == text.len);
}

static void check_line(const struct transcript_line *line)
{
    const struct str ids[] = {line->session_id, line->agent_id, line->request_id,
                              line->message_id, line->agent_type, line->time};
    PROMISE(line->kind >= 0 && line->kind < TRANSCRIPT_KINDS);
    for (size_t i = 0; i < COUNT_OF(ids); i++)
        check_text(ids[i], TRANSCRIPT_ID_MAX);
    check_text(line->cwd, TRANSCRIPT_TEXT_MAX);
    check_text(line->branch, TRANSCRIPT_TEXT_MAX);
    check_text(line->title, TITLE_BYTES_MAX);
    check_text(line->naming, TITLE_BYTES_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_make(data, size);
    struct transcript_line line;
    struct arena arena;
    arena_init(&arena);
    yyjson_doc *doc = size ? yyjson_read((const char *)data, size, 0) : NULL;
    bool is_read = transcript_line_read(text, &arena, &line);
    PROMISE(!yyjson_is_obj(yyjson_doc_get_root(doc)) || is_read);
    PROMISE(!doc || yyjson_is_obj(yyjson_doc_get_root(doc)) || !is_read);
    check_line(&line);
    yyjson_doc_free(doc);
    arena_release(&arena);
    return 0;
}

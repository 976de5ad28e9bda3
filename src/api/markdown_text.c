/*
 * markdown_text.c — text from outside as Markdown that shows it and does nothing else.
 */
#include "api/markdown_text.h"

#include <stdlib.h>

/* --- fences --- */

struct fence {
    char mark; /* 0: not in a fenced block */
    size_t len;
};

static size_t run_of(struct str s, char c)
{
    size_t n = 0;
    while (n < s.len && s.ptr[n] == c)
        n++;
    return n;
}

/* Does this line open or close a fenced block (CommonMark §4.5)? */
static bool is_fence_line(struct str line, struct fence *fence)
{
    size_t indent = run_of(line, ' ');
    struct str rest = str_from(line, indent);
    char mark = rest.len ? rest.ptr[0] : 0;
    if (indent > 3 || (mark != '`' && mark != '~'))
        return false;
    size_t len = run_of(rest, mark);
    struct str info = str_trim(str_from(rest, len));
    if (fence->mark) {
        bool closes = mark == fence->mark && len >= fence->len && !info.len;
        fence->mark = closes ? 0 : fence->mark;
        return closes;
    }
    if (len < 3 || (mark == '`' && str_find(info, '`') < info.len))
        return false;
    *fence = (struct fence){mark, len};
    return true;
}

/* A '<' that may begin HTML or a link, a '!' that may begin a picture. */
static bool is_active(struct str s, size_t at)
{
    char c = s.ptr[at], next = at + 1 < s.len ? s.ptr[at + 1] : 0;
    if (c == '<')
        return (next >= 'A' && next <= 'Z') || (next >= 'a' && next <= 'z') || next == '/' ||
               next == '!' || next == '?';
    return c == '!' && next == '[';
}

static enum err put_passive(struct str line, struct buf *out)
{
    size_t kept = 0;
    enum err err = ERR_OK;
    for (size_t i = 0; i < line.len && !err; i++) {
        if (!is_active(line, i))
            continue;
        err = buf_append(out, str_make(line.ptr + kept, i - kept));
        if (!err)
            err = buf_append(out, line.ptr[i] == '<' ? STR("&lt;") : STR("&#33;"));
        kept = i + 1;
    }
    return err ? err : buf_append(out, str_from(line, kept));
}

static enum err put_lines(struct str text, const char *prefix, struct buf *out)
{
    struct fence fence = {0};
    struct str line;
    enum err err = ERR_OK;
    while (text.len && !err && str_next(&text, '\n', &line)) {
        bool is_literal = fence.mark != 0;
        is_literal |= is_fence_line(line, &fence);
        err = buf_append(out, str_of(prefix));
        if (!err)
            err = is_literal ? buf_append(out, line) : put_passive(line, out);
        if (!err)
            err = buf_append_byte(out, '\n');
    }
    for (size_t i = 0; fence.mark && i < fence.len && !err; i++) { /* what the text left open */
        err = i ? ERR_OK : buf_append(out, str_of(prefix));
        if (!err)
            err = buf_append_byte(out, fence.mark);
    }
    return err || !fence.mark ? err : buf_append_byte(out, '\n');
}

enum err markdown_put_text(struct str text, struct buf *out)
{
    return put_lines(text, "", out);
}

enum err markdown_put_quote(struct str text, struct buf *out)
{
    return put_lines(text, "> ", out);
}

static size_t longest_run(struct str text, char c)
{
    size_t longest = 0;
    for (size_t i = 0; i < text.len;) {
        size_t n = run_of(str_from(text, i), c);
        longest = MAX_OF(longest, n);
        i += n ? n : 1;
    }
    return longest;
}

enum err markdown_put_block(struct str text, const char *language, struct buf *out)
{
    size_t len = MAX_OF(longest_run(text, '`') + 1, (size_t)3);
    enum err err = ERR_OK;
    for (size_t i = 0; i < len && !err; i++)
        err = buf_append_byte(out, '`');
    if (!err)
        err = buf_printf(out, "%s\n", language);
    if (!err)
        err = buf_append(out, text);
    if (!err && text.len && text.ptr[text.len - 1] != '\n')
        err = buf_append_byte(out, '\n');
    for (size_t i = 0; i < len && !err; i++)
        err = buf_append_byte(out, '`');
    return err ? err : buf_append_byte(out, '\n');
}

enum err markdown_put_line(struct str text, struct buf *out)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < text.len && !err; i++) {
        char c = text.ptr[i];
        if (memchr("\\`*_{}[]<>#|!~&$", c, 16))
            err = buf_append_byte(out, '\\');
        if (!err)
            err = buf_append_byte(out, c == '\n' || c == '\r' ? ' ' : c);
    }
    return err;
}

/* --- blocks of a message --- */

static struct str text_of(yyjson_val *val)
{
    return yyjson_is_str(val) ? str_make(yyjson_get_str(val), yyjson_get_len(val)) : STR_NONE;
}

static struct str member(yyjson_val *obj, const char *key)
{
    return text_of(yyjson_obj_get(obj, key));
}

static enum err put_json(yyjson_val *val, struct buf *out)
{
    size_t len = 0;
    char *text = yyjson_val_write(val, YYJSON_WRITE_PRETTY, &len);
    enum err err = markdown_put_block(str_make(text, text ? len : 0), "json", out);
    free(text);
    return err;
}

/* "**Tool `Bash`** (toolu_1)" and the like. */
static enum err put_label(const char *what, struct str name, struct str id, struct buf *out)
{
    enum err err = buf_printf(out, "**%s", what);
    if (!err && name.len)
        err = buf_append_byte(out, ' ');
    if (!err)
        err = markdown_put_line(name, out);
    if (!err)
        err = buf_append(out, STR("**"));
    if (!err && id.len)
        err = buf_append(out, STR(" · "));
    if (!err)
        err = markdown_put_line(id, out);
    return err ? err : buf_append(out, STR("\n\n"));
}

static enum err put_tool_result(yyjson_val *block, struct buf *out)
{
    bool is_error = yyjson_get_bool(yyjson_obj_get(block, "is_error"));
    enum err err = put_label(is_error ? "Result (error)" : "Result", STR_NONE,
                             member(block, "tool_use_id"), out);
    yyjson_val *content = yyjson_obj_get(block, "content"), *part;
    if (err)
        return err;
    if (!yyjson_is_arr(content))
        return yyjson_is_str(content) ? markdown_put_block(text_of(content), "", out)
                                      : put_json(content, out);
    size_t i, count;
    yyjson_arr_foreach(content, i, count, part) {
        struct str text = member(part, "text");
        if (!err && text.len)
            err = markdown_put_block(text, "", out);
        else if (!err && str_equal(member(part, "type"), STR("image")))
            err = buf_append(out, STR("*[image]*\n"));
        else if (!err)
            err = put_json(part, out);
    }
    return err;
}

static enum err put_tool_use(yyjson_val *block, struct buf *out)
{
    enum err err = put_label("Tool", member(block, "name"), member(block, "id"), out);
    return err ? err : put_json(yyjson_obj_get(block, "input"), out);
}

static enum err put_thinking(yyjson_val *block, struct buf *out)
{
    enum err err = buf_append(out, STR("*thinking*\n\n"));
    return err ? err : markdown_put_quote(member(block, "thinking"), out);
}

static enum err put_attachment(yyjson_val *block, struct buf *out)
{
    yyjson_val *source = yyjson_obj_get(block, "source");
    enum err err = buf_append(out, STR("*["));
    if (!err)
        err = markdown_put_line(member(block, "type"), out);
    if (!err)
        err = buf_append_byte(out, ' ');
    if (!err)
        err = markdown_put_line(member(source, "media_type"), out);
    return err ? err : buf_append(out, STR("]*\n"));
}

static enum err put_plain(yyjson_val *block, struct buf *out)
{
    return markdown_put_text(member(block, "text"), out);
}

static const struct {
    const char *type;
    enum err (*put)(yyjson_val *block, struct buf *out);
} blocks[] = {
    {"text", put_plain},           {"thinking", put_thinking},    {"tool_use", put_tool_use},
    {"tool_result", put_tool_result}, {"image", put_attachment}, {"document", put_attachment},
};

static enum err put_one(yyjson_val *block, struct buf *out)
{
    struct str type = member(block, "type");
    if (yyjson_is_str(block))
        return markdown_put_text(text_of(block), out);
    for (size_t i = 0; i < COUNT_OF(blocks); i++)
        if (str_equal(type, str_of(blocks[i].type)))
            return blocks[i].put(block, out);
    return put_json(block, out);
}

enum err markdown_put_content(yyjson_val *content, struct buf *out)
{
    size_t i, count;
    yyjson_val *block;
    enum err err = ERR_OK;
    if (!yyjson_is_arr(content)) {
        err = content && !yyjson_is_null(content) ? put_one(content, out) : ERR_OK;
        return err ? err : buf_append_byte(out, '\n');
    }
    yyjson_arr_foreach(content, i, count, block) {
        if (!err)
            err = put_one(block, out);
        if (!err)
            err = buf_append_byte(out, '\n');
    }
    return err;
}

/*
 * json_progress.c — counts brackets and strings; repairs what models are known to get wrong.
 */
#include "dialect/json_progress.h"

#include "dialect/json_tree.h"
#include "dialect/json_writer.h"

static void push(struct json_progress *p, bool is_object)
{
    if (p->depth < JSON_PROGRESS_DEPTH_MAX) {
        uint8_t bit = (uint8_t)(1u << (p->depth % 8));
        uint8_t *byte = &p->is_object[p->depth / 8];
        *byte = (uint8_t)(is_object ? *byte | bit : *byte & ~bit);
    }
    p->depth++;
}

static void in_string(struct json_progress *p, char c)
{
    if (p->is_in_escape)
        p->is_in_escape = false;
    else if (c == '\\')
        p->is_in_escape = true;
    else if (c == '"')
        p->is_in_string = false;
}

static void outside(struct json_progress *p, char c)
{
    if (c == ' ' || c == '\n' || c == '\r' || c == '\t')
        return;
    p->is_begun = true;
    p->last = c;
    if (c == '"')
        p->is_in_string = true;
    else if (c == '{' || c == '[')
        push(p, c == '{');
    else if ((c == '}' || c == ']') && p->depth)
        p->depth--;
}

size_t json_progress_feed(struct json_progress *p, struct str piece)
{
    for (size_t i = 0; i < piece.len; i++) {
        if (p->is_done)
            return i;
        if (p->is_in_string)
            in_string(p, piece.ptr[i]);
        else
            outside(p, piece.ptr[i]);
        /* A number or a word does not say that it has ended. */
        p->is_done = !p->depth && !p->is_in_string && p->is_begun &&
                     (p->last == '}' || p->last == ']' || p->last == '"');
    }
    return piece.len;
}

static bool has_control(struct str piece)
{
    for (size_t i = 0; i < piece.len; i++)
        if ((unsigned char)piece.ptr[i] < 0x20)
            return true;
    return false;
}

bool json_progress_escape(const struct json_progress *p, struct str piece, struct buf *out)
{
    struct json_progress at = *p;
    struct json_writer w = {.out = out};
    size_t run = 0;
    if (!has_control(piece))
        return false;
    for (size_t i = 0; i < piece.len && !at.is_done; i++) {
        if (at.is_in_string && (unsigned char)piece.ptr[i] < 0x20) {
            if (buf_append(out, str_make(piece.ptr + run, i - run)))
                return false;
            if (at.is_in_escape &&
                buf_append_byte(out, '\\')) /* a backslash before it stands for itself */
                return false;
            json_string_piece(&w, str_make(piece.ptr + i, 1));
            at.is_in_escape = false;
            run = i + 1;
            continue;
        }
        json_progress_feed(&at, str_make(piece.ptr + i, 1));
    }
    return run && !w.err && !buf_append(out, str_from(piece, run));
}

bool json_progress_complete(const struct json_progress *p, struct buf *out)
{
    if (!p->is_begun || p->is_in_string || p->depth > JSON_PROGRESS_DEPTH_MAX || p->last == ',' ||
        p->last == ':')
        return false;
    for (size_t at = p->depth; at-- > 0;) {
        bool is_object = p->is_object[at / 8] >> (at % 8) & 1;
        if (buf_append_byte(out, is_object ? '}' : ']'))
            return false;
    }
    return true;
}

static bool keep_if_object(struct str text, struct buf *out)
{
    return json_is_object(text) && !buf_append(out, text);
}

/* "{\"a\":1}" */
static bool unwrap(struct str text, struct buf *out)
{
    struct json_tree tree;
    bool is_kept = !json_tree_parse(&tree, text) && yyjson_is_str(tree.root) &&
                   keep_if_object(json_text_of(tree.root), out);
    json_tree_release(&tree);
    return is_kept;
}

/* {'a': 'b "c"'}: the quotes change places. */
static bool swap_quotes(struct str text, struct buf *out)
{
    size_t start = out->len;
    enum err err = ERR_OK;
    bool is_inside = false;
    for (size_t i = 0; i < text.len && !err; i++) {
        char c = text.ptr[i];
        if (c == '\\' && i + 1 < text.len) {
            bool is_quote = text.ptr[i + 1] == '\'';
            err =
                is_quote ? buf_append_byte(out, '\'') : buf_append(out, str_make(text.ptr + i, 2));
            i++;
        } else if (c == '\'') {
            is_inside = !is_inside;
            err = buf_append_byte(out, '"');
        } else if (c == '"' && is_inside) {
            err = buf_append(out, STR("\\\""));
        } else {
            err = buf_append_byte(out, c);
        }
    }
    if (!err && json_is_object(str_from(buf_str(out), start)))
        return true;
    out->len = start;
    return false;
}

bool json_args_repair(struct str args, struct buf *out)
{
    args = json_trim(args);
    if (!args.len || str_equal(args, STR("null")) || str_equal(args, STR("\"\"")))
        return !buf_append(out, STR("{}"));
    return keep_if_object(args, out) || unwrap(args, out) || swap_quotes(args, out);
}

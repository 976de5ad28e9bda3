/*
 * passing.c — cuts spans out of a request's bytes; never writes it anew.
 */
#include "dialect/passing.h"

#include "dialect/envelope.h"
#include "dialect/json_writer.h"

enum err passing_request(const struct json_tree *tree, struct str model, struct buf *out,
                         bool *is_stream, struct fail *f)
{
    if (!yyjson_is_obj(tree->root))
        return fail(f, ERR_BAD_REQUEST, "The request body is not a JSON object.");
    struct str text = tree->text, old = json_tree_member_span(tree, tree->root, "model");
    *is_stream = yyjson_is_true(yyjson_obj_get(tree->root, "stream"));
    if (!model.len || !old.len)
        return buf_append(out, text);
    size_t at = (size_t)(old.ptr - text.ptr);
    struct json_writer w = {.out = out};
    w.err = buf_append(out, str_head(text, at));
    json_string(&w, model);
    return w.err ? w.err : buf_append(out, str_from(text, at + old.len));
}

bool passing_has_sealed(struct str body)
{
    return body.len && memmem(body.ptr, body.len, "\"ccp1.", 6) != NULL;
}

/* A copy of an array, element by element, as the callback allows. */
struct filter {
    struct str text; /* the whole request */
    struct buf *out;
    enum err err;
    size_t copied; /* bytes of text that are in `out`, or left out */
};

static void copy_to(struct filter *x, size_t end)
{
    if (!x->err && end > x->copied)
        x->err = buf_append(x->out, str_make(x->text.ptr + x->copied, end - x->copied));
    x->copied = MAX_OF(x->copied, end);
}

/* The elements of the array that begins at `at`, one after another: [start, end) of each. False at
 * its end. `next`: 0 at first. */
static bool next_element(struct str text, size_t at, size_t *next, size_t *start, size_t *end)
{
    size_t from = json_skip_space(text, *next ? *next : at + 1);
    if (*next && from < text.len && text.ptr[from] == ',')
        from = json_skip_space(text, from + 1);
    if (from >= text.len || text.ptr[from] == ']')
        return false;
    *start = from;
    *end = *next = json_value_end(text, from);
    return *end > from;
}

static bool is_sealed(yyjson_val *block)
{
    return json_is(yyjson_obj_get(block, "type"), "thinking") &&
           envelope_is_ours(json_member_text(block, "signature"));
}

static size_t count_sealed(yyjson_val *content)
{
    size_t n = 0;
    yyjson_arr_iter blocks = yyjson_arr_iter_with(content);
    for (yyjson_val *b; (b = yyjson_arr_iter_next(&blocks));)
        n += is_sealed(b);
    return n;
}

/* Leaves [start, end) out, with the comma before it, or behind it where it is the first that would
 * be left. */
static void leave_out(struct filter *x, size_t start, size_t end, bool is_first)
{
    size_t from = start;
    if (!is_first) {
        while (from && x->text.ptr[from - 1] != ',')
            from--;
        from--;
        copy_to(x, from);
    } else {
        copy_to(x, start);
        end = json_skip_space(x->text, end);
        if (end < x->text.len && x->text.ptr[end] == ',')
            end = json_skip_space(x->text, end + 1);
    }
    x->copied = MAX_OF(x->copied, end);
}

static void filter_content(struct filter *x, yyjson_val *content, size_t at)
{
    size_t next = 0, start, end;
    bool is_first = true;
    yyjson_arr_iter blocks = yyjson_arr_iter_with(content);
    for (yyjson_val *b;
         (b = yyjson_arr_iter_next(&blocks)) && next_element(x->text, at, &next, &start, &end);) {
        if (is_sealed(b))
            leave_out(x, start, end, is_first);
        else
            is_first = false;
    }
}

static void filter_messages(struct filter *x, const struct json_tree *tree, yyjson_val *messages,
                            size_t at)
{
    size_t next = 0, start, end;
    bool is_first = true;
    yyjson_arr_iter list = yyjson_arr_iter_with(messages);
    for (yyjson_val *m;
         (m = yyjson_arr_iter_next(&list)) && next_element(x->text, at, &next, &start, &end);) {
        yyjson_val *content = yyjson_obj_get(m, "content");
        size_t sealed = yyjson_is_arr(content) ? count_sealed(content) : 0;
        if (sealed && sealed == yyjson_arr_size(content)) {
            leave_out(x, start, end, is_first);
            continue;
        }
        is_first = false;
        if (sealed) {
            struct str span = json_tree_member_span(tree, m, "content");
            filter_content(x, content, (size_t)(span.ptr - x->text.ptr));
        }
    }
}

enum err passing_without_sealed(struct str body, struct buf *out)
{
    struct json_tree tree;
    struct filter x = {.out = out};
    if (json_tree_parse(&tree, body)) {
        json_tree_release(&tree);
        return buf_append(out, body); /* its own provider says what is wrong with it */
    }
    x.text = tree.text;
    yyjson_val *messages = yyjson_obj_get(tree.root, "messages");
    struct str span = json_tree_member_span(&tree, tree.root, "messages");
    if (yyjson_is_arr(messages) && span.len)
        filter_messages(&x, &tree, messages, (size_t)(span.ptr - tree.text.ptr));
    copy_to(&x, x.text.len);
    json_tree_release(&tree);
    return x.err;
}

/*
 * text_calls.c — a table of forms: how each begins, where it ends, how it is read.
 */
#include "dialect/text_calls.h"

#include "dialect/json_writer.h"
#include "dialect/json_tree.h"

/* The form's text without its beginning and end. False: it is no call. */
typedef bool read_form(struct str inside, const struct text_calls_sink *sink);

struct call_form {
    const char *begin, *end; /* end NULL: where the JSON value ends */
    bool is_only_first;      /* only where nothing was said before */
    read_form *read;
};

/* {"name": …, "arguments": {…}}, in the spellings that models have. */
static bool tell_object(const struct json_tree *tree, yyjson_val *object,
                        const struct text_calls_sink *sink)
{
    static const char *const arguments[] = {"arguments", "parameters", "input", "args"};
    yyjson_val *function = yyjson_obj_get(object, "function");
    yyjson_val *at = yyjson_is_obj(function) ? function : object;
    struct str name = json_member_text(at, "name"), args = STR("{}");
    if (!name.len && yyjson_is_str(function))
        name = json_text_of(function);
    for (size_t i = 0; i < COUNT_OF(arguments); i++) {
        yyjson_val *value = yyjson_obj_get(at, arguments[i]);
        if (yyjson_is_obj(value))
            args = json_tree_member_span(tree, at, arguments[i]);
        else if (yyjson_is_str(value) && json_is_object(json_text_of(value)))
            args = json_text_of(value);
        else
            continue;
        return name.len && sink->call(sink->owner, name, args);
    }
    return false; /* an object with a name alone may be anything */
}

static bool tell_values(const struct json_tree *tree, yyjson_val *root,
                        const struct text_calls_sink *sink)
{
    bool is_call = false;
    yyjson_arr_iter list = yyjson_arr_iter_with(root);
    if (yyjson_is_obj(root))
        return tell_object(tree, root, sink);
    for (yyjson_val *one; (one = yyjson_arr_iter_next(&list));)
        is_call |= tell_object(tree, one, sink);
    return is_call;
}

static bool read_json(struct str inside, const struct text_calls_sink *sink)
{
    struct json_tree tree;
    bool is_call =
        !json_tree_parse(&tree, json_trim(inside)) && tell_values(&tree, tree.root, sink);
    json_tree_release(&tree);
    return is_call;
}

static bool read_xml(struct str inside, const struct text_calls_sink *sink);

/* JSON, or the form with a tag for each parameter. */
static bool read_tagged(struct str inside, const struct text_calls_sink *sink)
{
    struct str mark = STR("<function="), text = json_trim(inside);
    if (!str_starts(text, mark))
        return read_json(text, sink);
    size_t end = text.len;
    if (str_ends(text, STR("</function>")))
        end -= 11;
    return read_xml(str_make(text.ptr + mark.len, end - mark.len), sink);
}

/* ```json and a line end in front of it. */
static bool read_fenced(struct str inside, const struct text_calls_sink *sink)
{
    return read_json(str_from(inside, str_find(inside, '\n')), sink);
}

static size_t find(struct str text, struct str what)
{
    const char *hit = what.len <= text.len ? memmem(text.ptr, text.len, what.ptr, what.len) : NULL;
    return hit ? (size_t)(hit - text.ptr) : text.len;
}

/* A parameter's value: JSON where it is a number, a list or the like, else a string. */
static void put_value(struct json_writer *w, struct str value)
{
    struct json_tree tree;
    if (str_starts(value, STR("\n")))
        value = str_from(value, 1);
    if (str_ends(value, STR("\n")))
        value.len--;
    bool is_json = !json_tree_parse(&tree, value) && !yyjson_is_str(tree.root);
    if (is_json)
        json_value(w, tree.root);
    else
        json_string(w, value);
    json_tree_release(&tree);
}

/* name><parameter=file_path>/a</parameter>… */
static bool read_xml(struct str inside, const struct text_calls_sink *sink)
{
    const struct str open = STR("<parameter="), close = STR("</parameter>");
    size_t end = str_find(inside, '>');
    struct str name = str_head(inside, end), rest = str_from(inside, end + 1);
    struct buf args;
    bool is_call = false;
    buf_init(&args, TEXT_CALL_MAX * 6);
    struct json_writer w = {.out = &args};
    json_open(&w, '{');
    for (size_t at; (at = find(rest, open)) < rest.len;) {
        rest = str_from(rest, at + open.len);
        size_t named = str_find(rest, '>'), stop = find(rest, close);
        if (named >= stop)
            break;
        json_key_str(&w, str_head(rest, named));
        put_value(&w, str_make(rest.ptr + named + 1, stop - named - 1));
        rest = str_from(rest, stop + close.len);
    }
    json_close(&w, '}');
    if (!w.err)
        is_call = sink->call(sink->owner, json_trim(name), buf_str(&args));
    buf_release(&args);
    return is_call;
}

static const struct call_form forms[] = {
    {"<tool_call>", "</tool_call>", false, read_tagged},
    {"<function=", "</function>", false, read_xml},
    {"[TOOL_CALLS]", NULL, false, read_json},
    {"<|python_tag|>", NULL, false, read_json},
    {"```", "\n```", true, read_fenced},
    {"{", NULL, true, read_json},
};

void text_calls_init(struct text_calls *t)
{
    *t = (struct text_calls){0};
    buf_init(&t->held, SIZE_MAX / 2);
}

void text_calls_release(struct text_calls *t)
{
    buf_release(&t->held);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static void let_out(struct text_calls *t, size_t bytes, const struct text_calls_sink *sink)
{
    struct str text = str_head(buf_str(&t->held), bytes);
    for (size_t i = 0; i < text.len && !t->has_text; i++)
        t->has_text = !is_space(text.ptr[i]);
    if (text.len)
        sink->text(sink->owner, text);
    buf_drop(&t->held, bytes);
}

static bool may_begin(const struct text_calls *t, const struct call_form *form, struct str before)
{
    if (!form->is_only_first)
        return true;
    return !t->has_text && !json_trim(before).len;
}

/* Where the first form begins, or may begin with what is still to come; then `form` is NULL. */
static size_t find_form(const struct text_calls *t, const struct call_form **form)
{
    struct str text = buf_str(&t->held);
    *form = NULL;
    for (size_t at = 0; at < text.len; at++) {
        struct str here = str_from(text, at);
        if (!strchr("<[`{", here.ptr[0]) || !here.ptr[0])
            continue;
        for (size_t i = 0; i < COUNT_OF(forms); i++) {
            struct str begin = str_of(forms[i].begin);
            bool is_part = here.len < begin.len && str_starts(begin, here);
            bool is_whole = str_starts(here, begin);
            if (!(is_part || is_whole) || !may_begin(t, &forms[i], str_head(text, at)))
                continue;
            *form = is_whole ? &forms[i] : NULL;
            return at;
        }
    }
    return text.len;
}

/* Bytes of the form that was begun, with its end; 0: not there yet. */
static size_t form_length(struct text_calls *t, size_t *inside_end)
{
    struct str text = buf_str(&t->held), begin = str_of(t->form->begin);
    size_t start = t->form->begin[0] == '{' ? 0 : begin.len;
    if (!t->form->end) {
        size_t seen = MAX_OF(start, t->looked_at);
        t->looked_at = seen + json_progress_feed(&t->progress, str_from(text, seen));
        *inside_end = t->looked_at;
        return t->progress.is_done ? t->looked_at : 0;
    }
    struct str end = str_of(t->form->end);
    size_t from = MAX_OF(start, t->looked_at > end.len ? t->looked_at - end.len : 0);
    size_t at = find(str_from(text, from), end);
    t->looked_at = text.len;
    *inside_end = from + at;
    return from + at < text.len ? from + at + end.len : 0;
}

static void forget_form(struct text_calls *t)
{
    t->form = NULL;
    t->looked_at = 0;
    t->progress = (struct json_progress){0};
}

/* What was held is a call, or text after all. */
static void settle(struct text_calls *t, size_t length, size_t inside_end,
                   const struct text_calls_sink *sink)
{
    struct str text = buf_str(&t->held), begin = str_of(t->form->begin);
    size_t start = t->form->begin[0] == '{' ? 0 : begin.len;
    bool is_call =
        inside_end > start && t->form->read(str_make(text.ptr + start, inside_end - start), sink);
    forget_form(t);
    if (is_call)
        buf_drop(&t->held, length);
    else
        let_out(t, MAX_OF(length, 1), sink);
}

void text_calls_feed(struct text_calls *t, struct str piece, const struct text_calls_sink *sink)
{
    if (buf_append(&t->held, piece))
        return; /* cannot be: the ceiling is the address space */
    while (t->held.len) {
        size_t inside_end = 0;
        if (!t->form) {
            size_t at = find_form(t, &t->form);
            let_out(t, at, sink);
            if (!t->form)
                return;
        }
        size_t length = form_length(t, &inside_end);
        if (!length && t->held.len <= TEXT_CALL_MAX)
            return;
        if (length) {
            settle(t, length, inside_end, sink);
        } else {
            forget_form(t);
            let_out(t, t->held.len, sink);
        }
    }
}

void text_calls_end(struct text_calls *t, const struct text_calls_sink *sink)
{
    while (t->form) { /* the end is often forgotten */
        size_t inside_end = 0, length = form_length(t, &inside_end);
        settle(t, length ? length : t->held.len, inside_end, sink);
        if (t->held.len)
            let_out(t, find_form(t, &t->form), sink);
    }
    let_out(t, t->held.len, sink);
}

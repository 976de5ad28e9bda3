/*
 * fingerprint.c — marks as JSON.
 *
 *     {"version":1,"agents":[{"name":"…","model":"…","length":812,"first":"16 digits","head":"…",
 *                             "hash":"32 digits","open":false}]}
 */
#include "agents/fingerprint.h"

#include <stdio.h>
#include <stdlib.h>

#include <yyjson.h>

#include "base/hex.h"
#include "base/mem.h"

enum { FORM = 1 /* of the file */ };

static int by_name(const void *a, const void *b)
{
    const struct agent *x = *(const struct agent *const *)a, *y = *(const struct agent *const *)b;
    int order = str_compare(x->name, y->name);
    return order ? order : memcmp(x->mark.hash, y->mark.hash, sizeof x->mark.hash);
}

static void put_text(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *key, struct str text)
{
    yyjson_mut_obj_add_strncpy(doc, obj, key, text.ptr ? text.ptr : "", text.len);
}

static struct str text_of(yyjson_val *obj, const char *key)
{
    yyjson_val *val = yyjson_obj_get(obj, key);
    return yyjson_is_str(val) ? str_make(yyjson_get_str(val), yyjson_get_len(val)) : STR_NONE;
}

static void put_number(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *key, uint64_t number)
{
    char hex[17];
    snprintf(hex, sizeof hex, "%016llx", (unsigned long long)number);
    yyjson_mut_obj_add_strcpy(doc, obj, key, hex);
}

static bool read_number(yyjson_val *obj, const char *key, uint64_t *out)
{
    uint8_t bytes[8];
    *out = 0;
    if (!hex_read(text_of(obj, key), bytes, sizeof bytes))
        return false;
    for (size_t i = 0; i < sizeof bytes; i++)
        *out = *out << 8 | bytes[i];
    return true;
}

static void put_agent(yyjson_mut_doc *doc, yyjson_mut_val *list, const struct agent *a)
{
    yyjson_mut_val *obj = yyjson_mut_arr_add_obj(doc, list);
    char hex[33];
    put_text(doc, obj, "name", a->name);
    if (a->model.len)
        put_text(doc, obj, "model", a->model);
    yyjson_mut_obj_add_uint(doc, obj, "length", a->mark.len);
    put_number(doc, obj, "first", a->mark.first);
    put_number(doc, obj, "head", a->mark.head);
    hex_write(hex, a->mark.hash, sizeof a->mark.hash);
    hex[2 * sizeof a->mark.hash] = '\0';
    yyjson_mut_obj_add_strcpy(doc, obj, "hash", hex);
    if (a->mark.is_open)
        yyjson_mut_obj_add_bool(doc, obj, "open", true);
}

enum err fingerprints_write(struct buf *out, const struct agent_catalog *c)
{
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    const struct agent **sorted = mem_alloc((c->count + 1) * sizeof *sorted);
    yyjson_mut_doc_set_root(doc, root);
    yyjson_mut_obj_add_int(doc, root, "version", FORM);
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, root, "agents");
    for (size_t i = 0; i < c->count; i++)
        sorted[i] = &c->list[i];
    qsort(sorted, c->count, sizeof *sorted, by_name);
    for (size_t i = 0; i < c->count; i++)
        put_agent(doc, list, sorted[i]);
    size_t len = 0;
    char *text = yyjson_mut_write(doc, YYJSON_WRITE_PRETTY_TWO_SPACES | YYJSON_WRITE_NEWLINE_AT_END, &len);
    enum err err = text ? buf_append(out, str_make(text, len)) : ERR_INTERNAL;
    free(text);
    free(sorted);
    yyjson_mut_doc_free(doc);
    return err;
}

static const char *read_agent(yyjson_val *obj, struct agent *a)
{
    int64_t length = yyjson_get_sint(yyjson_obj_get(obj, "length"));
    *a = (struct agent){.scope = AGENT_FINGERPRINT};
    a->name = text_of(obj, "name");
    a->model = text_of(obj, "model");
    a->mark.is_open = yyjson_get_bool(yyjson_obj_get(obj, "open"));
    if (!a->name.len || a->name.len > AGENT_NAME_MAX)
        return "name";
    if (length < 1 || length > PROMPT_BYTES_MAX)
        return "length";
    if (!read_number(obj, "first", &a->mark.first))
        return "first";
    if (!read_number(obj, "head", &a->mark.head))
        return "head";
    if (!hex_read(text_of(obj, "hash"), a->mark.hash, sizeof a->mark.hash))
        return "hash";
    a->mark.len = (uint32_t)length;
    a->mark.head_len = prompt_head_len(a->mark.len);
    return NULL;
}

enum err fingerprints_read(struct agent_catalog *c, struct str file, struct fail *f)
{
    yyjson_doc *doc = file.len ? yyjson_read(file.ptr, file.len, 0) : NULL;
    yyjson_val *root = yyjson_doc_get_root(doc), *item;
    yyjson_val *list = yyjson_obj_get(root, "agents");
    enum err err = ERR_OK;
    size_t i, max;
    if (!yyjson_is_arr(list) || yyjson_get_int(yyjson_obj_get(root, "version")) != FORM)
        err = fail(f, ERR_PARSE, "is not a file that `agents hash` wrote");
    yyjson_arr_foreach(list, i, max, item) {
        struct agent a;
        const char *wrong = err ? NULL : read_agent(item, &a);
        if (wrong)
            err = fail(f, ERR_PARSE, "agents[%zu].%s: is not valid", i, wrong);
        if (!err && !catalog_add_mark(c, &a))
            err = fail(f, ERR_TOO_LARGE, "has more than %d agents", CATALOG_AGENTS_MAX);
    }
    yyjson_doc_free(doc);
    return err;
}

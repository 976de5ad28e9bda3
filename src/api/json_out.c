/*
 * json_out.c — JSON documents that are built to be sent.
 */
#include "api/json_out.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

static void *json_alloc(void *ctx, size_t size)
{
    (void)ctx;
    return mem_alloc(size);
}

static void *json_resize(void *ctx, void *ptr, size_t old_size, size_t size)
{
    (void)ctx;
    (void)old_size;
    return mem_resize(ptr, size);
}

static void json_free(void *ctx, void *ptr)
{
    (void)ctx;
    free(ptr);
}

static const yyjson_alc json_memory = {json_alloc, json_resize, json_free, NULL};

yyjson_mut_doc *json_doc_new(void)
{
    yyjson_mut_doc *doc = yyjson_mut_doc_new(&json_memory);
    yyjson_mut_doc_set_root(doc, yyjson_mut_obj(doc));
    return doc;
}

char *json_doc_finish(yyjson_mut_doc *doc, size_t *len)
{
    yyjson_write_err err;
    char *text = yyjson_mut_write_opts(doc, YYJSON_WRITE_INF_AND_NAN_AS_NULL, &json_memory, len,
                                       &err);
    assert(text && "every string was made valid by json_text()");
    yyjson_mut_doc_free(doc);
    return text;
}

enum err json_doc_append(yyjson_mut_doc *doc, struct buf *out)
{
    size_t len;
    char *text = json_doc_finish(doc, &len);
    enum err err = buf_append(out, str_make(text, len));
    free(text);
    return err;
}

yyjson_mut_val *json_text(yyjson_mut_doc *doc, struct str text)
{
    if (!text.len)
        return yyjson_mut_strn(doc, "", 0);
    if (utf8_valid(text) == text.len)
        return yyjson_mut_strn(doc, text.ptr, text.len);
    size_t len;
    char *repaired = utf8_repair(text, &len);
    yyjson_mut_val *value = yyjson_mut_strncpy(doc, repaired, len);
    free(repaired);
    return value;
}

void json_put_text(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *key, struct str text)
{
    yyjson_mut_obj_add_val(doc, obj, key, json_text(doc, text));
}

void json_put_text_or_null(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *key,
                           struct str text)
{
    if (text.len)
        json_put_text(doc, obj, key, text);
    else
        yyjson_mut_obj_add_null(doc, obj, key);
}

void json_put_int_or_null(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *key, int64_t value)
{
    if (value >= 0)
        yyjson_mut_obj_add_sint(doc, obj, key, value);
    else
        yyjson_mut_obj_add_null(doc, obj, key);
}

void json_put_ms_or_null(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *key, int64_t us)
{
    if (us >= 0)
        yyjson_mut_obj_add_real(doc, obj, key, (double)((us + 50) / 100) / 10.0);
    else
        yyjson_mut_obj_add_null(doc, obj, key);
}

void json_put_time(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *key, int64_t wall_us)
{
    char text[CLOCK_TEXT];
    yyjson_mut_obj_add_strcpy(doc, obj, key, clock_format(wall_us, text));
}

void json_put_exact_time(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *key,
                         int64_t wall_us)
{
    char text[CLOCK_TEXT], exact[CLOCK_TEXT + 8];
    clock_format(wall_us, text);
    snprintf(exact, sizeof exact, "%.19s.%06dZ", text, (int)(wall_us % 1000000));
    yyjson_mut_obj_add_strcpy(doc, obj, key, exact);
}

void json_put_time_or_null(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *key,
                           int64_t wall_us)
{
    if (wall_us > 0)
        json_put_time(doc, obj, key, wall_us);
    else
        yyjson_mut_obj_add_null(doc, obj, key);
}

/*
 * tool_schema.c — two cleaners over one walk.
 */
#include "dialect/tool_schema.h"

#include "dialect/json_tree.h"

struct cleaning {
    struct json_writer *w;
    yyjson_val *root; /* where $ref points into */
    struct loss_report *losses;
    struct str tool;
    unsigned nodes; /* followed so far: references to references multiply */
};

enum { NODES_MAX = 5000 };

/* What stands behind a keyword. */
enum inside { IS_DATA, IS_SCHEMA, IS_SCHEMAS, IS_NAMED };

static const struct keyword {
    const char *name;
    enum inside inside;
} keywords[] = {
    {"properties", IS_NAMED},
    {"patternProperties", IS_NAMED},
    {"$defs", IS_NAMED},
    {"definitions", IS_NAMED},
    {"dependentSchemas", IS_NAMED},
    {"items", IS_SCHEMA},
    {"additionalProperties", IS_SCHEMA},
    {"additionalItems", IS_SCHEMA},
    {"contains", IS_SCHEMA},
    {"not", IS_SCHEMA},
    {"if", IS_SCHEMA},
    {"then", IS_SCHEMA},
    {"else", IS_SCHEMA},
    {"propertyNames", IS_SCHEMA},
    {"unevaluatedProperties", IS_SCHEMA},
    {"anyOf", IS_SCHEMAS},
    {"oneOf", IS_SCHEMAS},
    {"allOf", IS_SCHEMAS},
    {"prefixItems", IS_SCHEMAS},
};

static enum inside inside_of(yyjson_val *key)
{
    for (size_t i = 0; i < COUNT_OF(keywords); i++)
        if (yyjson_equals_str(key, keywords[i].name))
            return keywords[i].inside;
    return IS_DATA;
}

static void note(struct cleaning *c, const char *why)
{
    if (c->losses)
        loss_report_note(c->losses, LOSS_KIND_APPROXIMATED, STR("tools[].input_schema"), c->tool,
                         why);
}

typedef void clean_node(struct cleaning *c, yyjson_val *node, unsigned depth);

static void put_schemas(struct cleaning *c, yyjson_val *list, clean_node *clean, unsigned depth)
{
    json_open(c->w, '[');
    yyjson_arr_iter nodes = yyjson_arr_iter_with(list);
    for (yyjson_val *node; (node = yyjson_arr_iter_next(&nodes));)
        clean(c, node, depth);
    json_close(c->w, ']');
}

static void put_named(struct cleaning *c, yyjson_val *object, clean_node *clean, unsigned depth)
{
    json_open(c->w, '{');
    yyjson_obj_iter members = yyjson_obj_iter_with(object);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&members));) {
        json_key_str(c->w, json_key_text(key));
        clean(c, yyjson_obj_iter_get_val(key), depth);
    }
    json_close(c->w, '}');
}

static void put_inside(struct cleaning *c, enum inside inside, yyjson_val *value, clean_node *clean,
                       unsigned depth)
{
    if (inside == IS_NAMED && yyjson_is_obj(value))
        put_named(c, value, clean, depth);
    else if (inside != IS_DATA && yyjson_is_arr(value))
        put_schemas(c, value, clean, depth);
    else if (inside == IS_SCHEMA && yyjson_is_obj(value))
        clean(c, value, depth);
    else
        json_value(c->w, value);
}

/* Regular expressions that look around are not RE2, which OpenAI's side is. */
static bool looks_around(struct str pattern)
{
    for (size_t i = 0; i + 2 < pattern.len; i++)
        if (pattern.ptr[i] == '(' && pattern.ptr[i + 1] == '?' &&
            strchr("=!<", pattern.ptr[i + 2]) && pattern.ptr[i + 2])
            return true;
    return false;
}

static bool is_unusual(yyjson_val *key, yyjson_val *value)
{
    return yyjson_equals_str(key, "$schema") ||
           (yyjson_equals_str(key, "format") && json_is(value, "uri")) ||
           (yyjson_equals_str(key, "pattern") && looks_around(json_text_of(value)));
}

static void clean_usual(struct cleaning *c, yyjson_val *node, unsigned depth)
{
    if (!yyjson_is_obj(node)) {
        json_value(c->w, node);
        return;
    }
    json_open(c->w, '{');
    yyjson_obj_iter members = yyjson_obj_iter_with(node);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&members));) {
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        if (depth == SCHEMA_DEPTH_MAX)
            break;
        if (is_unusual(key, value))
            continue;
        json_key_str(c->w, json_key_text(key));
        put_inside(c, inside_of(key), value, clean_usual, depth + 1);
    }
    if (depth == SCHEMA_DEPTH_MAX && yyjson_obj_size(node))
        note(c, "nested too deeply; cut off");
    json_close(c->w, '}');
}

/* Keywords that Gemini's Schema has (ai.google.dev/api/caching#Schema). */
static const char *const gemini_keywords[] = {
    "type",          "format",     "title",     "description",     "nullable",
    "enum",          "maxItems",   "minItems",  "required",        "minProperties",
    "maxProperties", "minLength",  "maxLength", "pattern",         "minimum",
    "maximum",       "properties", "items",     "propertyOrdering"};

static bool is_gemini_keyword(yyjson_val *key)
{
    for (size_t i = 0; i < COUNT_OF(gemini_keywords); i++)
        if (yyjson_equals_str(key, gemini_keywords[i]))
            return true;
    return false;
}

/* "#/$defs/name" and "#/definitions/name"; NULL for anything else. */
static yyjson_val *follow(struct cleaning *c, yyjson_val *node)
{
    struct str ref = json_member_text(node, "$ref"), part;
    yyjson_val *at = c->root;
    if (!str_next(&ref, '/', &part) || !str_equal(part, STR("#")))
        return NULL;
    while (str_next(&ref, '/', &part))
        at = yyjson_obj_getn(at, part.ptr, part.len);
    return at;
}

/* The first type that is not "null". */
static yyjson_val *main_type(yyjson_val *type, bool *is_nullable)
{
    if (!yyjson_is_arr(type))
        return yyjson_is_str(type) ? type : NULL;
    yyjson_val *found = NULL;
    yyjson_arr_iter types = yyjson_arr_iter_with(type);
    for (yyjson_val *t; (t = yyjson_arr_iter_next(&types));) {
        if (json_is(t, "null"))
            *is_nullable = true;
        else if (!found && yyjson_is_str(t))
            found = t;
    }
    return found;
}

/* Only strings can be enumerated. */
static void put_enum(struct cleaning *c, yyjson_val *type, yyjson_val *list)
{
    if (!yyjson_is_arr(list) || (type && !json_is(type, "string"))) {
        note(c, "keywords that Gemini does not know were left out");
        return;
    }
    json_key(c->w, "enum");
    json_open(c->w, '[');
    yyjson_arr_iter values = yyjson_arr_iter_with(list);
    for (yyjson_val *v; (v = yyjson_arr_iter_next(&values));)
        if (yyjson_is_str(v) || yyjson_is_raw(v)) /* numbers go as text: only those are taken */
            json_string(c->w, json_text_of(v));
    json_close(c->w, ']');
}

static void put_required(struct cleaning *c, yyjson_val *list, yyjson_val *properties)
{
    json_key(c->w, "required");
    json_open(c->w, '[');
    yyjson_arr_iter names = yyjson_arr_iter_with(list);
    for (yyjson_val *name; (name = yyjson_arr_iter_next(&names));)
        if (yyjson_is_str(name) &&
            yyjson_obj_getn(properties, yyjson_get_str(name), yyjson_get_len(name)))
            json_value(c->w, name);
    json_close(c->w, ']');
}

static void clean_gemini(struct cleaning *c, yyjson_val *node, unsigned depth);

static bool is_gemini_format(struct str format)
{
    static const char *const known[] = {"enum", "date-time", "int32", "int64", "float", "double"};
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (str_equal(format, str_of(known[i])))
            return true;
    return false;
}

/* One member of a schema that Gemini knows; what it knows only in part is put in its form. */
static void put_gemini(struct cleaning *c, yyjson_val *node, yyjson_val *key, yyjson_val *value,
                       unsigned depth)
{
    bool is_nullable = false;
    if (yyjson_equals_str(key, "type")) {
        yyjson_val *type = main_type(value, &is_nullable);
        if (type)
            json_put_value(c->w, "type", type);
        if (is_nullable)
            json_put_bool(c->w, "nullable", true);
    } else if (yyjson_equals_str(key, "format")) {
        if (is_gemini_format(json_text_of(value)))
            json_put_value(c->w, "format", value);
    } else if (yyjson_equals_str(key, "enum")) {
        put_enum(c, main_type(yyjson_obj_get(node, "type"), &is_nullable), value);
    } else if (yyjson_equals_str(key, "properties") && !yyjson_obj_size(value)) {
        return; /* an empty one is refused */
    } else if (yyjson_equals_str(key, "required")) {
        if (yyjson_is_arr(value))
            put_required(c, value, yyjson_obj_get(node, "properties"));
    } else if (yyjson_equals_str(key, "items") && !yyjson_is_obj(value)) {
        note(c, "items of several kinds");
        json_put_raw(c->w, "items", STR("{\"type\":\"string\"}"));
    } else {
        json_key_str(c->w, json_key_text(key));
        put_inside(c, inside_of(key), value, clean_gemini, depth + 1);
    }
}

/* What has no counterpart, but says nearly the same: const, as an enum of one. True: it was. */
static bool put_similar(struct cleaning *c, yyjson_val *node, yyjson_val *key, yyjson_val *value)
{
    if (!yyjson_equals_str(key, "const"))
        return false;
    if (!yyjson_obj_get(node, "enum") && (yyjson_is_str(value) || yyjson_is_raw(value))) {
        if (!yyjson_obj_get(node, "type"))
            json_put_string(c->w, "type", STR("string"));
        json_key(c->w, "enum");
        json_open(c->w, '[');
        json_string(c->w, json_text_of(value));
        json_close(c->w, ']');
    }
    return true;
}

/* `except`: members of this one were written already; NULL: none were. */
static void put_gemini_members(struct cleaning *c, yyjson_val *node, yyjson_val *except,
                               unsigned depth)
{
    yyjson_obj_iter members = yyjson_obj_iter_with(node);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&members));) {
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        if (yyjson_obj_getn(except, yyjson_get_str(key), yyjson_get_len(key)))
            continue;
        if (is_gemini_keyword(key))
            put_gemini(c, node, key, value, depth);
        else if (!put_similar(c, node, key, value) && !yyjson_equals_str(key, "$defs") &&
                 !yyjson_equals_str(key, "definitions") && !yyjson_equals_str(key, "$schema"))
            note(c, "keywords that Gemini does not know were left out");
    }
}

static bool is_null_schema(yyjson_val *schema)
{
    return json_is(yyjson_obj_get(schema, "type"), "null");
}

/* The one branch that is not "null"; NULL where there are several. */
static yyjson_val *only_branch(struct cleaning *c, yyjson_val *branches)
{
    yyjson_val *only = NULL;
    yyjson_arr_iter list = yyjson_arr_iter_with(branches);
    for (yyjson_val *one; (one = yyjson_arr_iter_next(&list));) {
        if (is_null_schema(one))
            continue;
        if (only)
            return NULL;
        yyjson_val *target = follow(c, one);
        only = yyjson_is_obj(target) ? target : one;
    }
    return yyjson_is_obj(only) ? only : NULL;
}

static bool has_null_branch(yyjson_val *branches)
{
    yyjson_arr_iter list = yyjson_arr_iter_with(branches);
    for (yyjson_val *one; (one = yyjson_arr_iter_next(&list));)
        if (is_null_schema(one))
            return true;
    return false;
}

/* anyOf and oneOf. Of one branch: that branch. Of several: nothing may stand beside them. */
static void put_branches(struct cleaning *c, yyjson_val *node, yyjson_val *branches, unsigned depth)
{
    yyjson_val *only = only_branch(c, branches);
    if (only) {
        put_gemini_members(c, only, NULL, depth + SCHEMA_DEPTH_MAX / 6);
        yyjson_val *description = yyjson_obj_get(node, "description");
        if (yyjson_is_str(description) && !yyjson_obj_get(only, "description"))
            json_put_value(c->w, "description", description);
    } else {
        json_key(c->w, "anyOf");
        json_open(c->w, '[');
        yyjson_arr_iter list = yyjson_arr_iter_with(branches);
        for (yyjson_val *one; (one = yyjson_arr_iter_next(&list));)
            if (!is_null_schema(one))
                clean_gemini(c, one, depth + 1);
        json_close(c->w, ']');
    }
    if (has_null_branch(branches))
        json_put_bool(c->w, "nullable", true);
}

/* Every schema has to have a type there. */
static void put_likely_type(struct cleaning *c, yyjson_val *node)
{
    const char *type = yyjson_obj_get(node, "properties") ? "object"
                       : yyjson_obj_get(node, "items")    ? "array"
                                                          : "string";
    json_put_string(c->w, "type", str_of(type));
}

static void put_node(struct cleaning *c, yyjson_val *node, unsigned depth)
{
    yyjson_val *all = yyjson_obj_get(node, "allOf"), *type = yyjson_obj_get(node, "type");
    yyjson_val *branches = yyjson_obj_get(node, "anyOf");
    if (!yyjson_arr_size(branches))
        branches = yyjson_obj_get(node, "oneOf");
    if (yyjson_arr_size(branches) && !yyjson_obj_get(node, "properties")) {
        put_branches(c, node, branches, depth);
        return;
    }
    if (!type && !yyjson_arr_size(all) && !yyjson_obj_get(node, "const"))
        put_likely_type(c, node);
    put_gemini_members(c, node, NULL, depth);
    if (json_is(type, "array") && !yyjson_obj_get(node, "items"))
        json_put_raw(c->w, "items", STR("{\"type\":\"string\"}")); /* refused without */
    if (yyjson_arr_size(all) && !yyjson_obj_get(node, "properties"))
        put_gemini_members(c, yyjson_arr_get_first(all), node, depth + 1);
}

static void clean_gemini(struct cleaning *c, yyjson_val *node, unsigned depth)
{
    yyjson_val *target = yyjson_is_obj(node) ? follow(c, node) : NULL;
    json_open(c->w, '{');
    if (depth >= SCHEMA_DEPTH_MAX || ++c->nodes > NODES_MAX) {
        json_put_string(c->w, "type", STR("object"));
        note(c, "nested too deeply; cut off");
    } else if (yyjson_is_obj(target)) {
        /* What it refers to, and that again: a circle ends at the depth's limit. */
        put_node(c, target, depth + SCHEMA_DEPTH_MAX / 6);
    } else {
        put_node(c, node, depth);
    }
    json_close(c->w, '}');
}

/* The schema of a tool's whole input is always an object's. */
static void put_root(struct cleaning *c, yyjson_val *schema, enum schema_level level)
{
    yyjson_val *type = yyjson_obj_get(schema, "type");
    yyjson_val *properties = yyjson_obj_get(schema, "properties");
    clean_node *clean = level == SCHEMA_GEMINI ? clean_gemini : clean_usual;
    json_open(c->w, '{');
    json_put_string(c->w, "type", STR("object"));
    json_key(c->w, "properties");
    if (yyjson_is_obj(properties))
        put_named(c, properties, clean, 1);
    else
        put_named(c, NULL, clean, 1);
    if (type && !json_is(type, "object"))
        note(c, "the input must be an object");
    yyjson_obj_iter members = yyjson_obj_iter_with(schema);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&members));) {
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        if (yyjson_equals_str(key, "type") || yyjson_equals_str(key, "properties"))
            continue;
        if (level == SCHEMA_GEMINI) {
            if (is_gemini_keyword(key))
                put_gemini(c, schema, key, value, 0);
        } else if (!is_unusual(key, value)) {
            json_key_str(c->w, json_key_text(key));
            put_inside(c, inside_of(key), value, clean_usual, 1);
        }
    }
    json_close(c->w, '}');
}

void schema_write(struct json_writer *w, yyjson_val *schema, enum schema_level level,
                  struct loss_report *losses, struct str tool_name)
{
    struct cleaning c = {.w = w, .root = schema, .losses = losses, .tool = tool_name};
    put_root(&c, yyjson_is_obj(schema) ? schema : NULL, level);
}

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
    "type",          "format",    "title",      "description", "nullable",
    "enum",          "maxItems",  "minItems",   "required",    "minProperties",
    "maxProperties", "minLength", "maxLength",  "pattern",     "minimum",
    "maximum",       "anyOf",     "properties", "items",       "propertyOrdering"};

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

static void put_enum(struct cleaning *c, yyjson_val *list)
{
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
        if (yyjson_is_arr(value))
            put_enum(c, value);
    } else if (yyjson_equals_str(key, "required")) {
        if (yyjson_is_arr(value))
            put_required(c, value, yyjson_obj_get(node, "properties"));
    } else if (yyjson_equals_str(key, "items") && !yyjson_is_obj(value)) {
        note(c, "items of several kinds");
    } else {
        json_key_str(c->w, json_key_text(key));
        put_inside(c, inside_of(key), value, clean_gemini, depth + 1);
    }
}

/* What has no counterpart, but says nearly the same: const as an enum of one, oneOf as anyOf,
 * the first of allOf. True: the key was one of these. */
static bool put_similar(struct cleaning *c, yyjson_val *node, yyjson_val *key, yyjson_val *value,
                        unsigned depth)
{
    if (yyjson_equals_str(key, "const")) {
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
    if (yyjson_equals_str(key, "oneOf")) {
        if (!yyjson_obj_get(node, "anyOf") && yyjson_is_arr(value)) {
            json_key(c->w, "anyOf");
            put_schemas(c, value, clean_gemini, depth + 1);
        }
        return true;
    }
    return false;
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
        else if (!put_similar(c, node, key, value, depth) && !yyjson_equals_str(key, "$defs") &&
                 !yyjson_equals_str(key, "definitions") && !yyjson_equals_str(key, "$schema"))
            note(c, "keywords that Gemini does not know were left out");
    }
}

static void clean_gemini(struct cleaning *c, yyjson_val *node, unsigned depth)
{
    yyjson_val *target = yyjson_is_obj(node) ? follow(c, node) : NULL;
    yyjson_val *all = yyjson_obj_get(node, "allOf");
    json_open(c->w, '{');
    if (depth >= SCHEMA_DEPTH_MAX || ++c->nodes > NODES_MAX) {
        note(c, "nested too deeply; cut off");
    } else if (yyjson_is_obj(target)) {
        /* What it refers to, and that again: a circle ends at the depth's limit. */
        put_gemini_members(c, target, NULL, depth + SCHEMA_DEPTH_MAX / 6);
    } else {
        put_gemini_members(c, node, NULL, depth);
        if (yyjson_arr_size(all) && !yyjson_obj_get(node, "properties"))
            put_gemini_members(c, yyjson_arr_get_first(all), node, depth + 1);
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

/*
 * definition.c — cuts a file at its front matter, and reads that.
 *
 * Descriptions that people write are often no YAML (" Examples: user: …" in one line). Claude Code
 * then takes the values of simple lines as they stand; so do we.
 */
#include "agents/definition.h"

#include <yaml.h>

#include "base/buf.h"

/* Takes the next line off; its end, LF or CR LF, is not part of it. */
static struct str take_line(struct str *rest)
{
    size_t end = str_find(*rest, '\n');
    struct str line = str_head(*rest, end);
    *rest = str_from(*rest, end + 1);
    if (line.len && line.ptr[line.len - 1] == '\r')
        line.len--;
    return line;
}

static bool is_rule(struct str line)
{
    return str_equal(str_trim(line), STR("---")) && line.ptr[0] == '-';
}

static bool cut(struct str file, struct str *front, struct str *prompt)
{
    static const struct str mark = {"\xef\xbb\xbf", 3};
    struct str rest = str_starts(file, mark) ? str_from(file, mark.len) : file;
    if (!is_rule(take_line(&rest)))
        return false;
    *front = rest;
    while (rest.len) {
        size_t used = (size_t)(rest.ptr - front->ptr);
        if (is_rule(take_line(&rest))) {
            front->len = used;
            *prompt = rest;
            return true;
        }
    }
    return false;
}

/* --- front matter --- */

static struct str scalar(const yaml_node_t *node)
{
    if (!node || node->type != YAML_SCALAR_NODE)
        return STR_NONE;
    return str_make(node->data.scalar.value, node->data.scalar.length);
}

static void take_value(struct definition *d, struct str key, struct str value, struct arena *arena)
{
    const struct {
        struct str key;
        struct str *value;
    } wanted[] = {
        {STR("name"), &d->name}, {STR("model"), &d->model}, {STR("description"), &d->description}};
    for (size_t i = 0; i < COUNT_OF(wanted); i++)
        if (str_equal(key, wanted[i].key))
            *wanted[i].value = arena_str(arena, value);
    if (str_equal(key, STR("background")))
        d->is_background = str_equal_nocase(value, STR("true"));
}

static bool read_yaml(struct str text, struct arena *arena, struct definition *d)
{
    yaml_parser_t parser;
    yaml_document_t doc;
    if (!yaml_parser_initialize(&parser))
        return false;
    yaml_parser_set_input_string(&parser, (const unsigned char *)(text.ptr ? text.ptr : ""), text.len);
    bool is_read = yaml_parser_load(&parser, &doc);
    if (is_read) {
        yaml_node_t *root = yaml_document_get_root_node(&doc);
        bool is_map = root && root->type == YAML_MAPPING_NODE;
        for (yaml_node_pair_t *pair = is_map ? root->data.mapping.pairs.start : NULL;
             is_map && pair < root->data.mapping.pairs.top; pair++)
            take_value(d, scalar(yaml_document_get_node(&doc, pair->key)),
                       scalar(yaml_document_get_node(&doc, pair->value)), arena);
        yaml_document_delete(&doc);
    }
    yaml_parser_delete(&parser);
    return is_read;
}

/* "key: value", at the beginning of a line. */
static void read_simple_line(struct str line, struct arena *arena, struct definition *d)
{
    size_t colon = str_find(line, ':');
    struct str value = str_trim(str_from(line, colon + 1));
    if (!value.len || line.ptr[0] == ' ' || line.ptr[0] == '#')
        return;
    bool is_quoted = value.len > 1 && (value.ptr[0] == '"' || value.ptr[0] == '\'') &&
                     value.ptr[value.len - 1] == value.ptr[0];
    take_value(d, str_trim(str_head(line, colon)),
               is_quoted ? str_make(value.ptr + 1, value.len - 2) : value, arena);
}

static void read_lines(struct str text, struct arena *arena, struct definition *d)
{
    while (text.len)
        read_simple_line(take_line(&text), arena, d);
}

const char *definition_read(struct str file, struct arena *arena, struct definition *out)
{
    struct str front;
    *out = (struct definition){0};
    if (file.len > DEFINITION_BYTES_MAX)
        return "is too long";
    if (!cut(file, &front, &out->prompt))
        return "has no front matter";
    if (front.len > FRONT_MATTER_MAX)
        return "has too long a front matter";
    if (!read_yaml(front, arena, out))
        read_lines(front, arena, out);
    out->name = str_trim(out->name);
    if (!out->name.len)
        return "has no name";
    return out->name.len > AGENT_NAME_MAX ? "has too long a name" : NULL;
}

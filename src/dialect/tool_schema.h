/*
 * tool_schema.h — a tool's JSON schema as a provider takes it.
 *
 * Only schemas are cleaned: what stands under `properties` and the like are names, and what stands
 * under `default`, `enum`, `const` and `examples` is data. Nesting past SCHEMA_DEPTH_MAX becomes {}.
 */
#ifndef DIALECT_TOOL_SCHEMA_H
#define DIALECT_TOOL_SCHEMA_H

#include "dialect/json_writer.h"
#include "dialect/loss_report.h"

enum { SCHEMA_DEPTH_MAX = 48 };

enum schema_level {
    SCHEMA_USUAL, /* OpenAI and what follows it: nearly all of JSON Schema */
    SCHEMA_GEMINI /* the few keywords of Gemini's Schema type */
};

/* Writes an object schema, whatever `schema` is (NULL too). `losses` may be NULL. */
void schema_write(struct json_writer *w, yyjson_val *schema, enum schema_level level,
                  struct loss_report *losses, struct str tool_name);

#endif

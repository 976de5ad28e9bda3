/*
 * record_json.h — a record as the API shows it (docs/api.md, "Request").
 */
#ifndef API_RECORD_JSON_H
#define API_RECORD_JSON_H

#include "api/json_out.h"
#include "record/record.h"

/* Adds every member of a Request to `obj`. Strings are borrowed until the document is finished. */
void record_json_fill(yyjson_mut_doc *doc, yyjson_mut_val *obj, const struct record *r);

/* What the detail view has beside it: headers, first lines, hashes. */
void record_json_fill_detail(yyjson_mut_doc *doc, yyjson_mut_val *obj, const struct record *r,
                             const struct record_detail *d);

/* The answer's chunks with their times. */
void record_json_fill_timeline(yyjson_mut_doc *doc, yyjson_mut_val *obj, const struct record *r,
                               const struct record_detail *d);

/* A struct usage as an object. */
yyjson_mut_val *usage_json(yyjson_mut_doc *doc, const struct usage *u);

/* The value of a header in a recorded head ("first line CR LF name: value CR LF …"); STR_NONE. */
struct str recorded_header(struct str head, struct str name);

/* Has the row outlived its detail? Then there is nothing in it. */
bool record_json_is_gone(const struct record *r, const struct record_detail *d);

#endif

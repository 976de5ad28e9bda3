/*
 * tool_results.h — which of the tools' results that a request brings back are errors.
 */
#ifndef RECORD_TOOL_RESULTS_H
#define RECORD_TOOL_RESULTS_H

#include "record/json_cut.h"
#include "record/json_scan.h"

/* Looks at the newest message only, and for the tools' names at the one before it; arguments as in
 * title.h. Fills facts->tool_errors. */
void tool_results_find(struct str body, const struct json_cut *messages, size_t count,
                       const struct json_marks *blocks, struct arena *arena,
                       struct request_facts *facts);

#endif

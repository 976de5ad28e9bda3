/*
 * api_reply.h — answers of the API: JSON with its headers, and errors in one shape.
 */
#ifndef API_API_REPLY_H
#define API_API_REPLY_H

#include "api/json_out.h"
#include "server/call.h"

/* On every answer of ours: nothing is cached, nothing is guessed to be another type. */
#define API_HEADERS "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"

/* Finishes `doc` and sends it. */
void api_reply_json(struct call *c, int status, yyjson_mut_doc *doc);

/* {"type":"error","error":{"type","code","message","field"}}; `field` (a parameter's name, then the
 * code is "bad_param") and `headers` ("Name: value\r\n"…) may be NULL. */
void api_refuse(struct call *c, enum err err, const char *field, const char *message,
                const char *headers);

#endif

/*
 * error_text.c — an error as JSON and the head in front of it.
 */
#include "server/error_text.h"

#include <string.h>

#include "http/reason.h"

/* What went wrong, so that it cannot break the JSON around it. */
static void clean_detail(const struct fail *f, char *out, size_t room)
{
    size_t n = 0;
    for (const char *at = f && f->code != ERR_OK ? f->detail : ""; *at && n + 1 < room; at++)
        out[n++] = *at == '"' || *at == '\\' || (unsigned char)*at < 0x20 ? '\'' : *at;
    out[n] = '\0';
}

void error_text(struct arena *arena, enum err err, const struct fail *f, const char *code,
                struct str request_id, struct str *head, struct str *body)
{
    char clean[sizeof f->detail];
    clean_detail(f, clean, sizeof clean);
    *body = arena_printf(arena,
                         "{\"type\":\"error\",\"error\":{\"type\":\"%s\",%s%s%s\"message\":\"%s%s%s\"},"
                         "\"request_id\":\"%.*s\"}",
                         err_type(err), code ? "\"code\":\"" : "", code ? code : "",
                         code ? "\"," : "", err_public(err), *clean ? " " : "", clean,
                         STR_ARGS(request_id));
    int status = err_status(err);
    *head = arena_printf(arena,
                         "HTTP/1.1 %d %s\r\n"
                         "content-type: application/json\r\n"
                         "content-length: %zu\r\n"
                         "x-claude-code-proxy-error: %s\r\n"
                         "%srequest-id: %.*s\r\n",
                         status, http_reason(status), body->len, err_name(err),
                         status == 405 ? "allow: GET, HEAD, POST, PUT, PATCH, DELETE\r\n" : "",
                         STR_ARGS(request_id));
}

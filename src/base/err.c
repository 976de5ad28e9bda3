/*
 * err.c — names, statuses and texts of errors, all from err.def.
 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
    const char *name;
    int status;
    const char *type;
    const char *code;
    const char *text;
} errors[] = {
#define ERROR(name, status, type, code, text) {#name, status, type, code, text},
#include "base/err.def"
#undef ERROR
};

enum err fail(struct fail *f, enum err code, const char *format, ...)
{
    if (!f || f->code != ERR_OK)
        return code;
    f->code = code;
    va_list args;
    va_start(args, format);
    vsnprintf(f->detail, sizeof f->detail, format, args);
    va_end(args);
    return code;
}

const char *err_name(enum err code)
{
    assert(code < ERR_COUNT);
    return errors[code].name;
}

int err_status(enum err code)
{
    assert(code < ERR_COUNT);
    return errors[code].status;
}

const char *err_type(enum err code)
{
    assert(code < ERR_COUNT);
    return errors[code].type;
}

const char *err_code(enum err code)
{
    assert(code < ERR_COUNT);
    return errors[code].code;
}

const char *err_public(enum err code)
{
    assert(code < ERR_COUNT);
    return errors[code].text;
}

/*
 * preset.h — providers known by name: presets.def, and what is made of it for one endpoint and model.
 */
#ifndef DIALECT_PRESET_H
#define DIALECT_PRESET_H

#include "dialect/dialect.h"

/* How the key is sent. */
enum preset_auth {
    PRESET_AUTH_BEARER,         /* authorization: Bearer KEY */
    PRESET_AUTH_X_API_KEY,      /* x-api-key: KEY */
    PRESET_AUTH_X_GOOG_API_KEY, /* x-goog-api-key: KEY */
    PRESET_AUTH_API_KEY         /* api-key: KEY */
};

struct preset {
    const char *name;
    enum dialect dialect;
    const char *base_url; /* "": has to be configured */
    const char *key_variable;
    enum preset_auth auth;
    const char *quirks; /* quirks_parse() */
};

/* Headers of a provider that take their value from the environment. */
struct preset_header {
    const char *preset, *header, *variable;
};

const struct preset *preset_find(struct str name); /* NULL: none of this name */
const struct preset *preset_all(size_t *count);
const struct preset_header *preset_headers(size_t *count);
/* The header's name, and what stands before the key: "authorization" and "Bearer ". */
const char *preset_auth_header(enum preset_auth auth, const char **before);
/* The quirks of a preset (NULL: of none) for a model: the preset's, then what the model's name
 * tells, then `more` of the configuration. ERR_CONFIG for an unknown word in `more`. */
enum err preset_quirks(const struct preset *p, struct str model, struct str more,
                       struct quirks *out, struct fail *f) MUST_CHECK;

#endif

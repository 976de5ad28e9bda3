/*
 * api_providers.h — /api/providers: who requests can be sent to, and how they fare.
 */
#ifndef API_API_PROVIDERS_H
#define API_API_PROVIDERS_H

#include "api/api.h"

void providers_answer(struct call *c, const struct api_options *to);

#endif

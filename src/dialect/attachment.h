/*
 * attachment.h — pictures and documents of a request, as providers take them: a data URL, or a note
 * in their place where this provider takes none.
 */
#ifndef DIALECT_ATTACHMENT_H
#define DIALECT_ATTACHMENT_H

#include "dialect/neutral.h"

/* What stands in for an image or a document; empty where it can be sent. Notes the loss. */
struct str attachment_note(struct neutral *n, const struct quirks *q, bool takes_documents,
                           const struct block *b);
/* Its URL, or its bytes as one (RFC 2397). */
struct str attachment_url(struct neutral *n, const struct block *b);

#endif

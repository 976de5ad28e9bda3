/*
 * language.h — what each language offers to translation.c: one row of functions for a client's
 * side, one for a provider's. Nothing outside this folder includes it.
 */
#ifndef DIALECT_LANGUAGE_H
#define DIALECT_LANGUAGE_H

#include "dialect/neutral.h"
#include "dialect/tool_names.h"

/* What a provider writer needs besides the request. */
struct asking {
    struct neutral *n;
    const struct quirks *quirks;
    struct tool_names *names;
    struct str model; /* to ask for */
    uint32_t origin;  /* envelope_origin() of the provider */
    bool is_stream;   /* ask for a stream */
    bool is_openai;   /* api.openai.com itself */
};

/* Client readers: ERR_BAD_REQUEST, with the client's own provider's wording in `f`. */
typedef enum err client_read(struct neutral *n, const struct json_tree *tree, struct fail *f);
client_read anthropic_client_read, chat_client_read;

/* `counts_only`: for count_tokens, which needs no max_tokens. */
enum err anthropic_client_read_for(struct neutral *n, const struct json_tree *tree,
                                   bool counts_only, struct fail *f) MUST_CHECK;

typedef enum err provider_write(const struct asking *a, struct buf *out);
provider_write anthropic_request_write, chat_request_write, responses_request_write,
    gemini_request_write;

/* The parts of Anthropic's content blocks that are folded to text: anthropic_blocks.c. */
struct block *anthropic_block_read(struct neutral *n, yyjson_val *block, enum role role,
                                   const struct json_tree *tree);
struct str anthropic_content_text(struct neutral *n, yyjson_val *content, struct str glue);

#endif

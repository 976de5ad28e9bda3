/*
 * attachment.c — one wording for what cannot be sent, in every language.
 */
#include "dialect/attachment.h"

struct str attachment_note(struct neutral *n, const struct quirks *q, bool takes_documents,
                           const struct block *b)
{
    bool is_text_only = quirks_have(q, QUIRK_STRING_CONTENT);
    if (b->kind == BLOCK_IMAGE && (is_text_only || quirks_have(q, QUIRK_NO_IMAGES))) {
        loss_drop(n, "messages[].content[].image", STR_NONE, "the provider takes no images here");
        return STR("[image omitted: unsupported by the provider]");
    }
    if (b->kind == BLOCK_DOCUMENT && (is_text_only || !takes_documents)) {
        loss_drop(n, "messages[].content[].document", b->text,
                  "the provider takes no documents here");
        return arena_printf(n->arena, "[document omitted: %.*s]",
                            STR_ARGS(b->text.len ? b->text : STR("untitled")));
    }
    return STR_NONE;
}

struct str attachment_url(struct neutral *n, const struct block *b)
{
    if (b->url.len)
        return b->url;
    struct str head = arena_printf(n->arena, "data:%.*s;base64,", STR_ARGS(b->media_type));
    return neutral_join(n, head, STR_NONE, b->data);
}

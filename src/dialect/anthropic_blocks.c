/*
 * anthropic_blocks.c — one content block of an Anthropic request as a neutral block.
 *
 * A table by type. What only Anthropic's own servers understand (their tools' calls and results) is
 * folded to text, so that the conversation still makes sense; what is unknown is left out, and said.
 */
#include "dialect/language.h"

#include "dialect/json_writer.h"

enum {
    UNKNOWN_JSON_MAX = 8192, /* bytes of an unknown object that are shown as text */
    RESULT_PARTS_MAX = 4096
};

struct block_reading {
    struct neutral *n;
    const struct json_tree *tree;
    yyjson_val *block;
    enum role role;
};

typedef struct block *block_reader(const struct block_reading *r);

static struct block *text_block(struct neutral *n, struct str text)
{
    if (!text.len)
        return NULL;
    struct block *b = neutral_block(n, BLOCK_TEXT);
    b->text = text;
    return b;
}

static struct block *read_text(const struct block_reading *r)
{
    return text_block(r->n, json_member_text(r->block, "text"));
}

static struct block *read_image(const struct block_reading *r)
{
    yyjson_val *source = yyjson_obj_get(r->block, "source"), *type = yyjson_obj_get(source, "type");
    struct block *b = neutral_block(r->n, BLOCK_IMAGE);
    if (json_is(type, "base64")) {
        b->data = json_member_text(source, "data");
        b->media_type = json_member_text(source, "media_type");
        if (!b->media_type.len)
            b->media_type = image_type(b->data);
    } else if (json_is(type, "url")) {
        b->url = json_member_text(source, "url");
    }
    if (b->data.len || b->url.len)
        return b;
    loss_drop(r->n, "messages[].content[].image", json_member_text(source, "file_id"),
              "only the provider it was uploaded to has this file");
    return text_block(r->n, STR("[image omitted: it is a file at another provider]"));
}

/* A document that is text: its title and context, then the text. */
static struct block *plain_document(const struct block_reading *r, struct str text)
{
    struct str title = json_member_text(r->block, "title");
    struct str context = json_member_text(r->block, "context");
    struct str head = neutral_join(r->n, title, STR("\n"), context);
    return text_block(r->n, neutral_join(r->n, head, STR("\n\n"), text));
}

static struct block *read_document(const struct block_reading *r)
{
    yyjson_val *source = yyjson_obj_get(r->block, "source"), *type = yyjson_obj_get(source, "type");
    if (json_is(type, "text"))
        return plain_document(r, json_member_text(source, "data"));
    if (json_is(type, "content"))
        return plain_document(
            r, anthropic_content_text(r->n, yyjson_obj_get(source, "content"), STR("\n\n")));
    struct block *b = neutral_block(r->n, BLOCK_DOCUMENT);
    b->text = json_member_text(r->block, "title");
    b->media_type = json_member_text(source, "media_type");
    b->data = json_member_text(source, "data");
    b->url = json_member_text(source, "url");
    if (!b->media_type.len)
        b->media_type = STR("application/pdf");
    if (b->data.len || b->url.len)
        return b;
    loss_drop(r->n, "messages[].content[].document", json_member_text(source, "file_id"),
              "only the provider it was uploaded to has this file");
    return text_block(r->n, arena_printf(r->n->arena, "[document omitted: %.*s]",
                                         STR_ARGS(b->text.len ? b->text : STR("untitled"))));
}

static struct block *read_search_result(const struct block_reading *r)
{
    struct str head = neutral_join(r->n, json_member_text(r->block, "title"), STR("\n"),
                                   json_member_text(r->block, "source"));
    struct str text = anthropic_content_text(r->n, yyjson_obj_get(r->block, "content"), STR("\n"));
    return text_block(r->n, neutral_join(r->n, head, STR("\n"), text));
}

static struct block *read_thinking(const struct block_reading *r)
{
    if (r->role != ROLE_ASSISTANT)
        return NULL;
    struct block *b = neutral_block(r->n, BLOCK_THINKING);
    b->text = json_member_text(r->block, "thinking");
    b->signature = json_member_text(r->block, "signature");
    return b;
}

static struct block *read_redacted(const struct block_reading *r)
{
    loss_drop(r->n, "messages[].content[].redacted_thinking", STR_NONE,
              "only the provider that wrote it can read it");
    return NULL;
}

static struct block *read_tool_use(const struct block_reading *r)
{
    if (r->role != ROLE_ASSISTANT) {
        loss_drop(r->n, "messages[].content[].tool_use", json_member_text(r->block, "name"),
                  "only an assistant's message can call a tool");
        return NULL;
    }
    struct block *b = neutral_block(r->n, BLOCK_TOOL_USE);
    yyjson_val *input = yyjson_obj_get(r->block, "input");
    b->id = json_member_text(r->block, "id");
    b->name = json_member_text(r->block, "name");
    b->json = yyjson_is_obj(input) ? json_tree_member_span(r->tree, r->block, "input") : STR("{}");
    if (input && !yyjson_is_obj(input) && !yyjson_is_null(input))
        b->json = arena_printf(r->n->arena, "{\"value\":%.*s}",
                               STR_ARGS(json_tree_member_span(r->tree, r->block, "input")));
    return b;
}

/* [web_search "query"] */
static struct block *read_server_tool_use(const struct block_reading *r)
{
    yyjson_val *input = yyjson_obj_get(r->block, "input");
    struct str query = json_member_text(input, "query");
    if (!query.len)
        query = json_member_text(input, "url");
    return text_block(r->n,
                      arena_printf(r->n->arena, "[%.*s \"%.*s\"]",
                                   STR_ARGS(json_member_text(r->block, "name")), STR_ARGS(query)));
}

/* results: title – url, one a line */
static struct block *read_search_results(const struct block_reading *r)
{
    yyjson_val *results = yyjson_obj_get(r->block, "content");
    yyjson_arr_iter list = yyjson_arr_iter_with(results);
    struct str text = STR_NONE;
    int count = 0;
    for (yyjson_val *one; (one = yyjson_arr_iter_next(&list)) && count < RESULT_PARTS_MAX;
         count++) {
        struct str line = neutral_join(r->n, json_member_text(one, "title"), STR(" – "),
                                       json_member_text(one, "url"));
        text = arena_str_grow(r->n->arena, text, STR("\n"));
        text = arena_str_grow(r->n->arena, text, line);
    }
    return text_block(r->n, neutral_join(r->n, STR("results:"), STR_NONE, text));
}

static struct block *read_silently(const struct block_reading *r)
{
    loss_drop(r->n, "messages[].content[]", json_member_text(r->block, "type"),
              "only the client's own provider understands it");
    return NULL;
}

static const struct {
    const char *type;
    block_reader *read;
} readers[] = {
    {"text", read_text},
    {"image", read_image},
    {"document", read_document},
    {"search_result", read_search_result},
    {"thinking", read_thinking},
    {"redacted_thinking", read_redacted},
    {"tool_use", read_tool_use},
    {"server_tool_use", read_server_tool_use},
    {"web_search_tool_result", read_search_results},
};

struct block *anthropic_block_read(struct neutral *n, yyjson_val *block, enum role role,
                                   const struct json_tree *tree)
{
    struct block_reading r = {n, tree, block, role};
    struct str type = json_member_text(block, "type");
    block_reader *read = read_silently;
    for (size_t i = 0; i < COUNT_OF(readers); i++)
        if (str_equal(type, str_of(readers[i].type)))
            read = readers[i].read;
    struct block *b = read(&r);
    if (b)
        b->cache_control = yyjson_obj_get(block, "cache_control");
    return b;
}

/* Unknown objects, short, as JSON. */
static struct str as_json(struct neutral *n, yyjson_val *value)
{
    struct buf text;
    buf_init(&text, UNKNOWN_JSON_MAX * 4);
    struct json_writer w = {.out = &text};
    json_value(&w, value);
    struct str json = w.err ? STR("{…}") : arena_str(n->arena, buf_str(&text));
    buf_release(&text);
    if (json.len <= UNKNOWN_JSON_MAX)
        return json;
    size_t at = UNKNOWN_JSON_MAX;
    while (at && (json.ptr[at] & 0xC0) == 0x80)
        at--;
    return neutral_join(n, str_head(json, at), STR(""), STR("…"));
}

static struct str part_text(struct neutral *n, yyjson_val *part)
{
    yyjson_val *type = yyjson_obj_get(part, "type"), *text = yyjson_obj_get(part, "text");
    if (yyjson_is_str(part))
        return json_text_of(part);
    if (yyjson_is_str(text))
        return json_text_of(text);
    if (json_is(type, "tool_reference"))
        return arena_printf(n->arena, "Loaded tool: %.*s",
                            STR_ARGS(json_member_text(part, "tool_name")));
    if (json_is(type, "image") || json_is(type, "document") || !yyjson_obj_size(part))
        return STR_NONE;
    return as_json(n, part);
}

struct str anthropic_content_text(struct neutral *n, yyjson_val *content, struct str glue)
{
    struct str text = STR_NONE;
    yyjson_arr_iter parts = yyjson_arr_iter_with(content);
    if (!yyjson_is_arr(content))
        return yyjson_is_raw(content) || yyjson_is_bool(content) ? as_json(n, content)
                                                                 : part_text(n, content);
    for (yyjson_val *part; (part = yyjson_arr_iter_next(&parts));) {
        struct str piece = part_text(n, part);
        if (!piece.len)
            continue;
        if (!text.len) {
            text = piece;
            continue;
        }
        text = arena_str_grow(n->arena, text, glue);
        text = arena_str_grow(n->arena, text, piece);
    }
    return text;
}

/*
 * neutral.c — building and asking the neutral form. All of it lives in the translation's arena.
 */
#include "dialect/neutral.h"

#include <xxhash.h>

#include "dialect/json_writer.h"

enum { FORMAT_SCHEMA_MAX = 1 << 20 /* bytes of a schema that is said in words */ };

void neutral_init(struct neutral *n, struct arena *arena, struct loss_report *losses)
{
    *n = (struct neutral){.arena = arena, .losses = losses, .effort = EFFORT_COUNT};
}

struct block *neutral_block(struct neutral *n, enum block_kind kind)
{
    struct block *b = ARENA_NEW(n->arena, struct block);
    b->kind = kind;
    return b;
}

void message_add(struct message *m, struct block *b)
{
    if (m->last)
        m->last->next = b;
    else
        m->first = b;
    m->last = b;
}

struct message *neutral_message(struct neutral *n, enum role role)
{
    struct message *m = ARENA_NEW(n->arena, struct message);
    m->role = role;
    return m;
}

void neutral_insert(struct neutral *n, struct message *after, struct message *m)
{
    if (!after)
        after = n->last;
    m->next = after ? after->next : NULL;
    if (after)
        after->next = m;
    else
        n->first = m;
    if (!m->next)
        n->last = m;
}

static size_t bucket_of(struct str name)
{
    return (size_t)XXH3_64bits(name.ptr, name.len) % TOOL_BUCKETS;
}

struct tool *neutral_tool(struct neutral *n, struct str name)
{
    struct tool *t = ARENA_NEW(n->arena, struct tool);
    size_t bucket = bucket_of(name);
    t->name = name;
    t->next_named = n->tools_named[bucket];
    n->tools_named[bucket] = t;
    if (n->tools_last)
        n->tools_last->next = t;
    else
        n->tools = t;
    n->tools_last = t;
    return t;
}

struct tool *neutral_find_tool(const struct neutral *n, struct str name)
{
    for (struct tool *t = n->tools_named[bucket_of(name)]; t; t = t->next_named)
        if (str_equal(t->name, name))
            return t;
    return NULL;
}

enum effort neutral_effort(const struct neutral *n)
{
    static const struct {
        int64_t budget;
        enum effort effort;
    } thresholds[] = {{0, EFFORT_OFF},
                      {512, EFFORT_MINIMAL},
                      {1024, EFFORT_LOW},
                      {8192, EFFORT_MEDIUM},
                      {24576, EFFORT_HIGH}};
    if (n->thinking == THINKING_DISABLED)
        return EFFORT_OFF;
    if (n->has_effort)
        return n->effort;
    if (n->thinking == THINKING_UNSET)
        return EFFORT_COUNT;
    if (n->thinking == THINKING_ADAPTIVE)
        return EFFORT_HIGH; /* what the client's own provider takes when none is said */
    for (size_t i = 0; i < COUNT_OF(thresholds); i++)
        if (n->thinking_budget <= thresholds[i].budget)
            return thresholds[i].effort;
    return EFFORT_XHIGH;
}

bool neutral_wants_thinking(const struct neutral *n)
{
    return n->thinking == THINKING_BUDGET || n->thinking == THINKING_ADAPTIVE;
}

struct str neutral_join(struct neutral *n, struct str a, struct str glue, struct str b)
{
    if (!a.len || !b.len)
        return a.len ? a : b;
    char *out = arena_alloc(n->arena, a.len + glue.len + b.len);
    memcpy(out, a.ptr, a.len);
    if (glue.len)
        if (glue.len)
        memcpy(out + a.len, glue.ptr, glue.len);
    memcpy(out + a.len + glue.len, b.ptr, b.len);
    return str_make(out, a.len + glue.len + b.len);
}

struct str image_type(struct str base64)
{
    static const struct {
        const char *head, *type;
    } known[] = {{"/9j/", "image/jpeg"},
                 {"iVBOR", "image/png"},
                 {"R0lGOD", "image/gif"},
                 {"UklGR", "image/webp"}};
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (str_starts(base64, str_of(known[i].head)))
            return str_of(known[i].type);
    return STR("image/png");
}

static void append_blocks(struct message *to, struct message *from)
{
    if (!from->first)
        return;
    if (to->last)
        to->last->next = from->first;
    else
        to->first = from->first;
    to->last = from->last;
}

void neutral_merge_neighbours(struct neutral *n)
{
    struct message *m = n->first;
    while (m && m->next) {
        if (m->role == ROLE_TOOL || m->next->role != m->role) {
            m = m->next;
            continue;
        }
        append_blocks(m, m->next);
        m->next = m->next->next;
        if (!m->next)
            n->last = m;
    }
}

/* Takes what is no text off a tool message; a mark stays. */
static void take_images(struct neutral *n, struct message *from, struct message *into)
{
    struct block *b = from->first, *mark = NULL;
    from->first = from->last = NULL;
    while (b) {
        struct block *next = b->next;
        b->next = NULL;
        if (b->kind == BLOCK_TEXT) {
            message_add(from, b);
        } else {
            if (!mark) {
                mark = neutral_block(n, BLOCK_TEXT);
                mark->text = b->kind == BLOCK_IMAGE ? STR("[image attached below]")
                                                    : STR("[document attached below]");
            }
            message_add(into, b);
        }
        b = next;
    }
    if (mark)
        message_add(from, mark);
}

void neutral_hoist_images(struct neutral *n)
{
    for (struct message *m = n->first; m; m = m->next) {
        if (m->role != ROLE_TOOL)
            continue;
        struct message *images = neutral_message(n, ROLE_USER), *last = m;
        for (; m && m->role == ROLE_TOOL; last = m, m = m->next)
            take_images(n, m, images);
        m = last;
        if (!images->first)
            continue;
        if (m->next && m->next->role == ROLE_USER) {
            append_blocks(images, m->next);
            m->next->first = images->first;
            m->next->last = images->last;
        } else {
            neutral_insert(n, m, images);
        }
    }
}

void neutral_mark_error(struct neutral *n, struct message *result)
{
    struct str mark = STR("[tool error] ");
    struct block *b = result->first && result->first->kind == BLOCK_TEXT ? result->first : NULL;
    if (!result->is_error || (b && str_starts(b->text, mark)))
        return;
    if (b) {
        b->text = neutral_join(n, mark, STR_NONE, b->text);
        return;
    }
    b = neutral_block(n, BLOCK_TEXT);
    b->text = str_head(mark, mark.len - 1);
    b->next = result->first;
    result->first = b;
    if (!result->last)
        result->last = b;
}

struct str neutral_format_order(struct neutral *n)
{
    struct buf text;
    struct str order = n->wants_json ? STR("Answer with one JSON object.") : STR_NONE;
    if (!n->format_schema)
        return order;
    buf_init(&text, FORMAT_SCHEMA_MAX);
    struct json_writer w = {.out = &text};
    json_value(&w, n->format_schema);
    order = neutral_join(n, STR("Answer with one JSON object that matches this schema:\n"),
                         STR_NONE, w.err ? STR("{}") : buf_str(&text));
    buf_release(&text);
    return order;
}

struct str neutral_text_of(struct neutral *n, const struct block *first, struct str glue)
{
    struct str text = STR_NONE;
    bool is_grown = false;
    for (const struct block *b = first; b; b = b->next) {
        if (b->kind != BLOCK_TEXT || !b->text.len)
            continue;
        if (!text.len) {
            text = b->text;
            continue;
        }
        if (!is_grown)
            text = arena_str_grow(n->arena, STR_NONE, text);
        is_grown = true;
        text = arena_str_grow(n->arena, text, glue);
        text = arena_str_grow(n->arena, text, b->text);
    }
    return text;
}

uint64_t neutral_beginning(const struct neutral *n)
{
    uint64_t hash = 0;
    for (const struct block *b = n->system; b; b = b->next)
        hash = XXH3_64bits_withSeed(b->text.ptr, b->text.len, hash);
    for (const struct block *b = n->first ? n->first->first : NULL; b; b = b->next)
        if (b->text.len)
            hash = XXH3_64bits_withSeed(b->text.ptr, b->text.len, hash);
    return hash;
}

struct str neutral_max_tokens(struct neutral *n, const struct quirks *q)
{
    uint64_t wanted;
    if (!q->max_tokens || !str_to_u64(n->max_tokens, &wanted) || wanted <= (uint64_t)q->max_tokens)
        return n->max_tokens;
    loss_report_note(n->losses, LOSS_KIND_APPROXIMATED, STR("max_tokens"), n->max_tokens,
                     "the provider's limit for this model is lower");
    return arena_printf(n->arena, "%lld", (long long)q->max_tokens);
}

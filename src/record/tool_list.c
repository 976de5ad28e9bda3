/*
 * tool_list.c — names of tools with counts.
 */
#include "record/tool_list.h"

static const struct str other = {TOOL_OTHER, sizeof TOOL_OTHER - 1};

static struct tool_count *find(struct tool_list *t, struct str name)
{
    for (size_t i = 0; i < t->len; i++)
        if (str_equal(t->list[i].name, name))
            return &t->list[i];
    return NULL;
}

void tool_list_add(struct tool_list *t, struct str name, int64_t count)
{
    name = name.len ? str_head(name, TOOL_NAME_MAX) : other;
    struct tool_count *c = find(t, name);
    if (!c && t->len >= TOOL_LIST_MAX - 1)
        c = find(t, name = other);
    if (!c) {
        c = &t->list[t->len++];
        *c = (struct tool_count){.name = name};
    }
    c->count += count;
}

static void sort(struct tool_list *t)
{
    for (size_t i = 1; i < t->len; i++)
        for (size_t j = i; j > 0 && str_compare(t->list[j - 1].name, t->list[j].name) > 0; j--) {
            struct tool_count swap = t->list[j];
            t->list[j] = t->list[j - 1];
            t->list[j - 1] = swap;
        }
}

static struct str plain(struct str name, struct arena *arena)
{
    struct str copy = arena_str(arena, name);
    char *at = (char *)copy.ptr;
    for (size_t i = 0; i < copy.len; i++)
        if ((unsigned char)at[i] <= ' ' || at[i] == ',' || at[i] == 0x7F)
            at[i] = '_';
    return copy;
}

struct str tool_list_text(const struct tool_list *t, struct arena *arena)
{
    if (!t->len)
        return STR_NONE;
    struct tool_list sorted = {0};
    for (size_t i = 0; i < t->len; i++)
        tool_list_add(&sorted, plain(t->list[i].name, arena), t->list[i].count);
    sort(&sorted);
    struct str text = STR_NONE;
    for (size_t i = 0; i < sorted.len; i++)
        text = arena_printf(arena, "%.*s%s%.*s %lld", STR_ARGS(text), text.len ? "," : "",
                            STR_ARGS(sorted.list[i].name), (long long)sorted.list[i].count);
    return text;
}

bool tool_list_next(struct str *text, struct tool_count *out)
{
    struct str item;
    uint64_t count;
    if (!text->len || !str_next(text, ',', &item))
        return false;
    size_t blank = str_find(item, ' ');
    out->name = str_head(item, blank);
    out->count = str_to_u64(str_from(item, blank + 1), &count) ? (int64_t)count : 1;
    return true;
}

bool tool_list_has(struct str text, struct str name)
{
    struct tool_count c;
    while (tool_list_next(&text, &c))
        if (str_equal(c.name, name))
            return true;
    return false;
}

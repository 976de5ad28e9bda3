/*
 * tool_names.c — letters, digits, "_" and "-", at most 64: what every provider takes.
 */
#include "dialect/tool_names.h"

#include <xxhash.h>

enum {
    KEPT_MAX = 55, /* bytes of a name that is too long, before its hash */
    SAME_TRIES_MAX = 1000
};

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static bool is_letter(char c)
{
    return is_plain(c) && c != '-' && !(c >= '0' && c <= '9');
}

static bool is_fine(const struct tool_names *names, struct str name)
{
    if (!name.len || name.len > TOOL_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!is_plain(name.ptr[i]))
            return false;
    return !names->begins_with_letter || is_letter(name.ptr[0]);
}

static size_t bucket_of(struct str name)
{
    return (size_t)XXH3_64bits(name.ptr, name.len) % TOOL_NAME_BUCKETS;
}

static const struct tool_name *find_client(const struct tool_names *names, struct str client)
{
    for (const struct tool_name *t = names->by_client[bucket_of(client)]; t; t = t->next_client)
        if (str_equal(t->client, client))
            return t;
    return NULL;
}

static const struct tool_name *find_sent(const struct tool_names *names, struct str sent)
{
    for (const struct tool_name *t = names->by_sent[bucket_of(sent)]; t; t = t->next_sent)
        if (str_equal(t->sent, sent))
            return t;
    return NULL;
}

static struct str invent(const struct tool_names *names, struct neutral *n, struct str client)
{
    size_t kept = client.len > TOOL_NAME_MAX ? (size_t)KEPT_MAX : client.len;
    char *clean = arena_alloc(n->arena, TOOL_NAME_MAX + 1);
    size_t len = 0;
    if (names->begins_with_letter && !(client.len && is_letter(client.ptr[0])))
        clean[len++] = '_';
    for (size_t i = 0; i < kept && len < TOOL_NAME_MAX; i++)
        clean[len++] = is_plain(client.ptr[i]) ? client.ptr[i] : '_';
    if (!len)
        clean[len++] = '_';
    struct str name = str_make(clean, len);
    if (client.len > TOOL_NAME_MAX)
        name = arena_printf(n->arena, "%.*s_%08x", (int)MIN_OF(len, (size_t)KEPT_MAX), clean,
                            (uint32_t)XXH3_64bits(client.ptr, client.len));
    struct str unique = name;
    for (int i = 1; i < SAME_TRIES_MAX && find_sent(names, unique); i++)
        unique = arena_printf(n->arena, "%.*s_%d", (int)MIN_OF(name.len, (size_t)TOOL_NAME_MAX - 4),
                              name.ptr, i);
    return unique;
}

static struct str add(struct tool_names *names, struct neutral *n, struct str client,
                      struct str sent)
{
    struct tool_name *t = ARENA_NEW(n->arena, struct tool_name);
    t->client = arena_str(n->arena, client); /* outlives the request's tree */
    t->sent = sent.ptr == client.ptr ? t->client : sent;
    if (names->last)
        names->last->next = t;
    else
        names->first = t;
    names->last = t;
    size_t client_bucket = bucket_of(t->client), sent_bucket = bucket_of(t->sent);
    t->next_client = names->by_client[client_bucket];
    names->by_client[client_bucket] = t;
    t->next_sent = names->by_sent[sent_bucket];
    names->by_sent[sent_bucket] = t;
    return t->sent;
}

struct str tool_names_send(struct tool_names *names, struct neutral *n, struct str client)
{
    const struct tool_name *known = find_client(names, client);
    if (known)
        return known->sent;
    if (is_fine(names, client) && !find_sent(names, client))
        return add(names, n, client, client);
    loss_report_note(n->losses, LOSS_KIND_RENAMED, STR("tools[].name"), client,
                     "the provider does not take this name");
    return add(names, n, client, invent(names, n, client));
}

void tool_names_fill(struct tool_names *names, struct neutral *n)
{
    for (struct tool *t = n->tools; t; t = t->next)
        if (is_fine(names, t->name))
            t->sent_name = tool_names_send(names, n, t->name);
    for (struct tool *t = n->tools; t; t = t->next)
        if (!t->sent_name.len)
            t->sent_name = tool_names_send(names, n, t->name);
}

/* Without "_" in front and without regard to case. */
static bool is_nearly(struct str a, struct str b)
{
    while (str_starts(a, STR("_")))
        a = str_from(a, 1);
    while (str_starts(b, STR("_")))
        b = str_from(b, 1);
    return a.len && str_equal_nocase(a, b);
}

static const struct tool_name *find_spoken(const struct tool_names *names, struct str sent)
{
    const struct tool_name *exact = find_sent(names, sent);
    if (!exact)
        exact = find_client(names, sent);
    for (const struct tool_name *t = names->first; t && !exact; t = t->next)
        if (is_nearly(t->sent, sent) || is_nearly(t->client, sent))
            exact = t;
    return exact;
}

bool tool_names_know(const struct tool_names *names, struct str sent)
{
    return find_spoken(names, sent) != NULL;
}

struct str tool_names_receive(const struct tool_names *names, struct str sent)
{
    const struct tool_name *known = find_spoken(names, sent);
    return known ? known->client : sent;
}

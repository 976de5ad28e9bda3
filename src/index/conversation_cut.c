/*
 * conversation_cut.c — cuts and facts of a body that goes on from another: what both hold is not
 * read again.
 */
#include "index/conversation_private.h"

#include "base/mem.h"

/* An element by itself is read between these. */
static const char excerpt_start[] = "{\"messages\":[0", excerpt_end[] = "]}";
enum { EXCERPT_START = sizeof excerpt_start - 1, EXCERPT_END = sizeof excerpt_end - 1 };

/* Room for elements of `messages` (from the second on: each begins with its comma), which are then read
 * by themselves. NULL: too many bytes. */
static char *excerpt_room(struct conversations *c, size_t len)
{
    struct buf *b = &c->excerpt;
    buf_clear(b);
    if (buf_reserve(b, EXCERPT_START + len + EXCERPT_END))
        return NULL;
    memcpy(b->ptr, excerpt_start, EXCERPT_START);
    memcpy(b->ptr + EXCERPT_START + len, excerpt_end, EXCERPT_END);
    b->len = EXCERPT_START + len + EXCERPT_END;
    return b->ptr + EXCERPT_START;
}

static bool read_excerpt(struct conversations *c, struct request_facts *facts)
{
    json_cut(buf_str(&c->excerpt), &c->arena, &c->excerpt_cuts, facts);
    return facts->flags == 0 && facts->message_count >= 1;
}

static void add_cut(struct json_cuts *cuts, struct json_cut cut)
{
    if (cuts->count == cuts->cap) {
        cuts->cap = cuts->cap ? cuts->cap * 2 : 64;
        cuts->list = mem_resize(cuts->list, cuts->cap * sizeof *cuts->list);
    }
    cuts->list[cuts->count++] = cut;
}

/* The excerpt's elements as cuts of the body, where they begin at `start`. False when they do
 * not fill [start, end). */
static bool add_excerpt_cuts(struct conversations *c, size_t start, size_t end)
{
    size_t at = start;
    for (size_t i = 0; i < c->excerpt_cuts.count && at < end; i++) {
        struct json_cut cut = c->excerpt_cuts.list[i];
        if (cut.start < EXCERPT_START)
            continue;
        cut.start = (uint32_t)(cut.start - EXCERPT_START + start);
        if (cut.kind != CUT_MESSAGE || cut.start != at)
            return false;
        add_cut(&c->cuts, cut);
        at += cut.len;
    }
    return at == end;
}

/* Which of the parent's elements of `messages` changed: cuts [first, last). */
struct changed {
    size_t first, last;
    size_t message;    /* the index of the first as a message */
    size_t start, end; /* bytes of the parent's body */
};

static bool find_changed(const struct match *m, struct changed *out)
{
    const struct turn *t = m->parent;
    const struct json_cut *list = t->cuts.list;
    size_t first = 0, last = t->cuts.count;
    while (first < last && list[first].kind != CUT_MESSAGE)
        first++;
    while (last > first && list[last - 1].kind != CUT_MESSAGE)
        last--;
    /* only what stands between messages and their end may differ */
    if (t->facts.flags || last == t->cuts.count || first + 1 >= last ||
        t->facts.message_count != (int64_t)(last - first) ||
        list[last].start < m->parent_bytes - m->suffix || list[first + 1].start > m->prefix)
        return false;
    size_t from = last;
    while (list[from].start > m->prefix)
        from--;
    *out = (struct changed){from, last, from - first, list[from].start, list[last].start};
    return true;
}

/* Cuts and facts of a body that differs from its parent only among its messages. */
static bool cut_changed(struct conversations *c, const struct match *m, struct str body,
                        struct request_facts *facts)
{
    struct changed ch;
    struct request_facts fresh;
    const struct turn *t = m->parent;
    if (!find_changed(m, &ch) || body.len < ch.start + (m->parent_bytes - ch.end))
        return false;
    size_t end = body.len - (m->parent_bytes - ch.end);
    char *elements = excerpt_room(c, end - ch.start);
    if (!elements)
        return false;
    memcpy(elements, body.ptr + ch.start, end - ch.start);
    if (!read_excerpt(c, &fresh))
        return false;
    c->cuts.count = 0;
    for (size_t i = 0; i < ch.first; i++)
        add_cut(&c->cuts, t->cuts.list[i]);
    if (!add_excerpt_cuts(c, ch.start, end))
        return false;
    for (size_t i = ch.last; i < t->cuts.count; i++) {
        struct json_cut cut = t->cuts.list[i];
        cut.start = (uint32_t)(cut.start + end - ch.end);
        add_cut(&c->cuts, cut);
    }
    *facts = t->facts;
    facts->model = arena_str(&c->arena, facts->model);
    facts->user_session_id = arena_str(&c->arena, facts->user_session_id);
    facts->project = arena_str(&c->arena, facts->project);
    facts->title = arena_str(&c->arena, facts->title);
    memcpy(facts->tool_errors, fresh.tool_errors, sizeof facts->tool_errors);
    facts->tool_error_count = fresh.tool_error_count;
    facts->message_count += fresh.message_count - 1 - (int64_t)(ch.last - ch.first);
    if (fresh.title.len) {
        facts->title = fresh.title;
        facts->title_message = ch.message + fresh.title_message - 1; /* the excerpt has one before */
        return true;
    }
    /* no text among the new messages: the title stays, unless it went with the old ones */
    return !facts->title.len || facts->title_message < ch.message;
}

void conversation_cut(struct conversations *c, const struct match *m, struct str body,
                      struct request_facts *facts)
{
    if (m->parent && cut_changed(c, m, body, facts))
        return;
    json_cut(body, &c->arena, &c->cuts, facts);
}

/* --- what the client has taken out of older messages --- */

/* Does the parent's message, which stands at `now` of the body, say what it said with its gaps? */
static bool says_the_same(struct conversations *c, const struct turn *t, size_t message,
                          const struct body_parts *body, const struct json_cut *now)
{
    struct request_facts facts;
    const struct message_chain *chain = &t->chain;
    char *bytes = excerpt_room(c, now->len);
    if (!bytes || message >= chain->count ||
        parts_copy(body, now->start, now->len, bytes) < now->len)
        return false;
    uint64_t hash = message_hash(str_make(bytes, now->len), c->packer->store->secret);
    if (hash_join(chain->list[message - 1], hash) != chain->list[message])
        return false;
    return t->facts.title_message != message ||
           (read_excerpt(c, &facts) && str_equal(facts.title, t->facts.title));
}

/* The parent's cuts without its gaps go to c->cuts. False when a gap is not inside of a message, or of
 * one of the first two, which may tell of the project, or in what is not all the same. */
static bool cut_gaps(struct conversations *c, const struct turn *t, const struct body_gaps *gaps,
                     const struct body_parts *body, size_t prefix)
{
    const struct body_gap *gap = gaps->list, *end_gap = gap + gaps->count;
    size_t gone = 0, message = 0;
    c->cuts.count = 0;
    for (size_t i = 0; i < t->cuts.count; i++) {
        struct json_cut cut = t->cuts.list[i];
        size_t end = (size_t)cut.start + cut.len, before = gone;
        for (; gap < end_gap && gap->at < end; gap++) {
            if (gap->at <= cut.start || gap->at + gap->len >= end || cut.kind != CUT_MESSAGE ||
                message < 2)
                return false;
            gone += gap->len;
        }
        cut.start -= (uint32_t)before;
        cut.len -= (uint32_t)(gone - before);
        if (gone > before &&
            ((size_t)cut.start + cut.len > prefix || !says_the_same(c, t, message, body, &cut)))
            return false;
        message += cut.kind == CUT_MESSAGE;
        add_cut(&c->cuts, cut);
    }
    return true;
}

void conversation_find_gaps(struct conversations *c, struct match *m, const struct body_parts *body)
{
    struct turn *t = m->parent;
    struct match closed = *m;
    if (!t || t->facts.flags)
        return;
    gaps_find(&closed.gaps, buf_str(&t->body), body, &closed.prefix);
    closed.parent_bytes -= gaps_bytes(&closed.gaps);
    closed.suffix =
        MIN_OF(m->suffix, MIN_OF(closed.parent_bytes, body->bytes) - closed.prefix);
    if (!closed.gaps.count || !holds_parent(&closed, body) ||
        !cut_gaps(c, t, &closed.gaps, body, closed.prefix))
        return;
    SWAP(struct json_cuts, t->cuts, c->cuts);
    if (t->mark.len > closed.gaps.list[0].at)
        t->mark.len = 0;
    *m = closed;
}

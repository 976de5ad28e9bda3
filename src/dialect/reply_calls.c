/*
 * reply_calls.c — tool calls: which call a piece belongs to, and one block open at a time.
 *
 * Providers number their calls, name them, do both or neither; some send a call in one piece, some
 * send the whole of it again and again. Pieces are gathered in slots. The first slot that is not
 * closed may stream; later ones wait for it.
 */
#include "dialect/reply.h"

#include <stdlib.h>

#include "base/mem.h"
#include "dialect/json_progress.h"
#include "dialect/json_tree.h"

enum {
    NAME_MAX_BYTES = 256, /* of a tool's name, as it comes */
    ID_MAX_BYTES = 256,
    OWN_ID_MIN = 8 /* bytes; a provider's id that is shorter is not unique for long */
};

struct call_slot {
    int64_t index; /* -1: none was given */
    struct str id; /* the provider's, in the arena */
    struct buf name, args;
    size_t sent;       /* bytes of args that the client has */
    size_t last_piece; /* where the newest piece begins in args */
    struct json_progress progress;
    struct text_joint joint;
    bool is_open, is_closed;
    bool is_doubtful; /* a piece repeated all before it: sent on only when that is understood */
    bool is_told_whole;
};

void reply_calls_release(struct reply *r)
{
    for (size_t i = 0; i < r->slot_count; i++) {
        buf_release(&r->slots[i].name);
        buf_release(&r->slots[i].args);
        text_joint_release(&r->slots[i].joint);
    }
    free(r->slots);
    r->slots = NULL;
    r->slot_count = r->slot_cap = 0;
}

int64_t reply_call_index(const struct reply *r, size_t slot)
{
    return r->slots[slot].index;
}

static struct call_slot *add_slot(struct reply *r, const struct call_piece *piece)
{
    if (r->slot_count == REPLY_CALLS_MAX) {
        loss_report_note(r->losses, LOSS_KIND_DROPPED, STR("answer.tool_calls"), piece->name,
                         "too many tool calls in one answer");
        return NULL;
    }
    if (r->slot_count == r->slot_cap) {
        r->slot_cap = r->slot_cap ? r->slot_cap * 2 : 4;
        r->slots = mem_resize(r->slots, r->slot_cap * sizeof *r->slots);
    }
    struct call_slot *s = &r->slots[r->slot_count++];
    *s = (struct call_slot){.index = piece->index};
    buf_init(&s->name, NAME_MAX_BYTES);
    buf_init(&s->args, REPLY_ARGS_MAX);
    text_joint_init(&s->joint);
    return s;
}

/* The call that a piece goes on with, or a new one: by id, else by number, else the last. */
static struct call_slot *find_slot(struct reply *r, const struct call_piece *piece)
{
    struct call_slot *last = r->slot_count ? &r->slots[r->slot_count - 1] : NULL;
    for (size_t i = r->slot_count; piece->id.len && i-- > 0;)
        if (str_equal(r->slots[i].id, str_head(piece->id, ID_MAX_BYTES)))
            return &r->slots[i];
    if (piece->index >= 0) {
        for (size_t i = r->slot_count; i-- > 0;)
            if (r->slots[i].index == piece->index) {
                bool is_other = piece->id.len && r->slots[i].id.len;
                return is_other ? add_slot(r, piece) : &r->slots[i];
            }
        return add_slot(r, piece);
    }
    bool is_new = !last || (piece->id.len && last->id.len) ||
                  (piece->name.len && (last->progress.is_done || last->is_told_whole));
    return is_new ? add_slot(r, piece) : last;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Names come whole, in pieces, or whole again in every chunk. */
static void add_name(struct call_slot *s, struct str name)
{
    bool is_late = s->is_open || s->args.len;
    if (!name.len || (s->name.len && (is_late || str_equal(buf_str(&s->name), name))))
        return;
    if (buf_append(&s->name, name))
        return; /* longer than any tool's name: what is there is enough to say which */
}

/* {} and then the real thing: the first was only how the provider began. */
static bool is_empty_object(struct str args)
{
    size_t n = 0;
    for (size_t i = 0; i < args.len; i++)
        if (!is_space(args.ptr[i])) {
            if (n >= 2 || args.ptr[i] != "{}"[n])
                return false;
            n++;
        }
    return n == 2;
}

static bool holds_more(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_space(text.ptr[i]))
            return true;
    return false;
}

static void add_args(struct reply *r, struct call_slot *s, struct str args)
{
    args = text_joint_feed(&s->joint, args);
    if (!args.len)
        return;
    struct str so_far = buf_str(&s->args);
    if (!s->sent && is_empty_object(so_far) && holds_more(args)) {
        buf_clear(&s->args);
        s->progress = (struct json_progress){0};
    } else if (so_far.len > 1 && args.len >= so_far.len && str_starts(args, so_far)) {
        s->is_doubtful = true;
    }
    s->last_piece = s->args.len;
    r->output_chars += (int64_t)args.len;
    if (s->progress.is_done && !s->is_doubtful) {
        if (holds_more(args))
            loss_report_note(r->losses, LOSS_KIND_DROPPED, STR("answer.tool_calls[].arguments"),
                             STR_NONE, "more came behind the end of the arguments");
        return;
    }
    struct buf escaped;
    buf_init(&escaped, REPLY_ARGS_MAX);
    if (!s->is_doubtful && json_progress_escape(&s->progress, args, &escaped))
        args = buf_str(&escaped);
    size_t own = s->is_doubtful ? args.len : json_progress_feed(&s->progress, args);
    if (buf_append(&s->args, str_head(args, own)))
        reply_fail_with(r, 502, "api_error", STR("The provider's tool call is too large."));
    buf_release(&escaped);
}

static struct str client_id(struct reply *r, const struct call_slot *s)
{
    bool is_usable = s->id.len >= OWN_ID_MIN && s->id.len <= 64;
    for (size_t i = 0; i < s->id.len && is_usable; i++) {
        char c = s->id.ptr[i];
        is_usable = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '_' || c == '-';
    }
    return is_usable ? s->id : reply_make_id(r, "toolu_", r->call_count + 1);
}

/* An object whose first member has begun: it can be passed on as it comes. */
static bool is_healthy(const struct call_slot *s)
{
    struct str args = buf_str(&s->args);
    size_t at = 0;
    while (at < args.len && is_space(args.ptr[at]))
        at++;
    if (at == args.len || args.ptr[at] != '{')
        return false;
    for (at++; at < args.len && is_space(args.ptr[at]);)
        at++;
    return at < args.len && args.ptr[at] == '"';
}

static void open_slot(struct reply *r, struct call_slot *s)
{
    struct str name = buf_str(&s->name);
    if (s->is_open)
        return;
    name = name.len ? tool_names_receive(r->names, name)
                    : arena_printf(r->arena, "tool_%zu", (size_t)(s - r->slots));
    reply_close(r);
    reply_open(r, PART_TOOL, client_id(r, s), arena_str(r->arena, name));
    s->is_open = true;
    r->call_count++;
}

static void send_args(struct reply *r, struct call_slot *s, struct str args)
{
    reply_delta(r, str_from(args, s->sent));
    s->sent = args.len;
}

/* What of the first open call can go out now. */
static void pump(struct reply *r)
{
    struct call_slot *s = r->head < r->slot_count ? &r->slots[r->head] : NULL;
    while (s && s->is_closed)
        s = ++r->head < r->slot_count ? &r->slots[r->head] : NULL;
    if (!s || !s->name.len || s->is_doubtful || !is_healthy(s))
        return;
    open_slot(r, s);
    send_args(r, s, buf_str(&s->args));
}

/* The last piece alone, where pieces were the whole again and again. */
static bool take_snapshot(struct reply *r, struct call_slot *s)
{
    struct str all = buf_str(&s->args), sent = str_head(all, s->sent);
    struct str last = str_from(all, s->last_piece);
    struct str *which = json_is_object(all) ? &all : json_is_object(last) ? &last : NULL;
    if (!which || !str_starts(*which, sent))
        return false;
    send_args(r, s, *which);
    return true;
}

/* The brackets that are missing at the end of the arguments. False: with them they are still no
 * object. */
static bool complete_args(const struct call_slot *s, struct buf *missing)
{
    struct buf all;
    if (!s->progress.is_done && !json_progress_complete(&s->progress, missing))
        return false;
    if (!missing->len)
        return json_is_object(buf_str(&s->args));
    buf_init(&all, SIZE_MAX / 2);
    bool is_object = !buf_append(&all, buf_str(&s->args)) && !buf_append(&all, buf_str(missing)) &&
                     json_is_object(buf_str(&all));
    buf_release(&all);
    return is_object;
}

/* Sends what is left of the arguments. False: they are no JSON, and the client has the beginning. */
static bool finish_args(struct reply *r, struct call_slot *s)
{
    struct buf fixed;
    bool is_fine = true;
    buf_init(&fixed, REPLY_ARGS_MAX);
    if (s->is_doubtful && take_snapshot(r, s))
        return true;
    if (s->is_doubtful) { /* neither: one text after all, whole or not */
        s->progress = (struct json_progress){0};
        s->args.len = MAX_OF(s->sent, json_progress_feed(&s->progress, buf_str(&s->args)));
    }
    if (s->sent || is_healthy(s)) {
        is_fine = r->finish == FINISH_LENGTH || complete_args(s, &fixed);
        if (is_fine) {
            send_args(r, s, buf_str(&s->args));
            reply_delta(r, buf_str(&fixed));
        }
    } else if (json_args_repair(buf_str(&s->args), &fixed)) {
        if (!is_empty_object(buf_str(&fixed)))
            reply_delta(r, buf_str(&fixed));
    } else {
        loss_report_note(r->losses, LOSS_KIND_DROPPED, STR("answer.tool_calls[].arguments"),
                         buf_str(&s->args), "no JSON object could be made of them");
    }
    buf_release(&fixed);
    return is_fine;
}

/* Nothing of it ever came: no call. */
static bool is_nothing(const struct call_slot *s)
{
    return !s->name.len && !s->id.len && !s->args.len;
}

/* Has all come that it needs to be closed before the answer ends? */
static bool is_complete(const struct call_slot *s)
{
    return s->name.len && (s->is_told_whole || (s->progress.is_done && !s->is_doubtful));
}

static void fail_incomplete(struct reply *r)
{
    reply_fail_with(r, 502, "api_error",
                    STR("The provider's tool call was incomplete: its arguments are no JSON."));
}

bool reply_calls_close(struct reply *r, bool is_end)
{
    for (; r->head < r->slot_count; r->head++) {
        struct call_slot *s = &r->slots[r->head];
        if (s->is_closed)
            continue;
        if (!is_end && !is_complete(s) && !is_nothing(s))
            return false;
        if (!is_end && is_nothing(s))
            return true; /* it may still come */
        if (is_nothing(s)) {
            s->is_closed = true;
            continue;
        }
        open_slot(r, s);
        bool is_fine = finish_args(r, s);
        reply_close(r);
        s->is_closed = true;
        if (!is_fine) {
            fail_incomplete(r);
            return false;
        }
    }
    return true;
}

void reply_call(struct reply *r, const struct call_piece *piece)
{
    if (r->is_over || r->is_satisfied)
        return;
    reply_start(r);
    reply_flush_text(r);
    struct call_slot *s = find_slot(r, piece);
    if (!s || r->is_satisfied)
        return;
    if (s->is_closed) {
        if (piece->args.len)
            loss_report_note(r->losses, LOSS_KIND_DROPPED, STR("answer.tool_calls[].arguments"),
                             STR_NONE, "they came after the call was complete");
        return;
    }
    if (piece->id.len && !s->id.len)
        s->id = arena_str(r->arena, str_head(piece->id, ID_MAX_BYTES));
    add_name(s, piece->name);
    add_args(r, s, piece->args);
    s->is_told_whole |= piece->is_whole;
    if (r->is_over)
        return;
    /* Earlier calls that are complete make way for this one. */
    while (r->head + 1 < r->slot_count && is_complete(&r->slots[r->head])) {
        struct call_slot *first = &r->slots[r->head];
        open_slot(r, first);
        bool is_fine = finish_args(r, first);
        reply_close(r);
        first->is_closed = true;
        r->head++;
        if (!is_fine) {
            fail_incomplete(r);
            return;
        }
    }
    pump(r);
}

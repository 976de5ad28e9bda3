/*
 * stream_fold.c — a streamed answer without what its events repeat.
 *
 * Folded form: the strings, the other bytes and the lengths of events, each behind its own length;
 * then steps to the end. A step is `count * 4 + kind`, and does what its kind says.
 */
#include "record/stream_fold.h"

#include "base/wire.h"

enum step {
    STEP_AS_IT_IS,  /* so many of the other bytes */
    STEP_NEW_SHAPE, /* lengths of head and tail follow, which stand in the other bytes; events of it */
    STEP_SAME_SHAPE /* events of the shape there was last */
};

enum { SHAPE_BYTES_MIN = 16, FOLD_BYTES_MIN = 256 };

/* What events have in common. */
struct shape {
    struct str head, tail;
};

/* Where chunks end. */
struct chunk_ends {
    const struct chunk_mark *marks;
    size_t left;
    uint64_t end;
};

static uint64_t end_after(struct chunk_ends *c, uint64_t at)
{
    while (c->end <= at && c->left) {
        c->end += (uint64_t)c->marks->bytes;
        c->marks++;
        c->left--;
    }
    return c->end;
}

/* --- folding --- */

struct folding {
    struct str body;
    size_t at;
    struct chunk_ends ends;
    struct shape shape;
    struct buf texts, rest, lengths, steps;
    uint64_t count; /* of the step being made */
    enum step step;
    bool is_full;
};

static void put(struct folding *f, struct buf *to, struct str bytes)
{
    f->is_full |= buf_append(to, bytes) != ERR_OK;
}

static void put_number(struct folding *f, struct buf *to, uint64_t number)
{
    f->is_full |= wire_put_varint(to, number) != ERR_OK;
}

static void end_step(struct folding *f)
{
    if (!f->count)
        return;
    put_number(f, &f->steps, f->count << 2 | f->step);
    if (f->step == STEP_NEW_SHAPE) {
        put_number(f, &f->steps, f->shape.head.len);
        put_number(f, &f->steps, f->shape.tail.len);
    }
    f->count = 0;
}

/* Through the empty line that ends it. */
static struct str event_at(struct str body, size_t at)
{
    for (size_t end = at; end < body.len;) {
        const char *line = memchr(body.ptr + end, '\n', body.len - end);
        if (!line)
            break;
        end = (size_t)(line - body.ptr) + 1;
        if (end < body.len && body.ptr[end] == '\n')
            return str_make(body.ptr + at, end + 1 - at);
    }
    return str_from(body, at);
}

static bool fits(const struct shape *s, struct str event)
{
    return s->head.len && event.len >= s->head.len + s->tail.len && str_starts(event, s->head) &&
           str_ends(event, s->tail);
}

/* Cuts `event` where a string begins that its neighbour may have otherwise. */
static bool find_shape(struct str event, struct str neighbour, struct shape *out)
{
    size_t same = 0, max = MIN_OF(event.len, neighbour.len);
    while (same < max && event.ptr[same] == neighbour.ptr[same])
        same++;
    while (same >= 3 && memcmp(event.ptr + same - 3, "\":\"", 3) != 0)
        same--;
    if (same < 3)
        return false;
    size_t text_len = str_find(str_from(event, same), '"');
    struct shape s = {str_head(event, same), str_from(event, same + text_len)};
    if (s.head.len + s.tail.len < SHAPE_BYTES_MIN || !fits(&s, neighbour))
        return false;
    *out = s;
    return true;
}

static void add_as_it_is(struct folding *f, struct str event)
{
    if (f->step != STEP_AS_IT_IS)
        end_step(f);
    f->step = STEP_AS_IT_IS;
    f->count += event.len;
    put(f, &f->rest, event);
}

static void add_of_shape(struct folding *f, struct str event)
{
    const struct shape *s = &f->shape;
    if (f->step == STEP_AS_IT_IS) {
        end_step(f);
        f->step = STEP_SAME_SHAPE;
    }
    size_t text_len = event.len - s->head.len - s->tail.len;
    bool is_told = end_after(&f->ends, f->at) == f->at + event.len;
    f->count++;
    put_number(f, &f->lengths, is_told ? 0 : text_len + 1);
    put(f, &f->texts, str_make(event.ptr + s->head.len, text_len));
}

static void fold_event(struct folding *f)
{
    struct str event = event_at(f->body, f->at);
    struct shape new;
    if (fits(&f->shape, event)) {
        add_of_shape(f, event);
    } else if (find_shape(event, event_at(f->body, f->at + event.len), &new)) {
        end_step(f);
        f->shape = new;
        f->step = STEP_NEW_SHAPE;
        put(f, &f->rest, new.head);
        put(f, &f->rest, new.tail);
        add_of_shape(f, event);
    } else {
        add_as_it_is(f, event);
    }
    f->at += event.len;
}

static bool put_all(struct folding *f, struct buf *out)
{
    struct buf *const parts[] = {&f->texts, &f->rest, &f->lengths};
    enum err err = ERR_OK;
    for (size_t i = 0; i < COUNT_OF(parts) && !err; i++)
        err = wire_put_bytes(out, buf_str(parts[i]));
    return !err && buf_append(out, buf_str(&f->steps)) == ERR_OK;
}

bool stream_fold(struct str body, const struct chunk_mark *marks, size_t mark_count,
                 struct buf *out)
{
    if (body.len < FOLD_BYTES_MIN)
        return false;
    struct folding f = {.body = body, .ends = {marks, mark_count, 0}};
    struct buf *const parts[] = {&f.texts, &f.rest, &f.lengths, &f.steps};
    size_t before = out->len, most = body.len / 4 * 3;
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        buf_init(parts[i], most);
    while (f.at < body.len && !f.is_full)
        fold_event(&f);
    end_step(&f);
    bool is_done = !f.is_full && put_all(&f, out) && out->len - before <= most;
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        buf_release(parts[i]);
    if (!is_done)
        out->len = before;
    return is_done;
}

/* --- unfolding --- */

struct unfolding {
    struct wire_reader texts, rest, lengths, steps;
    struct chunk_ends ends;
    struct shape shape;
    struct buf *out;
    size_t before; /* what was in `out` */
};

static enum err put_event(struct unfolding *u)
{
    const struct shape *s = &u->shape;
    uint64_t at = u->out->len - u->before, code = wire_get_varint(&u->lengths);
    uint64_t text_len = code ? code - 1 : end_after(&u->ends, at) - at - s->head.len - s->tail.len;
    if (u->lengths.bad || text_len > u->texts.rest.len)
        return ERR_CORRUPT;
    const struct str parts[] = {s->head, wire_get_exactly(&u->texts, (size_t)text_len), s->tail};
    enum err err = ERR_OK;
    for (size_t i = 0; i < COUNT_OF(parts) && !err; i++)
        err = buf_append(u->out, parts[i]);
    return err;
}

static enum err do_step(struct unfolding *u)
{
    uint64_t head = wire_get_varint(&u->steps), count = head >> 2;
    enum err err = ERR_OK;
    switch ((enum step)(head & 3)) {
    case STEP_AS_IT_IS:
        if (u->steps.bad || count > u->rest.rest.len)
            return ERR_CORRUPT;
        return buf_append(u->out, wire_get_exactly(&u->rest, (size_t)count));
    case STEP_NEW_SHAPE: {
        size_t head_len = (size_t)wire_get_varint(&u->steps);
        size_t tail_len = (size_t)wire_get_varint(&u->steps);
        u->shape.head = wire_get_exactly(&u->rest, head_len);
        u->shape.tail = wire_get_exactly(&u->rest, tail_len);
        break;
    }
    case STEP_SAME_SHAPE:
        break;
    default:
        return ERR_CORRUPT;
    }
    if (u->steps.bad || u->rest.bad || count > u->lengths.rest.len)
        return ERR_CORRUPT;
    for (uint64_t i = 0; i < count && !err; i++)
        err = put_event(u);
    return err;
}

enum err stream_unfold(struct str folded, const struct chunk_mark *marks, size_t mark_count,
                       struct buf *out)
{
    struct unfolding u = {.steps = {folded, false}, .ends = {marks, mark_count, 0}, .out = out,
                          .before = out->len};
    u.texts.rest = wire_get_bytes(&u.steps);
    u.rest.rest = wire_get_bytes(&u.steps);
    u.lengths.rest = wire_get_bytes(&u.steps);
    enum err err = u.steps.bad ? ERR_CORRUPT : ERR_OK;
    while (!err && u.steps.rest.len)
        err = do_step(&u);
    if (!err && (u.texts.rest.len || u.rest.rest.len || u.lengths.rest.len))
        err = ERR_CORRUPT;
    return err;
}

/*
 * frame.c — the journal's format: what is remembered, as bytes. No files here.
 */
#include "journal/frame.h"

#include "base/crc32c.h"
#include "base/wire.h"

enum { MAGIC = 0x4a504343 /* "CCPJ" */, CRC_AT = FRAME_HEAD_BYTES - 4 };

static const char segment_magic[8] = {'C', 'C', 'P', 'S', 'E', 'G', '0', '1'};

/* The other order of bytes, where the machine's is not ours. */
static inline uint64_t little_endian(uint64_t value)
{
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? value : __builtin_bswap64(value);
}

static inline void put_le(char *out, uint64_t value, size_t bytes)
{
    value = little_endian(value);
    memcpy(out, &value, bytes);
}

static inline uint64_t get_le(const char *in, size_t bytes)
{
    uint64_t value = 0;
    memcpy(&value, in, bytes);
    return little_endian(value);
}

const char *ending_name(enum ending ending)
{
    switch (ending) {
    case ENDING_RUNNING:
        return "running";
#define ENDING(number, NAME, name)                                                                 \
    case ENDING_##NAME:                                                                            \
        return name;
#include "journal/ending.def"
#undef ENDING
    }
    return "unknown";
}

bool ending_parse(struct str name, enum ending *out)
{
    for (int i = 0; i <= ENDING_PROXY_CRASH; i++)
        if (str_equal(name, str_of(ending_name((enum ending)i)))) {
            *out = (enum ending)i;
            return true;
        }
    return false;
}

void frame_write_head(char out[FRAME_HEAD_BYTES], const struct frame *f, struct str part1,
                      struct str part2)
{
    put_le(out, MAGIC, 4);
    put_le(out + 4, part1.len + part2.len, 4);
    out[8] = (char)f->type;
    out[9] = (char)f->flags;
    put_le(out + 10, 0, 2);
    put_le(out + 12, f->seq, 4);
    memcpy(out + 16, f->id.bytes, 16);
    put_le(out + 32, f->mono_ns, 8);
    uint32_t crc = crc32c(0, str_make(out, CRC_AT));
    crc = crc32c(crc, part1);
    put_le(out + CRC_AT, crc32c(crc, part2), 4);
}

size_t frame_head_read(const char in[FRAME_HEAD_BYTES], struct frame *frame)
{
    frame->type = (enum frame_type)in[8];
    frame->flags = (uint8_t)in[9];
    frame->seq = (uint32_t)get_le(in + 12, 4);
    memcpy(frame->id.bytes, in + 16, 16);
    frame->mono_ns = get_le(in + 32, 8);
    frame->payload = STR_NONE;
    return (size_t)get_le(in + 4, 4);
}

enum frame_found frame_read(struct str bytes, bool verify, struct frame *frame, size_t *used)
{
    const char *in = bytes.ptr;
    if (bytes.len >= 4 && get_le(in, 4) == 0)
        return FRAME_NONE;
    if (bytes.len < FRAME_HEAD_BYTES)
        return FRAME_SHORT;
    uint64_t len = get_le(in + 4, 4);
    uint8_t type = (uint8_t)in[8];
    if (get_le(in, 4) != MAGIC || len > FRAME_PAYLOAD_MAX || type < FRAME_BEGIN || type > FRAME_END)
        return FRAME_DAMAGED;
    if (len > bytes.len - FRAME_HEAD_BYTES)
        return FRAME_SHORT;
    frame_head_read(in, frame);
    frame->payload = str_make(in + FRAME_HEAD_BYTES, (size_t)len);
    if (verify) {
        uint32_t crc = crc32c(crc32c(0, str_make(in, CRC_AT)), frame->payload);
        if (crc != get_le(in + CRC_AT, 4))
            return FRAME_DAMAGED;
    }
    *used = FRAME_HEAD_BYTES + (size_t)len;
    return FRAME_WHOLE;
}

size_t frame_resync(struct str bytes)
{
    char magic[4];
    put_le(magic, MAGIC, 4);
    for (size_t at = 1; at + sizeof magic <= bytes.len; at++) {
        const char *c = memchr(bytes.ptr + at, magic[0], bytes.len - at);
        if (!c)
            break;
        at = (size_t)(c - bytes.ptr);
        if (at + sizeof magic <= bytes.len && memcmp(c, magic, sizeof magic) == 0)
            return at;
    }
    return bytes.len;
}

/* One payload is a row of numbers and byte strings; the first failure is kept. */
struct put {
    struct buf *out;
    enum err err;
};

static void put_number(struct put *p, uint64_t value)
{
    if (!p->err)
        p->err = wire_put_varint(p->out, value);
}

static void put_bytes(struct put *p, struct str bytes)
{
    if (!p->err)
        p->err = wire_put_bytes(p->out, bytes);
}

enum err frame_begin_write(struct buf *out, const struct frame_begin *b)
{
    struct put p = {out, ERR_OK};
    put_number(&p, wire_zigzag(b->wall_us));
    put_bytes(&p, b->client_addr);
    put_bytes(&p, b->provider);
    put_bytes(&p, b->head);
    return p.err;
}

enum err frame_begin_read(struct str payload, struct frame_begin *b)
{
    struct wire_reader r = {payload, false};
    b->wall_us = wire_unzigzag(wire_get_varint(&r));
    b->client_addr = wire_get_bytes(&r);
    b->provider = wire_get_bytes(&r);
    b->head = wire_get_bytes(&r);
    return r.bad ? ERR_CORRUPT : ERR_OK;
}

static void put_decision(struct put *p, const struct frame_decision *d)
{
    const struct str texts[] = {d->class, d->class_by, d->agent, d->agent_by, d->rule, d->target};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        put_bytes(p, texts[i]);
    put_number(p, (d->is_shadow ? 1u : 0u) | (d->is_background ? 2u : 0u));
}

static void get_decision(struct wire_reader *r, struct frame_decision *d)
{
    struct str *const texts[] = {&d->class, &d->class_by, &d->agent,
                                 &d->agent_by, &d->rule, &d->target};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        *texts[i] = wire_get_bytes(r);
    uint64_t flags = wire_get_varint(r);
    d->is_shadow = flags & 1;
    d->is_background = flags & 2;
}

enum err frame_resp_head_write(struct buf *out, const struct frame_resp_head *h)
{
    struct put p = {out, ERR_OK};
    put_bytes(&p, h->head);
    put_bytes(&p, h->upstream_addr);
    put_number(&p, (h->is_ours ? 1u : 0u) | (h->is_reused ? 2u : 0u) |
                       (h->is_translated ? 4u : 0u) | (h->is_demoted ? 8u : 0u));
    put_number(&p, h->connect_us);
    put_number(&p, h->sent_us);
    bool is_decided = h->decision.class.len || h->decision.rule.len;
    if (h->provider.len || is_decided) {
        put_bytes(&p, h->provider);
        put_bytes(&p, h->model);
    }
    if (is_decided)
        put_decision(&p, &h->decision);
    return p.err;
}

enum err frame_resp_head_read(struct str payload, struct frame_resp_head *h)
{
    struct wire_reader r = {payload, false};
    h->head = wire_get_bytes(&r);
    h->upstream_addr = wire_get_bytes(&r);
    uint64_t flags = wire_get_varint(&r);
    h->is_ours = flags & 1;
    h->is_reused = flags & 2;
    h->is_translated = flags & 4;
    h->is_demoted = flags & 8;
    h->connect_us = wire_get_varint(&r);
    h->sent_us = wire_get_varint(&r);
    h->provider = r.rest.len ? wire_get_bytes(&r) : STR_NONE;
    h->model = r.rest.len ? wire_get_bytes(&r) : STR_NONE;
    h->decision = (struct frame_decision){0};
    if (r.rest.len)
        get_decision(&r, &h->decision);
    return r.bad ? ERR_CORRUPT : ERR_OK;
}

enum err frame_end_write(struct buf *out, const struct frame_end *e)
{
    struct put p = {out, ERR_OK};
    put_number(&p, (uint64_t)e->ending);
    put_bytes(&p, e->error);
    put_bytes(&p, e->detail);
    put_number(&p, e->request_bytes);
    put_number(&p, e->response_bytes);
    put_number(&p, e->client_bytes);
    if (e->losses.len || e->tried.len)
        put_bytes(&p, e->losses);
    if (e->tried.len)
        put_bytes(&p, e->tried);
    return p.err;
}

enum err frame_end_read(struct str payload, struct frame_end *e)
{
    struct wire_reader r = {payload, false};
    uint64_t ending = wire_get_varint(&r);
    e->ending = (enum ending)ending;
    e->error = wire_get_bytes(&r);
    e->detail = wire_get_bytes(&r);
    e->request_bytes = wire_get_varint(&r);
    e->response_bytes = wire_get_varint(&r);
    e->client_bytes = wire_get_varint(&r);
    e->losses = r.rest.len ? wire_get_bytes(&r) : STR_NONE;
    e->tried = r.rest.len ? wire_get_bytes(&r) : STR_NONE;
    if (ending < ENDING_COMPLETE || ending > ENDING_PROXY_CRASH)
        return ERR_CORRUPT;
    return r.bad ? ERR_CORRUPT : ERR_OK;
}

void segment_head_write(char out[SEGMENT_HEAD_BYTES], const struct segment_head *h)
{
    memset(out, 0, SEGMENT_HEAD_BYTES);
    memcpy(out, segment_magic, 8);
    memcpy(out + 8, h->boot.bytes, 16);
    put_le(out + 24, h->worker, 4);
    put_le(out + 32, h->number, 8);
    put_le(out + 40, (uint64_t)h->wall_us, 8);
    put_le(out + 48, h->mono_ns, 8);
    put_le(out + 60, crc32c(0, str_make(out, 60)), 4);
}

enum err segment_head_read(struct str bytes, struct segment_head *h)
{
    if (bytes.len < SEGMENT_HEAD_BYTES || memcmp(bytes.ptr, segment_magic, 8) != 0)
        return ERR_CORRUPT;
    const char *in = bytes.ptr;
    if (crc32c(0, str_make(in, 60)) != get_le(in + 60, 4))
        return ERR_CORRUPT;
    memcpy(h->boot.bytes, in + 8, 16);
    h->worker = (uint32_t)get_le(in + 24, 4);
    h->number = get_le(in + 32, 8);
    h->wall_us = (int64_t)get_le(in + 40, 8);
    h->mono_ns = get_le(in + 48, 8);
    return ERR_OK;
}

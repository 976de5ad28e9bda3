/*
 * uuid.c — UUID version 7: 48 bits of milliseconds, 12 bits within the millisecond that
 * keep one process's ids in order, 62 bits of chance.
 */
#include "base/uuid.h"

#include <stdatomic.h>
#include <uv.h>

#include "base/clock.h"
#include "base/hex.h"

/* Chance is drawn in one system call for many ids; each thread has its own stock. */
static _Thread_local struct {
    uint8_t bytes[512];
    size_t left;
} stock;

/* milliseconds << 12 | counter of the last id made by this process */
static atomic_uint_least64_t last_stamp;

static void draw(uint8_t *out, size_t count)
{
    if (stock.left < count) {
        int err = uv_random(NULL, NULL, stock.bytes, sizeof stock.bytes, 0, NULL);
        assert(err == 0);
        (void)err;
        stock.left = sizeof stock.bytes;
    }
    stock.left -= count;
    memcpy(out, stock.bytes + stock.left, count);
}

static uint64_t next_stamp(void)
{
    int64_t now_us = clock_wall_us();
    uint64_t now = ((uint64_t)(now_us / 1000) << 12) | ((uint64_t)(now_us % 1000) * 4);
    uint64_t last = atomic_load_explicit(&last_stamp, memory_order_relaxed);
    uint64_t next;
    do {
        next = now > last ? now : last + 1;
    } while (!atomic_compare_exchange_weak(&last_stamp, &last, next));
    return next;
}

static void put_millis(uint8_t *bytes, uint64_t ms)
{
    for (int i = 0; i < 6; i++)
        bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
}

struct uuid uuid_new(void)
{
    struct uuid id;
    uint64_t stamp = next_stamp();
    put_millis(id.bytes, stamp >> 12);
    id.bytes[6] = (uint8_t)(0x70 | ((stamp >> 8) & 0x0f));
    id.bytes[7] = (uint8_t)stamp;
    draw(id.bytes + 8, 8);
    id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 0x3f));
    return id;
}

struct uuid uuid_floor(int64_t wall_us)
{
    struct uuid id = {{0}};
    put_millis(id.bytes, wall_us > 0 ? (uint64_t)(wall_us / 1000) : 0);
    return id;
}

char *uuid_format(const struct uuid *id, char out[UUID_TEXT])
{
    char *at = out;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        hex_write(at, &id->bytes[i], 1);
        at += 2;
    }
    *at = '\0';
    return out;
}

bool uuid_parse(struct str text, struct uuid *id)
{
    if (text.len != UUID_TEXT - 1)
        return false;
    const char *at = text.ptr;
    for (int i = 0; i < 16; i++) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && *at++ != '-')
            return false;
        if (!hex_read(str_make(at, 2), &id->bytes[i], 1))
            return false;
        at += 2;
    }
    return true;
}

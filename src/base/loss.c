/*
 * loss.c — what is missing from the record, counted by reason.
 */
#include "base/loss.h"

#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

static const uint64_t log_every_ns = UINT64_C(60) * 1000000000;

static const struct loss_info infos[LOSSES] = {
#define LOSS(NAME, name, effect, unit, text) {name, effect, unit, text},
#include "base/loss.def"
#undef LOSS
};

static struct {
    atomic_uint_least64_t count, before;
    atomic_int_least64_t last_us;
    atomic_uint_least64_t logged_ns;    /* when the last line came; 0: never */
    atomic_uint_least64_t logged_count; /* what it had counted */
} counters[LOSSES];

/* One thread at a time gets to write the line; the others are counted in the next one. */
static bool may_log(enum loss l, uint64_t now_ns)
{
    uint64_t last_ns = atomic_load(&counters[l].logged_ns);
    if (last_ns && now_ns - last_ns < log_every_ns)
        return false;
    return atomic_compare_exchange_strong(&counters[l].logged_ns, &last_ns, MAX_OF(now_ns, 1));
}

static void write_line(enum loss l, const char *detail)
{
    const struct loss_info *info = &infos[l];
    bool is_lost = !strcmp(info->effect, "lost");
    uint64_t total = atomic_load(&counters[l].count);
    uint64_t fresh = total - atomic_exchange(&counters[l].logged_count, total);
    const struct log_pair pairs[] = {LOG_C("loss", info->name), LOG_N(info->unit, fresh),
                                     LOG_N("since_start", total), LOG_C("cause", detail)};
    bool has_cause = detail && *detail;
    log_write(is_lost ? LOG_ERROR : LOG_WARN, info->text, pairs, COUNT_OF(pairs) - !has_cause);
}

bool loss_note_at(enum loss l, uint64_t count, const char *detail, uint64_t now_ns)
{
    if (!count)
        return false;
    atomic_fetch_add(&counters[l].count, count);
    atomic_store(&counters[l].last_us, clock_wall_us());
    if (!may_log(l, now_ns))
        return false;
    write_line(l, detail);
    return true;
}

void loss_note(enum loss l, uint64_t count, const char *detail)
{
    loss_note_at(l, count, detail, clock_mono_ns());
}

bool loss_log_rest_at(uint64_t now_ns)
{
    bool has_logged = false;
    for (int l = 0; l < LOSSES; l++) {
        bool has_news = atomic_load(&counters[l].count) != atomic_load(&counters[l].logged_count);
        if (!has_news || !may_log((enum loss)l, now_ns))
            continue;
        write_line((enum loss)l, NULL);
        has_logged = true;
    }
    return has_logged;
}

void loss_log_rest(void)
{
    loss_log_rest_at(clock_mono_ns());
}

const struct loss_info *loss_info(enum loss l)
{
    return &infos[l];
}

struct loss_count loss_read(enum loss l)
{
    return (struct loss_count){
        .since_start = atomic_load(&counters[l].count),
        .before = atomic_load(&counters[l].before),
        .last_us = atomic_load(&counters[l].last_us),
    };
}

void loss_restore(enum loss l, uint64_t before, int64_t last_us)
{
    int64_t never = 0;
    atomic_store(&counters[l].before, before);
    atomic_compare_exchange_strong(&counters[l].last_us, &never, last_us);
}

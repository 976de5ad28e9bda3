/*
 * loss.h — what is missing from the record, counted by reason: the one table behind the log, the
 * API and the dashboard's banner. Nothing is lost without a reason from loss.def.
 *
 * The counts are the process's; who keeps them beyond that is keeper.c.
 */
#ifndef BASE_LOSS_H
#define BASE_LOSS_H

#include "base/base.h"

enum loss {
#define LOSS(NAME, name, effect, unit, text) LOSS_##NAME,
#include "base/loss.def"
#undef LOSS
    LOSSES
};

struct loss_info {
    const char *name, *effect, *unit, *text;
};

struct loss_count {
    uint64_t since_start;
    uint64_t before;  /* by earlier processes, as far as they could write it down */
    int64_t last_us;  /* wall clock; 0: never */
};

/* Any thread. Counts, and logs: at once, but not more often than once a minute for each reason.
 * `detail` says more in the log; may be NULL. */
void loss_note(enum loss l, uint64_t count, const char *detail);
/* Any thread. Logs what was counted since a reason's last line, if that is a minute old. */
void loss_log_rest(void);

const struct loss_info *loss_info(enum loss l);
struct loss_count loss_read(enum loss l);
/* What earlier processes counted. */
void loss_restore(enum loss l, uint64_t before, int64_t last_us);

/* For tests: as loss_note() and loss_log_rest() at another time. True when a line was logged. */
bool loss_note_at(enum loss l, uint64_t count, const char *detail, uint64_t now_ns);
bool loss_log_rest_at(uint64_t now_ns);

#endif

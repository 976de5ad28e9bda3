/*
 * verify.h — does every body come back as it was relayed? Each is put together from what is stored,
 * and its hash compared with the one that was taken when it was recorded.
 */
#ifndef STORE_VERIFY_H
#define STORE_VERIFY_H

#include "base/buf.h"
#include "store/store.h"

enum {
    VERIFY_STEP_ROWS = 64,     /* in one step */
    VERIFY_BODY_MAX = 1 << 30  /* longer ones are not put together */
};

struct verify_counts {
    uint64_t requests; /* looked at */
    uint64_t bodies;   /* that came back whole */
    uint64_t bytes;    /* of these */
    uint64_t aged_out; /* requests that have outlived their bodies */
    uint64_t damaged;  /* bodies that did not come back */
    uint64_t too_long; /* bodies past VERIFY_BODY_MAX */
};

/* A body that did not come back, and why. */
typedef void verify_damage_fn(const struct uuid *id, enum body_side side, const char *why,
                              void *owner);

struct verify {
    struct store_reader *reader;
    verify_damage_fn *on_damage;
    void *owner;
    struct uuid after, until;
    bool has_begun;
    struct buf body;
    struct verify_counts counts;
};

void verify_init(struct verify *v, struct store_reader *r, verify_damage_fn *on_damage,
                 void *owner);
void verify_release(struct verify *v);
/* The next requests, oldest first; those recorded meanwhile are not looked at. False in `*more`:
 * that was all. Damaged bodies are no failure. */
enum err verify_step(struct verify *v, bool *more, struct fail *f) MUST_CHECK;

#endif

/*
 * reserve.h — room on the disk that is given up when there is no other: so that things can be
 * deleted on a full disk, where deleting needs room itself.
 *
 * A file of the data folder, made while there is plenty of room. All functions: any thread.
 */
#ifndef RESERVE_H
#define RESERVE_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

enum {
    RESERVE_SHARE = 8,           /* of what is free it takes one such part at most */
    RESERVE_MIN_BYTES = 1 << 20, /* less would help nobody */
    RESERVE_REST_S = 60 /* once given up, it is not made again sooner */
};

struct reserve {
    char *path;
    int64_t bytes; /* wanted, where there is room for it; 0: none */
    uv_mutex_t mutex;
    uint64_t spent_ns; /* when it was last given up; 0: never */
};

void reserve_init(struct reserve *r, const char *data_dir, int64_t bytes);
void reserve_release(struct reserve *r); /* the file stays */
/* Makes it, as large as is wanted or there is room for; a small one is made larger when there is
 * more. */
void reserve_fill(struct reserve *r);
/* Gives it up. False: there was none. */
bool reserve_spend(struct reserve *r);
int64_t reserve_held_bytes(const struct reserve *r);
/* Bytes free on its disk; -1: nobody knows. */
int64_t reserve_free_bytes(const struct reserve *r);

#endif

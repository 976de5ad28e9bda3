/*
 * transcript_reader.c — the walk, the list of what is known, and one file at a time. What stands
 * in a line is record/transcript_line.c's.
 */
#include "transcript/transcript_reader.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loss.h"
#include "base/mem.h"
#include "transcript/transcript_file.h"
#include "transcript/transcript_folder.h"

enum { ENTRIES_PER_STEP = 200 };

static const uint64_t look_again_ns = UINT64_C(1000000000);
static const uint64_t look_for_folder_ns = UINT64_C(10000000000);
static const uint64_t after_failure_ns = UINT64_C(5000000000);
static const uint64_t share_of_time = 200; /* a walk is followed by so many times as long a pause */

/* A file as it was left: it has changed when one of these has. */
struct known {
    int64_t id; /* 0: empty slot */
    int64_t inode, size, mtime_us;
    uint64_t round; /* of the walk that met it last */
};

struct transcript_reader {
    struct transcript_store store;
    char *folder;
    struct known *slots; /* open addressing by id; a power of two, at most half full */
    size_t mask, count;
    bool is_loaded, is_failing, is_full;
    uint64_t round, round_ns; /* number of the walk, and how long it has taken so far */
    bool is_walking;
    struct transcript_walk walk;
    int folder_fd;
    struct transcript_tail tail; /* the file that is being read; see is_reading */
    bool is_reading;
    size_t sweep_at; /* slot; is_sweeping: those that were not met are forgotten */
    bool is_sweeping;
};

struct transcript_reader *transcript_reader_new(const struct transcript_store *store,
                                                const char *folder)
{
    struct transcript_reader *r = MEM_NEW(struct transcript_reader);
    r->store = *store;
    r->folder = mem_strdup(folder);
    r->folder_fd = -1;
    transcript_tail_init(&r->tail, &r->store);
    return r;
}

static void end_walk(struct transcript_reader *r)
{
    transcript_walk_end(&r->walk);
    if (r->folder_fd >= 0)
        close(r->folder_fd);
    r->folder_fd = -1;
    r->is_walking = false;
}

void transcript_reader_free(struct transcript_reader *r)
{
    if (!r)
        return;
    end_walk(r);
    transcript_tail_release(&r->tail);
    free(r->slots);
    free(r->folder);
    free(r);
}

/* --- what is known --- */

static struct known *slot_of(const struct transcript_reader *r, int64_t id)
{
    size_t at = (size_t)id & r->mask;
    while (r->slots[at].id && r->slots[at].id != id)
        at = (at + 1) & r->mask;
    return &r->slots[at];
}

static void grow(struct transcript_reader *r)
{
    struct known *old = r->slots;
    size_t old_size = old ? r->mask + 1 : 0, size = old ? old_size * 2 : 256;
    r->slots = mem_zeroed(size * sizeof *r->slots);
    r->mask = size - 1;
    for (size_t i = 0; i < old_size; i++)
        if (old[i].id)
            *slot_of(r, old[i].id) = old[i];
    free(old);
}

/* NULL when there are too many. */
static struct known *know(struct transcript_reader *r, int64_t id)
{
    if (!r->slots || (r->count + 1) * 2 > r->mask + 1)
        grow(r);
    struct known *k = slot_of(r, id);
    if (k->id)
        return k;
    if (r->count == TRANSCRIPT_FILES_MAX)
        return NULL;
    r->count++;
    *k = (struct known){.id = id, .inode = -1};
    return k;
}

/* Those behind it move up, so that none of them is missed. */
static void forget(struct transcript_reader *r, struct known *k)
{
    size_t hole = (size_t)(k - r->slots);
    for (size_t at = (hole + 1) & r->mask; r->slots[at].id; at = (at + 1) & r->mask) {
        size_t home = (size_t)r->slots[at].id & r->mask;
        if (((at - home) & r->mask) >= ((at - hole) & r->mask)) {
            r->slots[hole] = r->slots[at];
            hole = at;
        }
    }
    r->slots[hole] = (struct known){.id = 0};
    r->count--;
}

static void on_stored(const struct transcript_file *file, void *owner)
{
    struct known *k = know(owner, file->id);
    if (k)
        *k = (struct known){file->id, file->inode, file->size, file->mtime_us, 0};
}

/* --- steps --- */

/* Told once, until it works again. */
static uint64_t failed(struct transcript_reader *r, const struct fail *f)
{
    if (!r->is_failing)
        log_line(LOG_WARN, "transcripts cannot be read", LOG_C("cause", f->detail));
    r->is_failing = true;
    r->is_reading = false;
    transcript_tail_close(&r->tail);
    end_walk(r);
    return after_failure_ns;
}

static uint64_t begin_walk(struct transcript_reader *r)
{
    struct fail f = {0};
    int fd;
    enum err err = transcript_folder_open(r->folder, &r->folder_fd, &f);
    if (err == ERR_NOT_FOUND)
        return look_for_folder_ns;
    if (err)
        return failed(r, &f);
    fd = dup(r->folder_fd);
    transcript_walk_begin(&r->walk, fd);
    r->is_walking = true;
    r->round++;
    r->round_ns = 0;
    return 0;
}

static bool is_as_it_was(const struct known *k, const struct stat *st)
{
    return k->inode == (int64_t)st->st_ino && k->size == (int64_t)st->st_size &&
           k->mtime_us == transcript_mtime_us(st);
}

static void note_known(struct known *k, const struct transcript_file *file)
{
    k->inode = file->inode;
    k->size = file->size;
    k->mtime_us = file->mtime_us;
}

static void too_many(struct transcript_reader *r)
{
    if (!r->is_full)
        log_line(LOG_WARN, "too many transcripts: some are not read",
                 LOG_N("limit", TRANSCRIPT_FILES_MAX));
    r->is_full = true;
}

/* A file that the walk has met; begins to read it when something is new. */
static enum err meet(struct transcript_reader *r, struct str path, const struct stat *st,
                     struct fail *f)
{
    if (!transcript_path_is_ours(path))
        return ERR_OK;
    struct known *k = know(r, r->store.id_of(r->store.owner, path));
    if (!k) {
        too_many(r);
        return ERR_OK;
    }
    k->round = r->round;
    if (is_as_it_was(k, st))
        return ERR_OK;
    enum err err = transcript_tail_open(&r->tail, r->folder_fd, path, k->id, f);
    r->is_reading = !err;
    /* gone again, or no plain file any more: not ours to read */
    return err == ERR_NOT_FOUND || err == ERR_FORBIDDEN ? ERR_OK : err;
}

static uint64_t read_on(struct transcript_reader *r)
{
    struct fail f = {0};
    bool more = false;
    enum err err = transcript_tail_step(&r->tail, &more, &f);
    if (err == ERR_GONE) { /* cut while we read: seen as such when it is met again */
        err = ERR_OK;
        more = false;
    }
    if (err == ERR_PARSE) { /* its own data was refused: the others go on */
        loss_note(LOSS_TRANSCRIPT_SKIPPED, 1, f.detail);
        transcript_tail_refuse(&r->tail);
        err = ERR_OK;
        more = false;
    }
    if (err)
        return failed(r, &f);
    if (!more) {
        struct known *k = know(r, r->tail.file.id);
        if (k)
            note_known(k, &r->tail.file);
        transcript_tail_close(&r->tail);
        r->is_reading = false;
    }
    r->is_failing = false;
    return 0;
}

/* Behind a walk that has seen everything: what it did not meet has gone. */
static void begin_sweep(struct transcript_reader *r)
{
    r->is_sweeping = !r->walk.has_failed && r->slots;
    r->sweep_at = 0;
    end_walk(r);
}

static uint64_t sweep(struct transcript_reader *r)
{
    struct fail f = {0};
    bool more = false;
    while (r->sweep_at <= r->mask &&
           (!r->slots[r->sweep_at].id || r->slots[r->sweep_at].round == r->round))
        r->sweep_at++;
    if (r->sweep_at > r->mask) {
        r->is_sweeping = r->is_full = false;
        return 0;
    }
    struct known *k = &r->slots[r->sweep_at];
    enum err err = r->store.drop(r->store.owner, k->id, &more, &f);
    if (err)
        return failed(r, &f);
    if (!more)
        forget(r, k); /* another may stand here now */
    return 0;
}

static uint64_t walk_on(struct transcript_reader *r)
{
    uint64_t begun_ns = clock_mono_ns();
    struct fail f = {0};
    enum err err = ERR_OK;
    enum transcript_step step = TRANSCRIPT_WALK_OTHER;
    for (int i = 0; i < ENTRIES_PER_STEP && !err && !r->is_reading && step; i++) {
        struct str path;
        struct stat st;
        step = transcript_walk_next(&r->walk, &path, &st);
        if (step == TRANSCRIPT_WALK_FILE)
            err = meet(r, path, &st, &f);
    }
    r->round_ns += clock_mono_ns() - begun_ns;
    if (err)
        return failed(r, &f);
    if (step != TRANSCRIPT_WALK_END)
        return 0;
    begin_sweep(r);
    return r->is_sweeping ? 0 : MAX_OF(look_again_ns, r->round_ns * share_of_time);
}

static enum err load(struct transcript_reader *r, struct fail *f)
{
    enum err err = r->store.each(r->store.owner, on_stored, r, f);
    r->is_loaded = !err;
    return err;
}

uint64_t transcript_reader_step(void *reader)
{
    struct transcript_reader *r = reader;
    struct fail f = {0};
    if (!r->is_loaded && load(r, &f))
        return failed(r, &f);
    if (r->is_reading)
        return read_on(r);
    if (r->is_sweeping) {
        uint64_t pause_ns = sweep(r);
        return r->is_sweeping || pause_ns ? pause_ns
                                          : MAX_OF(look_again_ns, r->round_ns * share_of_time);
    }
    return r->is_walking ? walk_on(r) : begin_walk(r);
}

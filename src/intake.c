/*
 * intake.c — exchanges into the store from outside: segments of our own, handed over one by one.
 */
#include "intake.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "import/import_journal.h"
#include "storage.h"

enum {
    PATH_BYTES = 4096,
    RECENT_IDS = 1 << 17, /* on their way, remembered by hash; 16 bytes each */
    LOOK_MS = 5,          /* between looks whether a segment has been taken in */
    CLAIM_MS = 200        /* between tries to become the owner */
};

struct intake {
    const struct config *cfg;
    struct storage storage;       /* open when we are the owner */
    bool is_guest, is_indexing;
    uint8_t redact_key[REDACT_KEY_BYTES];
    int lock_fd;
    struct store *beside;         /* a guest's */
    struct store_reader *reader;
    struct journal_dir *dir;
    struct journal *journal;
    uint64_t written;             /* our newest segment that was handed over, by its own number */
    uint64_t first, end;          /* brought and perhaps not taken in yet, by their numbers there */
    struct uuid *recent;
    uint64_t moved_ms, claimed_ms;
    void (*on_wait)(uint64_t waited_ms, void *owner);
    void *on_wait_owner;
};

static uint64_t now_ms(void)
{
    return clock_mono_ns() / 1000000;
}

static void path_in(const struct intake *k, const char *folder, char out[PATH_BYTES])
{
    snprintf(out, PATH_BYTES, "%s/journal%s", k->cfg->storage_data_dir, folder);
}

static void segment_path(const struct intake *k, const char *folder, uint64_t number,
                         char out[PATH_BYTES])
{
    snprintf(out, PATH_BYTES, "%s/journal%s/%016llx.seg", k->cfg->storage_data_dir, folder,
             (unsigned long long)number);
}

#define WORK    "/import"
#define ARRIVED ""
#define SENT    "/" JOURNAL_INCOMING

/* --- opening --- */

static enum err lock(struct intake *k, struct fail *f)
{
    char path[PATH_BYTES], owner[32] = "";
    snprintf(path, sizeof path, "%s/import.lock", k->cfg->storage_data_dir);
    k->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (k->lock_fd < 0)
        return fail(f, ERR_IO, "%s: %s", path, strerror(errno));
    if (flock(k->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        ssize_t n = read(k->lock_fd, owner, sizeof owner - 1);
        owner[strcspn(owner, "\n")] = '\0';
        return fail(f, ERR_BUSY, "another import into %s runs, as process %s",
                    k->cfg->storage_data_dir, n > 0 ? owner : "unknown");
    }
    int n = snprintf(owner, sizeof owner, "%ld\n", (long)getpid());
    if (ftruncate(k->lock_fd, 0) != 0 || write(k->lock_fd, owner, (size_t)n) != n)
        return ERR_OK; /* the lock holds; only its owner's name is missing */
    return ERR_OK;
}

/* What an import that was killed had not handed over. */
static void sweep(const char *path)
{
    DIR *dir = opendir(path);
    char name[PATH_BYTES + 512];
    for (struct dirent *e; dir && (e = readdir(dir));) {
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        if (e->d_name[0] != '.')
            unlink(name);
    }
    if (dir)
        closedir(dir);
}

/* The owner's indexer follows the journal as a proxy's would. */
static enum err become_owner(struct intake *k, struct fail *f)
{
    enum err err = storage_open(&k->storage, k->cfg, DAMAGE_SET_ASIDE, f);
    if (err)
        return err;
    k->is_guest = false;
    if (!k->reader)
        k->reader = store_reader_new(k->storage.store);
    memcpy(k->redact_key, k->storage.data_dir.redact_key, sizeof k->redact_key);
    err = indexer_start(k->storage.indexer, NULL, f);
    k->is_indexing = !err;
    return err;
}

static enum err become_guest(struct intake *k, struct fail *f)
{
    k->is_guest = true;
    enum err err = data_dir_read_key(k->cfg->storage_data_dir, k->redact_key, f);
    if (!err)
        err = storage_open_beside(&k->beside, k->cfg, f);
    if (!err)
        k->reader = store_reader_new(k->beside);
    return err;
}

static enum err find_place(struct intake *k, struct fail *f)
{
    struct fail why = {0};
    enum err err = become_owner(k, &why);
    if (err == ERR_BUSY)
        return become_guest(k, f);
    return err ? fail(f, err, "%s", why.detail) : ERR_OK;
}

static void ignore_bell(void *owner)
{
    (void)owner; /* nobody reads segments before they are complete */
}

static enum err open_journal(struct intake *k, struct fail *f)
{
    char work[PATH_BYTES], sent[PATH_BYTES];
    path_in(k, WORK, work);
    path_in(k, SENT, sent);
    enum err err = data_dir_make(sent, f);
    if (err)
        return err;
    sweep(work);
    err = journal_dir_open(&k->dir, work, ignore_bell, NULL, f);
    if (!err)
        k->journal = journal_new(k->dir, 0);
    return err;
}

enum err intake_open(struct intake **out, const struct config *cfg, struct fail *f)
{
    struct intake *k = MEM_NEW(struct intake);
    k->cfg = cfg;
    k->lock_fd = -1;
    /* above all that any import brought before: they ascend with time */
    k->first = k->end = SEGMENT_BROUGHT | (uint64_t)clock_wall_us();
    k->recent = mem_zeroed(RECENT_IDS * sizeof *k->recent);
    enum err err = data_dir_make(cfg->storage_data_dir, f);
    if (!err)
        err = lock(k, f);
    if (!err)
        err = find_place(k, f);
    if (!err)
        err = open_journal(k, f);
    if (err)
        intake_close(k);
    else
        *out = k;
    return err;
}

void intake_close(struct intake *k)
{
    if (k->journal)
        journal_free(k->journal);
    journal_dir_close(k->dir);
    if (k->is_indexing)
        indexer_stop(k->storage.indexer);
    store_reader_free(k->reader);
    if (!k->is_guest)
        storage_close(&k->storage);
    store_close(k->beside);
    if (k->lock_fd >= 0)
        close(k->lock_fd);
    free(k->recent);
    free(k);
}

const uint8_t *intake_redact_key(const struct intake *k)
{
    return k->redact_key;
}

void intake_on_wait(struct intake *k, void (*fn)(uint64_t waited_ms, void *owner), void *owner)
{
    k->on_wait = fn;
    k->on_wait_owner = owner;
}

/* --- handing over --- */

/* Our complete segments go where the indexer looks. */
static enum err hand_over(struct intake *k, struct fail *f)
{
    char from[PATH_BYTES], to[PATH_BYTES];
    uint64_t bytes;
    bool is_closed;
    while (journal_dir_progress(k->dir, k->written + 1, &bytes, &is_closed) && is_closed) {
        segment_path(k, WORK, k->written + 1, from);
        segment_path(k, SENT, k->end, to);
        journal_dir_forget(k->dir, ++k->written); /* closes it, at its right length */
        if (rename(from, to) != 0)
            return fail(f, ERR_IO, "%s: %s", to, strerror(errno));
        k->end++;
        if (k->is_indexing)
            indexer_fetch(k->storage.indexer);
    }
    return ERR_OK;
}

static bool is_under_way(const struct intake *k, uint64_t number)
{
    char sent[PATH_BYTES], arrived[PATH_BYTES];
    segment_path(k, SENT, number, sent);
    segment_path(k, ARRIVED, number, arrived);
    /* in this order, for that is how it moves */
    return access(sent, F_OK) == 0 || access(arrived, F_OK) == 0;
}

/* The proxy may have ended: then the rest is ours to take in. */
static enum err claim(struct intake *k, struct fail *f)
{
    struct fail why = {0};
    if (!k->is_guest || now_ms() - k->claimed_ms < CLAIM_MS)
        return ERR_OK;
    k->claimed_ms = now_ms();
    enum err err = become_owner(k, &why);
    k->is_guest = err == ERR_BUSY;
    return err && err != ERR_BUSY ? fail(f, err, "%s", why.detail) : ERR_OK;
}

/* Until no more than `most` segments are on their way. */
static enum err wait_for_room(struct intake *k, uint64_t most, struct fail *f)
{
    enum err err = ERR_OK;
    for (;;) {
        while (k->first < k->end && !is_under_way(k, k->first)) {
            k->first++;
            k->moved_ms = now_ms();
        }
        if (k->end - k->first <= most || err)
            return err;
        err = claim(k, f);
        if (k->on_wait)
            k->on_wait(now_ms() - k->moved_ms, k->on_wait_owner);
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
    }
}

static struct uuid *recent_place(const struct intake *k, const struct uuid *id)
{
    size_t at = 0;
    for (int i = 8; i < 16; i++) /* the random part */
        at = at * 257 + id->bytes[i];
    return &k->recent[at % RECENT_IDS];
}

bool intake_has(struct intake *k, const struct uuid *id)
{
    struct arena arena;
    struct record row;
    if (uuid_equal(recent_place(k, id), id))
        return true;
    arena_init(&arena);
    bool is_there = store_get(k->reader, id, &arena, &row, NULL, NULL) == ERR_OK;
    arena_release(&arena);
    return is_there;
}

enum err intake_put(struct intake *k, const struct exchange_copy *x, struct fail *f)
{
    enum err err = import_journal_put(k->journal, x, f);
    if (err)
        return err;
    *recent_place(k, &x->id) = x->id;
    err = hand_over(k, f);
    if (!err && k->end - k->first > INTAKE_SEGMENTS_MAX) {
        k->moved_ms = now_ms();
        err = wait_for_room(k, INTAKE_SEGMENTS_MAX / 2, f);
    }
    return err;
}

enum err intake_finish(struct intake *k, struct fail *f)
{
    journal_rotate(k->journal);
    enum err err = hand_over(k, f);
    k->moved_ms = now_ms();
    return err ? err : wait_for_room(k, 0, f);
}

/*
 * indexer.c — the thread that follows the journal, and its clock: when to look, when to commit,
 * when to rest. What frames mean is taker.c; the files are segments.c.
 */
#include "index/indexer_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/loss.h"
#include "base/mem.h"
#include "io/thread.h"

enum { BATCH_ROWS_MAX = 512, STOP_TRIES = 3 };

#define MS UINT64_C(1000000)
static const uint64_t tick_ns = 10 * MS;        /* between looks while there is news */
static const uint64_t batch_age_ns = 20 * MS;   /* a row waits no longer, when all is well */
static const uint64_t maintain_ns = 1000 * MS;  /* of quiet: checkpoint */
static const uint64_t rest_ns = 900000 * MS;    /* of quiet: memory goes back */
static const uint64_t number_ns = 3600000 * MS; /* block numbers of an hour ago are old enough */

static void relieve(void *owner);

struct indexer *indexer_new(const struct index_store *store, const char *journal_path)
{
    struct indexer *x = MEM_NEW(struct indexer);
    x->store = *store;
    x->path = mem_strdup(journal_path);
    uv_mutex_init(&x->mutex);
    uv_mutex_init(&x->bell_mutex);
    uv_cond_init(&x->bell);
    segments_init(&x->segments, journal_path, NULL);
    buf_init(&x->marks, JOURNAL_MARKS_MAX);
    taker_init(&x->taker, &x->store, &x->segments);
    x->taker.relieve = relieve;
    x->taker.relieve_owner = x;
    return x;
}

void indexer_free(struct indexer *x)
{
    if (!x)
        return;
    assert(!x->is_started);
    taker_release(&x->taker);
    segments_release(&x->segments);
    uv_cond_destroy(&x->bell);
    uv_mutex_destroy(&x->bell_mutex);
    uv_mutex_destroy(&x->mutex);
    buf_release(&x->marks);
    free(x->recent);
    free(x->path);
    free(x);
}

static bool wants_all(void *owner)
{
    (void)owner;
    return true;
}

void indexer_listen(struct indexer *x, index_listener *fn, bool (*wants)(void *owner), void *owner)
{
    x->taker.listener = fn;
    x->taker.wants = wants ? wants : wants_all;
    x->taker.listener_owner = owner;
}

void indexer_know(struct indexer *x, struct known_agents *known)
{
    x->taker.known = known;
}

/* --- taking in --- */

/* Called while frames are taken in, under the mutex. */
static void relieve(void *owner)
{
    struct indexer *x = owner;
    if (x->retry_ns > uv_hrtime())
        return;
    uv_mutex_unlock(&x->mutex);
    indexer_commit(x);
    uv_mutex_lock(&x->mutex);
}

/* Past what is no frame; 0 when more bytes are needed to tell. */
static size_t skip_damage(struct segment *g, struct str rest, bool is_final)
{
    enum { MAGIC_BYTES = 4 };
    g->in_damage = true;
    size_t next = frame_resync(rest);
    if (next < rest.len || is_final)
        return next;
    return rest.len >= MAGIC_BYTES ? rest.len - (MAGIC_BYTES - 1) : 0;
}

static void note_whole(struct indexer *x, struct segment *g)
{
    if (!g->in_damage)
        return;
    g->in_damage = false;
    g->is_damaged = true;
    x->taker.counters.damaged_frames++;
    loss_note(LOSS_JOURNAL_DAMAGE, 1, NULL);
}

/* Moves g->read_to on past the bytes that were taken in, and returns how many they are. */
static size_t take_frames(struct indexer *x, struct segment *g, struct str bytes)
{
    bool is_final = g->is_closed && g->read_to + bytes.len == g->limit;
    uint64_t start = g->read_to;
    size_t at = 0, used;
    struct frame f;
    while (at < bytes.len) {
        g->read_to = start + at; /* exactly, for a commit in between: see journal_marks.h */
        struct str rest = str_from(bytes, at);
        enum frame_found found = frame_read(rest, !g->is_own || g->in_damage, &f, &used);
        if (found == FRAME_WHOLE) {
            note_whole(x, g);
            taker_frame(&x->taker, g, g->read_to + FRAME_HEAD_BYTES, &f);
        } else if (found == FRAME_NONE && !g->is_own) {
            g->limit = g->read_to; /* room that was never used, or frames of a former life */
            break;
        } else if (found == FRAME_SHORT && !is_final) {
            break;
        } else {
            used = skip_damage(g, rest, is_final);
            if (!used)
                break;
        }
        at += used;
    }
    g->read_to = start + at;
    return at;
}

static bool take_window(struct indexer *x, struct segment *g, size_t want)
{
    struct str bytes;
    if (segments_read(&x->segments, g, want, &bytes)) {
        char detail[64];
        snprintf(detail, sizeof detail, "segment %016llx", (unsigned long long)g->number);
        loss_note(LOSS_JOURNAL_UNREADABLE, 1, detail);
        uv_mutex_lock(&x->mutex);
        x->taker.counters.damaged_frames++;
        uv_mutex_unlock(&x->mutex);
        g->is_damaged = true; /* kept: the reason may have nothing to do with what is in it */
        g->read_to = g->limit;
        return true;
    }
    uv_mutex_lock(&x->mutex);
    size_t used = take_frames(x, g, bytes);
    used += g->read_to == g->limit;
    if (x->taker.packer.batch.row_count && !x->batch_since_ns)
        x->batch_since_ns = uv_hrtime();
    uv_mutex_unlock(&x->mutex);
    return used > 0;
}

static bool is_batch_full(const struct indexer *x)
{
    return x->taker.packer.batch.row_count >= BATCH_ROWS_MAX ||
           packer_bytes(&x->taker.packer) >= BATCH_BYTES_MAX;
}

/* False when the store does not take the batch: the rest waits in the journal. */
static bool make_room(struct indexer *x)
{
    return !is_batch_full(x) || (x->retry_ns <= uv_hrtime() && indexer_commit(x));
}

/* All that may be read of a segment now. True if there was something. */
static bool take_segment(struct indexer *x, struct segment *g)
{
    bool has_news = false;
    while (g->read_to < g->limit && make_room(x)) {
        if (!take_window(x, g, SEGMENTS_READ_BYTES) &&
            !take_window(x, g, FRAME_PAYLOAD_MAX + FRAME_HEAD_BYTES))
            break;
        has_news = true;
    }
    segments_read_end(&x->segments);
    if (g->is_closed && g->read_to == g->limit && !g->is_done) {
        g->is_done = true;
        uv_mutex_lock(&x->mutex);
        x->taker.counters.torn_tails += g->in_damage;
        uv_mutex_unlock(&x->mutex);
        loss_note(LOSS_JOURNAL_TORN, g->in_damage, NULL);
    }
    return has_news;
}

static bool take_all(struct indexer *x, bool own)
{
    bool has_news = false;
    for (struct segment *g = x->segments.first; g; g = g->next) {
        if (g->is_own == own)
            has_news |= take_segment(x, g);
        if (is_batch_full(x) && x->retry_ns)
            break; /* the next one may go on with what waits in this one */
    }
    return has_news;
}

static bool has_unread(const struct indexer *x, bool own)
{
    for (const struct segment *g = x->segments.first; g; g = g->next)
        if (g->is_own == own && !g->is_done && (g->is_closed || g->read_to < g->limit))
            return true;
    return false;
}

static bool has_any_unread(const struct indexer *x)
{
    return has_unread(x, false) || has_unread(x, true);
}

/* --- the clock --- */

static bool is_due(const struct indexer *x, uint64_t now_ns, bool has_news)
{
    const struct packer *p = &x->taker.packer;
    if (x->retry_ns)
        return x->retry_ns <= now_ns;
    if (!p->batch.row_count)
        return is_batch_full(x);
    return !has_news || is_batch_full(x) || now_ns - x->batch_since_ns >= batch_age_ns;
}

/* Who has had nothing to write for long does not go on with old block numbers: see
 * index_store.next_block. */
static void number_anew(struct indexer *x, uint64_t now_ns)
{
    const struct packer *p = &x->taker.packer;
    if (now_ns - x->numbered_ns < number_ns || p->batch.row_count || p->batch.block_count ||
        p->raw.len)
        return;
    packer_number(&x->taker.packer);
    x->numbered_ns = now_ns;
}

static void keep_house(struct indexer *x, uint64_t now_ns, bool has_news)
{
    indexer_begin_again(x);
    if (atomic_exchange(&x->is_fence_asked, false))
        atomic_store(&x->fence, packer_fence(&x->taker.packer));
    if (is_due(x, now_ns, has_news))
        indexer_commit(x);
    if (x->is_again && !x->taker.packer.batch.row_count && !has_any_unread(x))
        indexer_end_again(x);
    number_anew(x, now_ns);
    segments_tidy(&x->segments, !has_news);
    if (has_news) {
        x->news_ns = now_ns;
        x->is_resting = false;
    }
    if (!x->is_maintained && now_ns - x->news_ns >= maintain_ns) {
        x->store.maintain(x->store.owner);
        segments_rest(&x->segments);
        x->is_maintained = true;
    }
    if (!x->is_resting && now_ns - x->news_ns >= rest_ns && !x->taker.packer.batch.row_count) {
        uv_mutex_lock(&x->mutex);
        taker_rest(&x->taker);
        buf_release(&x->marks);
        uv_mutex_unlock(&x->mutex);
        x->is_resting = true;
    }
}

/* How long nothing needs doing unless somebody rings. */
static uint64_t quiet_ns(const struct indexer *x, uint64_t now_ns)
{
    if (x->retry_ns)
        return x->retry_ns > now_ns ? x->retry_ns - now_ns : 1;
    if (x->taker.packer.batch.row_count)
        return tick_ns;
    if (!x->is_maintained)
        return maintain_ns;
    return x->is_resting ? rest_ns * 12 : rest_ns;
}

/* While there is news the bell is not listened to: looking every tick costs less than being
 * woken for every write. */
static void wait_for_news(struct indexer *x, bool has_news)
{
    uint64_t now_ns = uv_hrtime();
    uint64_t until_ns = now_ns + (has_news ? tick_ns : quiet_ns(x, now_ns));
    uv_mutex_lock(&x->bell_mutex);
    atomic_store(&x->is_asleep, !has_news);
    while (!atomic_load(&x->is_stopping) && now_ns < until_ns &&
           (has_news || !atomic_load(&x->is_rung))) {
        uv_cond_timedwait(&x->bell, &x->bell_mutex, until_ns - now_ns);
        now_ns = uv_hrtime();
    }
    atomic_store(&x->is_asleep, false);
    uv_mutex_unlock(&x->bell_mutex);
}

void indexer_ring(void *indexer)
{
    struct indexer *x = indexer;
    if (atomic_load(&x->is_rung))
        return;
    atomic_store(&x->is_rung, true);
    if (!atomic_load(&x->is_asleep))
        return;
    uv_mutex_lock(&x->bell_mutex);
    uv_cond_signal(&x->bell);
    uv_mutex_unlock(&x->bell_mutex);
}

void indexer_fetch(struct indexer *x)
{
    atomic_store(&x->is_brought, true);
    indexer_ring(x);
}

static void note_unread(struct indexer *x)
{
    uv_mutex_lock(&x->mutex);
    x->unread_bytes = segments_unread(&x->segments);
    uv_mutex_unlock(&x->mutex);
}

/* What earlier processes wrote comes first; exchanges they did not finish, crashed with them. */
static void take_left_behind(struct indexer *x)
{
    while (has_unread(x, false)) {
        if (atomic_load(&x->is_stopping) && x->retry_ns)
            return; /* the next process goes on with it */
        bool has_news = take_all(x, false);
        note_unread(x);
        if (!has_news)
            wait_for_news(x, true);
        keep_house(x, uv_hrtime(), has_news);
    }
    uv_mutex_lock(&x->mutex);
    taker_end_left_behind(&x->taker);
    uv_mutex_unlock(&x->mutex);
    indexer_commit(x);
}

/* A segment at a time, so that what is recorded now need not wait. True if there was something. */
static bool take_brought(struct indexer *x)
{
    if (atomic_exchange(&x->is_brought, false))
        segments_fetch(&x->segments);
    if (!has_unread(x, false))
        return false;
    struct segment *g = x->segments.first;
    while (g->is_own || g->is_done)
        g = g->next;
    bool has_news = take_segment(x, g);
    if (!has_unread(x, false)) {
        uv_mutex_lock(&x->mutex);
        taker_end_left_behind(&x->taker);
        uv_mutex_unlock(&x->mutex);
    }
    return has_news;
}

static void take_the_rest(struct indexer *x)
{
    segments_look(&x->segments);
    for (int i = 0; i < STOP_TRIES; i++) {
        x->retry_ns = 0;
        indexer_begin_again(x);
        take_all(x, true);
        if (indexer_commit(x) && !has_unread(x, true))
            break;
    }
    segments_tidy(&x->segments, true);
}

/* The store may be somewhere else, and not there yet: everything waits in the journal. */
static void wait_for_store(struct indexer *x)
{
    while (!indexer_reach_store(x) && !atomic_load(&x->is_stopping)) {
        wait_for_news(x, true);
        segments_look(&x->segments);
        note_unread(x);
    }
}

static void follow(struct indexer *x)
{
    bool has_news = false;
    atomic_store(&x->is_rung, true); /* bytes may have come before anybody could ring */
    while (!atomic_load(&x->is_stopping)) {
        wait_for_news(x, has_news || x->retry_ns || x->is_set_back ||
                             has_any_unread(x)); /* some may wait for a commit */
        atomic_store(&x->is_rung, false);
        segments_look(&x->segments);
        has_news = take_all(x, true);
        has_news |= take_brought(x);
        note_unread(x);
        keep_house(x, uv_hrtime(), has_news);
    }
    take_the_rest(x);
}

static void run(void *arg)
{
    struct indexer *x = arg;
    thread_name("indexer");
    thread_last();
    x->news_ns = uv_hrtime();
    wait_for_store(x);
    if (!x->is_ready)
        return; /* the next process goes on with it */
    take_left_behind(x);
    follow(x);
}

enum err indexer_start(struct indexer *x, struct journal_dir *dir, struct fail *f)
{
    assert(!x->is_started);
    x->segments.dir = dir;
    enum err err = segments_scan(&x->segments, f);
    if (err)
        return err;
    segments_fetch(&x->segments);
    note_unread(x); /* whoever asks before the thread has looked must not hear that all is done */
    if (uv_thread_create(&x->thread, run, x) != 0)
        return fail(f, ERR_INTERNAL, "the indexer's thread could not be started");
    x->is_started = true;
    return ERR_OK;
}

void indexer_stop(struct indexer *x)
{
    if (!x->is_started)
        return;
    uv_mutex_lock(&x->bell_mutex);
    atomic_store(&x->is_stopping, true);
    uv_cond_signal(&x->bell);
    uv_mutex_unlock(&x->bell_mutex);
    uv_thread_join(&x->thread);
    x->is_started = false;
}

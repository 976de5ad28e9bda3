/*
 * cmd_store.c — `claude-code-proxy store …`: verify, stats; whether a proxy runs or not.
 */
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/configured.h"
#include "cli/progress.h"
#include "index/journal_lag.h"
#include "index/journal_marks.h"
#include "storage.h"
#include "store/reach.h"
#include "store/verify.h"

enum { DAMAGE_SHOWN_MAX = 100, PATH_BYTES = 4096 };

typedef enum err store_work(const struct config *cfg, struct store_reader *reader, struct fail *f);

/* Opens what is recorded, for reading only. */
static int with_store(const struct options *o, const struct command *c, store_work *work)
{
    int code;
    struct store *store = NULL;
    struct fail why = {0};
    struct config *config = configured(o, c, &code);
    if (!config)
        return code;
    enum err err = storage_open_to_read(&store, config, &why);
    if (!err) {
        struct store_reader *reader = store_reader_new(store);
        store_reader_be_patient(reader);
        err = work(config, reader, &why);
        store_reader_free(reader);
    }
    store_close(store);
    config_free(config);
    if (err)
        fprintf(stderr, "claude-code-proxy: %s\n", *why.detail ? why.detail : err_public(err));
    return command_exit_code(err);
}

/* --- verify --- */

struct verifying {
    struct verify verify;
    struct progress progress;
    uint64_t shown;
};

static void show_damage(const struct uuid *id, enum body_side side, const char *why, void *owner)
{
    struct verifying *x = owner;
    char text[UUID_TEXT];
    if (x->shown++ >= DAMAGE_SHOWN_MAX)
        return;
    progress_end(&x->progress);
    printf("damaged: %s, the %s's body: %s\n", uuid_format(id, text),
           side == BODY_REQUEST ? "request" : "answer", why);
}

static void show_verified(const struct verifying *x)
{
    const struct verify_counts *n = &x->verify.counts;
    char size[32];
    if (x->shown > DAMAGE_SHOWN_MAX)
        printf("and %llu more\n", (unsigned long long)(x->shown - DAMAGE_SHOWN_MAX));
    printf("%llu requests, %llu bodies rebuilt and compared, %s\n",
           (unsigned long long)n->requests, (unsigned long long)n->bodies,
           progress_bytes(n->bytes, size));
    if (n->aged_out)
        printf("%llu requests have outlived their bodies\n", (unsigned long long)n->aged_out);
    if (n->too_long)
        printf("%llu bodies are too long to be rebuilt here\n", (unsigned long long)n->too_long);
    printf(n->damaged ? "%llu bodies are damaged\n" : "no body is damaged\n",
           (unsigned long long)n->damaged);
}

static enum err verify_all(const struct config *cfg, struct store_reader *reader, struct fail *f)
{
    struct verifying x = {.shown = 0};
    bool more = true;
    enum err err = ERR_OK;
    (void)cfg;
    verify_init(&x.verify, reader, show_damage, &x);
    while (more && !err) {
        char size[32];
        err = verify_step(&x.verify, &more, f);
        progress_line(&x.progress, "%llu requests, %s",
                      (unsigned long long)x.verify.counts.requests,
                      progress_bytes(x.verify.counts.bytes, size));
    }
    progress_end(&x.progress);
    if (!err) {
        show_verified(&x);
        if (x.verify.counts.damaged)
            err = fail(f, ERR_CORRUPT, "what is recorded is damaged");
    }
    verify_release(&x.verify);
    return err;
}

static int verify_run(const struct options *o)
{
    return with_store(o, &command_store_verify, verify_all);
}

/* --- stats --- */

static void journal_path(const struct config *cfg, char out[PATH_BYTES])
{
    snprintf(out, PATH_BYTES, "%s/journal", cfg->storage_data_dir);
}

/* Of the journal's files, which are a little longer than what is in them. */
static uint64_t journal_bytes(const struct config *cfg)
{
    char path[PATH_BYTES], file[PATH_BYTES + 300];
    uint64_t sum = 0;
    struct stat st;
    journal_path(cfg, path);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        snprintf(file, sizeof file, "%s/%s", path, e->d_name);
        if (str_ends(str_of(e->d_name), STR(".seg")) && stat(file, &st) == 0)
            sum += (uint64_t)st.st_size;
    }
    if (dir)
        closedir(dir);
    return sum;
}

/* What has come since the store's last commit. */
static enum err journal_waits(const struct config *cfg, struct store_reader *reader, uint64_t *bytes,
                              struct fail *f)
{
    char path[PATH_BYTES], node[NODE_TEXT];
    struct data_dir d;
    struct buf marks;
    buf_init(&marks, JOURNAL_MARKS_MAX);
    journal_path(cfg, path);
    enum err err = data_dir_read_key(cfg->storage_data_dir, d.redact_key, f);
    if (!err) {
        storage_node(cfg, &d, node);
        err = store_reach_journal(reader, str_of(node), &marks, f);
    }
    if (!err)
        err = journal_lag(path, buf_str(&marks), bytes, f);
    buf_release(&marks);
    return err;
}

static void put_count(const char *name, int64_t count)
{
    printf("%-18s %lld\n", name, (long long)count);
}

static void put_bytes(const char *name, int64_t bytes)
{
    char text[32];
    printf("%-18s %s (%lld bytes)\n", name, progress_bytes((uint64_t)MAX_OF(bytes, 0), text),
           (long long)bytes);
}

static void put_time(const char *name, int64_t at_us)
{
    char text[CLOCK_TEXT];
    if (at_us)
        printf("%-18s %s\n", name, clock_format(at_us, text));
}

static enum err show_stats(const struct config *cfg, struct store_reader *reader, struct fail *f)
{
    struct store_size size;
    struct store_reach reach = {0};
    uint64_t waiting;
    enum err err = journal_waits(cfg, reader, &waiting, f); /* first: then all of the rest is newer */
    if (!err)
        err = store_measure(reader, &size, f);
    if (!err)
        err = store_reach(reader, &reach, f);
    if (err)
        return err;
    printf("%-18s %s\n", "engine", reach.engine);
    put_count("requests", size.requests);
    put_count("sessions", size.sessions);
    put_time("oldest request", reach.oldest_us);
    put_time("oldest body", reach.oldest_body_us);
    put_bytes("raw", size.raw_bytes);
    put_bytes("stored", size.stored_bytes);
    if (size.stored_bytes > 0)
        printf("%-18s %.1f\n", "ratio", (double)size.raw_bytes / (double)size.stored_bytes);
    put_bytes("database", size.file_bytes);
    put_count("pieces", size.pieces);
    put_count("blocks", size.blocks);
    put_count("chains to wipe", reach.marked_chains);
    put_bytes("journal", (int64_t)journal_bytes(cfg));
    put_bytes("journal lag", (int64_t)waiting);
    return ERR_OK;
}

static int stats_run(const struct options *o)
{
    return with_store(o, &command_store_stats, show_stats);
}

const struct command command_store_verify = {
    .name = "store verify",
    .summary = "Rebuilds every recorded body and compares hashes; exits with 65 if one is damaged.",
    .takes_flags = true,
    .run = verify_run,
};

const struct command command_store_stats = {
    .name = "store stats",
    .summary = "Says what is recorded and what it takes: raw and stored bytes, pieces, journal and its lag.",
    .takes_flags = true,
    .run = stats_run,
};

/*
 * cmd_import.c — `claude-code-proxy import FILE…`: recorded exchanges out of files, ours and
 * others', into the store; also while a proxy runs. The files are read by import/, the way into the
 * store is intake.c.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/configured.h"
#include "cli/progress.h"
#include "cli/usage.h"
#include "import/importer.h"
#include "intake.h"

enum { COMPLAINTS_MAX = 20 /* of one file; the rest is counted */, SILENCE_MS = 10000 };

struct job {
    struct intake *intake;
    struct importer *importer;
    struct progress progress;
    const char *path;          /* of the file in hand */
    uint64_t complaints;       /* about it */
    struct import_counts before; /* when it began */
    bool has_put_failed, has_told_silence;
    int code;
};

static struct import_counts since(const struct import_counts *a, const struct import_counts *b)
{
    return (struct import_counts){a->imported - b->imported, a->known - b->known,
                                  a->foreign - b->foreign, a->bad - b->bad};
}

static struct import_counts counts_of_file(const struct job *j)
{
    struct import_counts all = importer_counts(j->importer);
    return since(&all, &j->before);
}

/* --- what the importer asks for --- */

static bool has(void *owner, const struct uuid *id)
{
    struct job *j = owner;
    return intake_has(j->intake, id);
}

static enum err put(void *owner, const struct exchange_copy *x, struct fail *f)
{
    struct job *j = owner;
    enum err err = intake_put(j->intake, x, f);
    struct import_counts n = counts_of_file(j);
    j->has_put_failed = err != ERR_OK;
    progress_line(&j->progress, "%s: %llu imported, %llu were there already", j->path,
                  (unsigned long long)n.imported, (unsigned long long)n.known);
    return err;
}

static void complain(void *owner, const char *unit, uint64_t number, const char *why)
{
    struct job *j = owner;
    bool is_line = !strcmp(unit, "line");
    if (++j->complaints > COMPLAINTS_MAX)
        return;
    progress_end(&j->progress);
    if (!number)
        fprintf(stderr, "%s: %s\n", j->path, why);
    else
        fprintf(stderr, is_line ? "%s:%s%llu: %s\n" : "%s: %s %llu: %s\n", j->path,
                is_line ? "" : unit, (unsigned long long)number, why);
}

static void on_wait(uint64_t waited_ms, void *owner)
{
    struct job *j = owner;
    progress_line(&j->progress, "waiting until all is in the store");
    if (waited_ms < SILENCE_MS || j->has_told_silence)
        return;
    j->has_told_silence = true;
    progress_end(&j->progress);
    fputs("the store takes nothing in at the moment; waiting. What has been handed over is taken "
          "in later, even if this is stopped.\n",
          stderr);
}

/* --- files --- */

/* All are looked for before the first is read. */
static bool are_there(const struct options *o)
{
    bool all = true;
    for (int i = 0; i < o->argument_count; i++) {
        struct stat st;
        const char *path = o->arguments[i];
        if (!strcmp(path, "-"))
            continue;
        bool is_readable = access(path, R_OK) == 0 && stat(path, &st) == 0;
        if (!is_readable)
            fprintf(stderr, "claude-code-proxy: %s: %s\n", path, strerror(errno));
        else if (S_ISDIR(st.st_mode))
            fprintf(stderr, "claude-code-proxy: %s: is a folder; name the files in it\n", path);
        all = all && is_readable && !S_ISDIR(st.st_mode);
    }
    return all;
}

static void report(struct job *j)
{
    struct import_counts n = counts_of_file(j);
    progress_end(&j->progress);
    if (j->complaints > COMPLAINTS_MAX)
        fprintf(stderr, "%s: and %llu more like these\n", j->path,
                (unsigned long long)(j->complaints - COMPLAINTS_MAX));
    printf("%s: %llu imported, %llu were there already", j->path, (unsigned long long)n.imported,
           (unsigned long long)n.known);
    if (n.foreign)
        printf(", %llu are no calls of a model", (unsigned long long)n.foreign);
    if (n.bad)
        printf(", %llu could not be read", (unsigned long long)n.bad);
    puts("");
    fflush(stdout);
}

/* False when it makes no sense to go on with another one. */
static bool import_file(struct job *j, const char *path)
{
    struct fail why = {0};
    j->path = path;
    j->complaints = 0;
    j->before = importer_counts(j->importer);
    enum err err = importer_read(j->importer, path, &why);
    report(j);
    if (err || counts_of_file(j).bad)
        j->code = EX_DATAERR;
    if (err)
        fprintf(stderr, "%s: %s\n", path, why.detail);
    if (j->has_put_failed)
        j->code = EX_IOERR;
    return !j->has_put_failed;
}

static void finish(struct job *j)
{
    struct fail why = {0};
    enum err err = intake_finish(j->intake, &why);
    progress_end(&j->progress);
    if (!err)
        return;
    fprintf(stderr, "claude-code-proxy: %s\n", why.detail);
    j->code = EX_IOERR;
}

static void import_all(struct job *j, const struct options *o)
{
    const struct import_sink sink = {.owner = j, .has = has, .put = put, .complain = complain};
    struct redactor *redactor = redactor_new(intake_redact_key(j->intake));
    j->importer = importer_new(&sink, redactor);
    intake_on_wait(j->intake, on_wait, j);
    for (int i = 0; i < o->argument_count; i++)
        if (!import_file(j, o->arguments[i]))
            break;
    finish(j);
    importer_free(j->importer);
    redactor_free(redactor);
}

static int refused(enum err err, const struct fail *why)
{
    fprintf(stderr, "claude-code-proxy: %s\n", why->detail);
    return err == ERR_BUSY ? EX_TEMPFAIL : err == ERR_CONFIG ? EX_CONFIG : EX_CANTCREAT;
}

static int import_run(const struct options *options)
{
    int code;
    struct job job = {.code = EX_OK};
    struct fail why = {0};
    if (!options->argument_count) {
        usage_refuse(&command_import, "name the files to import");
        return EX_USAGE;
    }
    struct config *config = configured(options, &command_import, &code);
    if (!config)
        return code;
    if (!are_there(options)) {
        config_free(config);
        return EX_NOINPUT;
    }
    enum err err = intake_open(&job.intake, config, &why);
    if (err) {
        config_free(config);
        return refused(err, &why);
    }
    import_all(&job, options);
    intake_close(job.intake);
    config_free(config);
    return job.code;
}

const struct command command_import = {
    .name = "import",
    .summary = "Brings recorded exchanges in from files, ours and others', also while a proxy runs.",
    .argument = "FILE...",
    .argument_max = COMMAND_ARGUMENTS_MAX,
    .takes_flags = true,
    .run = import_run,
};

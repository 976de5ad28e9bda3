/*
 * cmd_export.c — `claude-code-proxy export`: what is recorded, as a file, whether a proxy runs or
 * not. The forms and the walk are api/export.c's.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "api/api_query.h"
#include "api/export.h"
#include "base/clock.h"
#include "cli/command.h"
#include "cli/configured.h"
#include "cli/out_file.h"
#include "cli/progress.h"
#include "cli/usage.h"
#include "storage.h"

enum { FLAG_FORMAT, FLAG_OUTPUT, FLAG_FILTERS };

/* From FLAG_FILTERS on: the list's filters, by the names they have in the API. */
static const struct command_flag flags[] = {
    {0, "format", "NAME", "jsonl, json, har, csv, markdown or compact; without it, by FILE's ending."},
    {'o', "output", "FILE", "Where to; without it, or as \"-\", standard output."},
    {0, "model", "NAME", "Only requests for this model, or answered by it."},
    {0, "provider", "NAME", "Only this provider's."},
    {0, "session", "ID", "Only this session's."},
    {0, "agent", "ID", "Only this agent's; \"main\": no sub-agent's; \"sub\": any sub-agent's."},
    {0, "agent-type", "NAME", "Only sub-agents of this type."},
    {0, "class", "NAME", "Only requests of this kind: main, agent, fork, title, compaction ..."},
    {0, "route", "LABEL", "Only requests that this rule fits."},
    {0, "project", "PATH", "Only requests that name this working directory."},
    {0, "tool", "NAME", "Only answers that call this tool."},
    {0, "status", "CODE", "Only answers with this status, 429, or of this class, 4xx."},
    {0, "state", "NAME", "Only what ended so: complete, client_disconnected, upstream_error ..."},
    {0, "q", "TEXT", "Only with this in title, path, model, ids or error, ignoring case."},
    {0, "start", "TIME", "Only from this time on: 2026-11-21T14:00:00Z."},
    {0, "end", "TIME", "Only before this time."},
    {0, NULL, NULL, NULL},
};

struct job {
    const struct export_kind *kind;
    struct query query;
    const char *path;
    struct out_file file;
    struct progress progress;
};

static struct str ending_of(const char *path)
{
    const char *dot = path ? strrchr(path, '.') : NULL;
    return dot ? str_of(dot + 1) : STR_NONE;
}

static bool choose_kind(struct job *j, const struct options *o)
{
    const char *name = o->own[FLAG_FORMAT];
    j->path = o->own[FLAG_OUTPUT];
    if (name) {
        j->kind = export_kind_find(str_of(name));
        if (!j->kind)
            return usage_refuse(&command_export, "--format must be one of %s", export_kind_names());
    } else {
        j->kind = export_kind_of_file(ending_of(j->path));
    }
    if (!j->kind)
        j->kind = export_kind_find(STR("jsonl"));
    if (j->kind == &export_compact && !j->path && isatty(1))
        return usage_refuse(&command_export, "the compact form is no text: give a FILE with -o");
    return true;
}

/* The API writes agent_type, a command line --agent-type. */
static void filter_name(const char *flag, char out[32])
{
    snprintf(out, 32, "%s", flag);
    for (char *c = out; *c; c++)
        if (*c == '-')
            *c = '_';
}

static bool take_filters(struct job *j, const struct options *o)
{
    struct query_fault fault;
    char name[32];
    for (size_t i = FLAG_FILTERS; flags[i].name; i++) {
        struct str value = str_of(o->own[i]);
        filter_name(flags[i].name, name);
        if (value.ptr && !query_set_filter(&j->query, str_of(name), value, &fault))
            return usage_refuse(&command_export, "--%s %s", flags[i].name, fault.message);
    }
    return true;
}

/* --- the work --- */

static void show(struct job *j, const struct export *x)
{
    char size[32];
    progress_line(&j->progress, "%llu exchanges, %s",
                  (unsigned long long)export_count(x).exchanges,
                  progress_bytes(j->file.bytes, size));
}

static void report(const struct job *j, const struct export *x)
{
    struct export_counts counts = export_count(x);
    char size[32];
    fprintf(stderr, "exported %llu exchanges%s%s, %s\n", (unsigned long long)counts.exchanges,
            out_file_is_named(&j->file) ? " to " : "",
            out_file_is_named(&j->file) ? j->path : "", progress_bytes(j->file.bytes, size));
    if (counts.bodies_left_out)
        fprintf(stderr, "%llu bodies are not in it: they had aged out, are damaged, or are too "
                        "long for this form\n",
                (unsigned long long)counts.bodies_left_out);
}

static enum err copy_all(struct job *j, struct export *x, struct store_reader *reader,
                         struct fail *f)
{
    struct buf out;
    bool is_over = false;
    enum err err = ERR_OK;
    buf_init(&out, EXPORT_OUT_MAX);
    while (!is_over && !err) {
        err = export_step(x, reader, &out, &is_over, f);
        if (!err)
            err = out_file_write(&j->file, buf_str(&out), f);
        buf_clear(&out);
        if (out.cap > 4 * EXPORT_STEP_BYTES)
            buf_release(&out);
        show(j, x);
    }
    progress_end(&j->progress);
    buf_release(&out);
    return err;
}

static enum err work(struct job *j, struct store *store, struct fail *f)
{
    const struct export_about about = {VERSION, clock_wall_us()};
    struct store_reader *reader = store_reader_new(store);
    struct export *x = export_new(j->kind, &j->query.filter, &about);
    store_reader_be_patient(reader);
    enum err err = out_file_open(&j->file, j->path, f);
    if (!err)
        err = copy_all(j, x, reader, f);
    if (!err)
        err = out_file_finish(&j->file, f);
    if (!err)
        report(j, x);
    out_file_release(&j->file);
    export_free(x);
    store_reader_free(reader);
    return err;
}

static int export_exit(const struct job *j, enum err err)
{
    if (j->file.has_failed)
        return j->file.is_open ? EX_IOERR : EX_CANTCREAT;
    return command_exit_code(err);
}

static int export_run(const struct options *options)
{
    int code;
    struct job job = {.kind = NULL};
    struct store *store = NULL;
    struct fail why = {0};
    if (!choose_kind(&job, options) || !take_filters(&job, options))
        return EX_USAGE;
    struct config *config = configured(options, &command_export, &code);
    if (!config)
        return code;
    enum err err = storage_open_to_read(&store, config, &why);
    if (!err)
        err = work(&job, store, &why);
    store_close(store);
    config_free(config);
    if (err && !job.file.is_reader_gone)
        fprintf(stderr, "claude-code-proxy: %s\n", *why.detail ? why.detail : err_public(err));
    return export_exit(&job, err);
}

const struct command command_export = {
    .name = "export",
    .summary = "Writes what is recorded to a file, also while a proxy runs.",
    .flags = flags,
    .takes_flags = true,
    .run = export_run,
};

/*
 * cmd_agents.c — `claude-code-proxy agents …`: list, hash.
 */
#include <stdio.h>
#include <unistd.h>

#include "agent_files.h"
#include "agents/fingerprint.h"
#include "cli/command.h"
#include "cli/configured.h"
#include "cli/out_file.h"
#include "cli/usage.h"

enum { CWD_BYTES = 4096 };

static void tell_skipped(const char *file, const char *why)
{
    fprintf(stderr, "no agent: %s %s\n", file, why);
}

/* --- list --- */

static int list(const struct options *o)
{
    int code;
    char cwd[CWD_BYTES];
    struct config *config = configured(o, &command_agents_list, &code);
    if (!config)
        return code;
    struct agent_catalog *c =
        agent_files_read(config, str_of(getcwd(cwd, sizeof cwd)), tell_skipped);
    for (size_t i = 0; i < c->count; i++) {
        const struct agent *a = &c->list[i];
        printf("%-24.*s %-10s %-10.*s %.*s\n", STR_ARGS(a->name), agent_scope_name(a->scope),
               STR_ARGS(a->model.len ? a->model : STR("-")), STR_ARGS(a->file));
    }
    if (!c->count)
        fputs(config->agents_enabled ? "no agents found\n" : "agents.enabled is false\n", stderr);
    catalog_drop(c);
    config_free(config);
    return EX_OK;
}

const struct command command_agents_list = {
    .name = "agents list",
    .summary = "Lists the agents that are known by their files, this folder's project with them.",
    .takes_flags = true,
    .run = list,
};

/* --- hash --- */

static const struct command_flag hash_flags[] = {
    {'o', "output", "FILE", "Where to; without it agent_hashes.json, \"-\": standard output."},
    {0, NULL, NULL, NULL},
};

static enum err write_hashes(const struct agent_catalog *c, const char *path, struct fail *f)
{
    struct buf text;
    struct out_file file;
    buf_init(&text, FINGERPRINTS_BYTES_MAX);
    enum err err = fingerprints_write(&text, c);
    if (err)
        fail(f, err, "more agents than fit into one file");
    if (!err && !(err = out_file_open(&file, path, f))) {
        err = out_file_write(&file, buf_str(&text), f);
        if (!err)
            err = out_file_finish(&file, f);
        out_file_release(&file);
    }
    buf_release(&text);
    return err;
}

static int hash(const struct options *o)
{
    struct fail why = {0};
    if (!o->argument_count)
        return usage_refuse(&command_agents_hash, "which folder?");
    const char *path = o->own[0] ? o->own[0] : "agent_hashes.json";
    struct agent_catalog *c = agent_files_read_folder(o->arguments[0], tell_skipped);
    enum err err = c->count ? ERR_OK : fail(&why, ERR_NOT_FOUND, "no agents in %s", o->arguments[0]);
    if (!err)
        err = write_hashes(c, path, &why);
    if (!err && strcmp(path, "-") != 0)
        fprintf(stderr, "%zu agents in %s\n", c->count, path);
    if (err)
        fprintf(stderr, "claude-code-proxy: %s\n", why.detail);
    catalog_drop(c);
    return !err ? EX_OK : err == ERR_NOT_FOUND ? EX_NOINPUT : EX_IOERR;
}

const struct command command_agents_hash = {
    .name = "agents hash",
    .summary = "Writes agent_hashes.json: fingerprints of the agents in a folder, for agents.hashes.",
    .argument = "DIR",
    .argument_max = 1,
    .flags = hash_flags,
    .run = hash,
};

/*
 * agent_files.c — walks the folders that may hold agents; reads their files when a name, size,
 * inode or time in them has changed.
 */
#include "agent_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>
#include <yyjson.h>

#include "agents/fingerprint.h"
#include "base/file_mark.h"
#include "base/log.h"
#include "base/mem.h"

enum { FILE_PATH_BYTES = 4096, PLUGINS_BYTES_MAX = 1 << 20, PLUGINS_MAX = 256 };

typedef void skipped_fn(const char *file, const char *why);

/* What of the configuration counts here. */
struct agent_places {
    bool is_enabled, has_projects;
    char *claude_dir, *hashes; /* may be empty */
    char **dirs;
    size_t dir_count;
};

struct agent_files {
    struct known_agents *known;
    pthread_mutex_t mutex; /* guards the places */
    struct agent_places places;
    uint64_t seen;  /* hash of all that was looked at; 0: nothing yet */
};

/* One look at everything: first for the hash of what is there, then for what is in it. */
struct walk {
    uint64_t hash;
    struct agent_catalog *catalog; /* NULL: only the hash is wanted */
    skipped_fn *on_skipped;
    struct buf file;
    struct arena arena;
    size_t file_count;
};

/* --- places --- */

static void places_init(struct agent_places *p, const struct config *cfg)
{
    *p = (struct agent_places){
        .is_enabled = cfg->agents_enabled,
        .has_projects = cfg->agents_projects == AGENT_PROJECTS_AUTO,
        .claude_dir = mem_strdup(cfg->agents_claude_dir),
        .hashes = mem_strdup(cfg->agents_hashes),
        .dirs = mem_alloc((cfg->agents_dirs.count + 1) * sizeof(char *)),
        .dir_count = cfg->agents_dirs.count,
    };
    for (size_t i = 0; i < p->dir_count; i++)
        p->dirs[i] = mem_strdup(cfg->agents_dirs.items[i]);
}

static void places_release(struct agent_places *p)
{
    for (size_t i = 0; i < p->dir_count; i++)
        free(p->dirs[i]);
    free(p->dirs);
    free(p->claude_dir);
    free(p->hashes);
}

/* --- files --- */

static bool read_file(const char *path, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    ssize_t got = -1;
    buf_clear(out);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        do {
            if (buf_reserve(out, 4096)) {
                got = -1;
                break;
            }
            got = read(fd, out->ptr + out->len, out->cap - out->len);
            out->len += got > 0 ? (size_t)got : 0;
        } while (got > 0);
    if (fd >= 0)
        close(fd);
    return got == 0;
}

static void mix(struct walk *w, const void *bytes, size_t len)
{
    w->hash = XXH3_64bits_withSeed(bytes, len, w->hash);
}

static void mix_stat(struct walk *w, const char *path, const struct stat *st)
{
    struct file_mark mark = file_mark_of(st);
    mix(w, path, strlen(path));
    mix(w, &mark, sizeof mark); /* four words: no padding */
}

static void skip(struct walk *w, const char *path, const char *why)
{
    if (w->on_skipped)
        w->on_skipped(path, why);
}

static void read_agent(struct walk *w, const char *path, const struct agent *like, struct str plugin)
{
    struct definition d;
    if (!read_file(path, &w->file)) {
        skip(w, path, "cannot be read, or is too long");
        return;
    }
    const char *wrong = definition_read(buf_str(&w->file), &w->arena, &d);
    if (wrong) {
        skip(w, path, wrong);
        return;
    }
    struct agent agent = *like;
    agent.file = str_of(path);
    agent.model = d.model;
    agent.is_background = d.is_background;
    agent.name = plugin.len ? arena_printf(&w->arena, "%.*s:%.*s", STR_ARGS(plugin), STR_ARGS(d.name))
                            : d.name;
    if (!catalog_add(w->catalog, &agent, d.prompt))
        skip(w, path, "has no prompt, or there are too many agents");
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a folder, in order; NULL behind the last. */
static char **list_folder(struct walk *w, const char *folder)
{
    DIR *dir = opendir(folder);
    char **names = NULL;
    size_t count = 0, cap = 0;
    for (struct dirent *entry; dir && (entry = readdir(dir)) && w->file_count < AGENT_FILES_MAX;) {
        if (entry->d_name[0] == '.')
            continue;
        if (count + 1 >= cap) {
            cap = cap ? cap * 2 : 16;
            names = mem_resize(names, cap * sizeof *names);
        }
        names[count++] = mem_strdup(entry->d_name);
        w->file_count++;
    }
    if (dir)
        closedir(dir);
    if (!names)
        return NULL;
    qsort(names, count, sizeof *names, by_name);
    names[count] = NULL;
    return names;
}

/* All *.md below it. */
static void walk_folder(struct walk *w, const char *folder, const struct agent *like,
                        struct str plugin, int depth)
{
    char **names = depth < AGENT_FOLDERS_DEEP ? list_folder(w, folder) : NULL;
    char path[FILE_PATH_BYTES];
    struct stat st;
    for (char **name = names; name && *name; name++) {
        int len = snprintf(path, sizeof path, "%s/%s", folder, *name);
        if (len > 0 && (size_t)len < sizeof path && stat(path, &st) == 0) {
            if (S_ISDIR(st.st_mode)) {
                walk_folder(w, path, like, plugin, depth + 1);
            } else if (S_ISREG(st.st_mode) && str_ends(str_of(path), STR(".md"))) {
                mix_stat(w, path, &st);
                if (w->catalog)
                    read_agent(w, path, like, plugin);
            }
        }
        free(*name);
    }
    free(names);
}

/* --- where they may be --- */

/* .claude/agents in the project's folder and above it, nearest first. */
static void walk_project(struct walk *w, struct str project)
{
    for (int up = 0; up < AGENT_ROOTS_UP && project.len > 1; up++) {
        struct str folder = arena_printf(&w->arena, "%.*s/.claude/agents", STR_ARGS(project));
        const struct agent like = {.scope = AGENT_PROJECT, .root = project};
        walk_folder(w, folder.ptr, &like, STR_NONE, 0);
        while (project.len && project.ptr[project.len - 1] != '/')
            project.len--;
        while (project.len && project.ptr[project.len - 1] == '/')
            project.len--;
    }
}

/* Claude Code's list of plugins: {"plugins":{"name@market":[{"installPath":"…"}]}}; the member was
 * an object before it was an array. */
static void walk_plugin(struct walk *w, yyjson_val *key, yyjson_val *value)
{
    struct str name = str_make(yyjson_get_str(key), yyjson_get_len(key));
    yyjson_val *newest = yyjson_is_arr(value) ? yyjson_arr_get_last(value) : value;
    const char *path = yyjson_get_str(yyjson_obj_get(newest, "installPath"));
    const struct agent like = {.scope = AGENT_PLUGIN};
    if (path && path[0] == '/')
        walk_folder(w, arena_printf(&w->arena, "%s/agents", path).ptr, &like,
                    str_head(name, str_find(name, '@')), 0);
}

static void walk_plugins(struct walk *w, const char *claude_dir)
{
    struct str path = arena_printf(&w->arena, "%s/plugins/installed_plugins.json", claude_dir);
    struct stat st;
    if (stat(path.ptr, &st) != 0 || !read_file(path.ptr, &w->file))
        return;
    mix_stat(w, path.ptr, &st);
    yyjson_doc *doc = yyjson_read(w->file.ptr, w->file.len, 0);
    yyjson_val *plugins = yyjson_obj_get(yyjson_doc_get_root(doc), "plugins"), *key, *value;
    size_t i, max;
    yyjson_obj_foreach(plugins, i, max, key, value)
        if (i < PLUGINS_MAX)
            walk_plugin(w, key, value);
    yyjson_doc_free(doc);
}

static void walk_all(struct walk *w, const struct agent_places *p, const struct str *projects,
                     size_t project_count)
{
    const struct agent configured = {.scope = AGENT_CONFIGURED}, user = {.scope = AGENT_USER};
    if (!p->is_enabled)
        return;
    for (size_t i = 0; p->has_projects && i < project_count; i++)
        walk_project(w, projects[i]);
    for (size_t i = 0; i < p->dir_count; i++)
        walk_folder(w, p->dirs[i], &configured, STR_NONE, 0);
    if (*p->claude_dir) {
        walk_folder(w, arena_printf(&w->arena, "%s/agents", p->claude_dir).ptr, &user, STR_NONE, 0);
        walk_plugins(w, p->claude_dir);
    }
}

static void walk_init(struct walk *w, bool is_reading, skipped_fn *on_skipped)
{
    *w = (struct walk){.catalog = is_reading ? catalog_new() : NULL, .on_skipped = on_skipped};
    buf_init(&w->file, FINGERPRINTS_BYTES_MAX + 4096);
    arena_init(&w->arena);
}

/* The catalog that was read, or NULL. */
static struct agent_catalog *walk_end(struct walk *w)
{
    if (w->catalog)
        catalog_seal(w->catalog);
    buf_release(&w->file);
    arena_release(&w->arena);
    return w->catalog;
}

/* --- fingerprints --- */

static struct agent_catalog *read_hashes(struct walk *w, const struct agent_places *p)
{
    struct agent_catalog *c = catalog_new();
    struct fail why = {0};
    if (p->is_enabled && *p->hashes) {
        if (!read_file(p->hashes, &w->file))
            fail(&why, ERR_IO, "cannot be read");
        else if (fingerprints_read(c, buf_str(&w->file), &why))
            assert(why.code);
        if (why.code)
            log_line(LOG_WARN, "fingerprints of agents are left out", LOG_C("file", p->hashes),
                     LOG_C("reason", why.detail));
    }
    struct str file = arena_str(&c->arena, str_of(p->hashes));
    for (size_t i = 0; i < c->count; i++)
        c->list[i].file = file;
    catalog_seal(c);
    return c;
}

/* --- the chore --- */

static bool has_changed(struct agent_files *a, const struct str *projects, size_t count)
{
    struct walk w;
    struct stat st;
    walk_init(&w, false, NULL);
    for (size_t i = 0; i < count; i++)
        mix(&w, projects[i].ptr, projects[i].len);
    walk_all(&w, &a->places, projects, count);
    if (*a->places.hashes && stat(a->places.hashes, &st) == 0)
        mix_stat(&w, a->places.hashes, &st);
    uint64_t hash = w.hash | 1;
    walk_end(&w);
    bool changed = hash != a->seen;
    a->seen = hash;
    return changed;
}

uint64_t agent_files_step(void *owner)
{
    struct agent_files *a = owner;
    struct str projects[PROJECTS_MAX];
    struct arena arena;
    arena_init(&arena);
    size_t count = known_agents_projects(a->known, projects, &arena);
    pthread_mutex_lock(&a->mutex);
    if (has_changed(a, projects, count)) {
        struct walk w;
        walk_init(&w, true, NULL);
        walk_all(&w, &a->places, projects, count);
        struct agent_catalog *hashes = read_hashes(&w, &a->places);
        struct agent_catalog *catalog = walk_end(&w);
        log_line(LOG_DEBUG, "agents read", LOG_N("count", catalog->count),
                 LOG_N("fingerprints", hashes->count));
        known_agents_put_give(a->known, catalog, hashes, projects, count);
    }
    pthread_mutex_unlock(&a->mutex);
    arena_release(&arena);
    return (uint64_t)AGENT_FILES_EVERY_MS * 1000000;
}

struct agent_files *agent_files_new(const struct config *cfg, struct known_agents *known)
{
    struct agent_files *a = MEM_NEW(struct agent_files);
    int failed = pthread_mutex_init(&a->mutex, NULL);
    assert(!failed);
    a->known = known;
    places_init(&a->places, cfg);
    return a;
}

void agent_files_free(struct agent_files *a)
{
    if (!a)
        return;
    places_release(&a->places);
    pthread_mutex_destroy(&a->mutex);
    free(a);
}

void agent_files_configure(struct agent_files *a, const struct config *cfg)
{
    pthread_mutex_lock(&a->mutex);
    places_release(&a->places);
    places_init(&a->places, cfg);
    a->seen = 0;
    pthread_mutex_unlock(&a->mutex);
}

/* --- for commands --- */

struct agent_catalog *agent_files_read(const struct config *cfg, struct str cwd, skipped_fn *on_skipped)
{
    struct agent_places places;
    struct walk w;
    places_init(&places, cfg);
    walk_init(&w, true, on_skipped);
    walk_all(&w, &places, &cwd, cwd.len ? 1 : 0);
    places_release(&places);
    return walk_end(&w);
}

struct agent_catalog *agent_files_read_folder(const char *folder, skipped_fn *on_skipped)
{
    const struct agent like = {.scope = AGENT_CONFIGURED};
    struct walk w;
    walk_init(&w, true, on_skipped);
    walk_folder(&w, folder, &like, STR_NONE, 0);
    return walk_end(&w);
}

/*
 * config_env.c — the environment, and the two files that count as environment.
 *
 * Such a file holds lines of NAME=value, with `export` before and quotes around as shells have
 * them. It may be another program's too, so lines that are not understood are passed over.
 */
#include "config/config_env.h"

#include <ctype.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/config_file.h"

const char *environment_home(void)
{
    const char *home = getenv("HOME");
    if (home && home[0] == '/')
        return home;
    const struct passwd *user = getpwuid(geteuid());
    return user && user->pw_dir && user->pw_dir[0] == '/' ? user->pw_dir : NULL;
}

static void dotenv_read(struct dotenv *d, const char *path, const char *name, struct problems *p)
{
    struct config_file file;
    struct fail why = {0};
    enum err err = config_file_read(&file, path, &why);
    if (err) {
        if (err != ERR_NOT_FOUND)
            problems_add(p, PROBLEM_WARNING, "%s: passed over: %s", name, why.detail);
        config_file_release(&file);
        return;
    }
    d->name = name;
    d->bytes = file.bytes; /* now the dotenv's to release */
}

void environment_init(struct environment *e, struct problems *p)
{
    *e = (struct environment){.files = {{NULL}}};
    arena_init(&e->arena);
    dotenv_read(&e->files[0], ".env", ".env", p);
    const char *home = environment_home();
    if (home)
        dotenv_read(&e->files[1], arena_printf(&e->arena, "%s/.claude/proxy.env", home).ptr,
                    "~/.claude/proxy.env", p);
}

void environment_release(struct environment *e)
{
    for (size_t i = 0; i < COUNT_OF(e->files); i++)
        buf_release(&e->files[i].bytes);
    arena_release(&e->arena);
}

/* `text` begins behind the opening quote. In double quotes, \" and \\ stand for themselves. */
static struct str unquote(struct str text, char quote, struct arena *a)
{
    char *out = arena_alloc(a, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len && text.ptr[i] != quote; i++) {
        bool escape = quote == '"' && text.ptr[i] == '\\' && i + 1 < text.len &&
                      (text.ptr[i + 1] == '"' || text.ptr[i + 1] == '\\');
        out[len++] = text.ptr[i += escape];
    }
    out[len] = '\0';
    return str_make(out, len);
}

static struct str bare(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == '#' && (i == 0 || isblank((unsigned char)text.ptr[i - 1])))
            text = str_head(text, i);
    return str_trim(text);
}

/* The value, if this line sets `name`. */
static bool line_sets(struct str line, struct str name, struct arena *a, struct str *value)
{
    if (line.len && line.ptr[line.len - 1] == '\r')
        line.len--;
    line = str_trim(line);
    if (str_starts(line, STR("export ")))
        line = str_trim(str_from(line, 7));
    size_t equals = str_find(line, '=');
    if (equals == line.len || !str_equal(str_trim(str_head(line, equals)), name))
        return false;
    struct str text = str_trim(str_from(line, equals + 1));
    bool quoted = text.len && (text.ptr[0] == '"' || text.ptr[0] == '\'');
    *value = quoted ? unquote(str_from(text, 1), text.ptr[0], a) : bare(text);
    return true;
}

static struct str dotenv_get(const struct dotenv *d, struct str name, struct arena *a,
                             unsigned *line_number)
{
    struct str rest = buf_str(&d->bytes), line, value, found = STR_NONE;
    if (str_starts(rest, STR("\xef\xbb\xbf")))
        rest = str_from(rest, 3);
    for (unsigned number = 1; str_next(&rest, '\n', &line); number++) {
        if (line_sets(line, name, a, &value)) {
            found = value; /* as in a shell, the last one holds */
            *line_number = number;
        }
    }
    return found;
}

struct str environment_get(struct environment *e, struct str name, const char **source)
{
    struct str value = str_of(getenv(arena_str(&e->arena, name).ptr));
    if (value.len) {
        if (source)
            *source = arena_printf(&e->arena, "environment %.*s", STR_ARGS(name)).ptr;
        return value;
    }
    for (size_t i = 0; i < COUNT_OF(e->files); i++) {
        unsigned line = 0;
        value = e->files[i].name ? dotenv_get(&e->files[i], name, &e->arena, &line) : STR_NONE;
        if (!value.len)
            continue;
        if (source)
            *source =
                arena_printf(&e->arena, "%s:%u %.*s", e->files[i].name, line, STR_ARGS(name)).ptr;
        return value;
    }
    return STR_NONE;
}

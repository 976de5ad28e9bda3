/*
 * project.c — looks for the line that names the working directory: Claude Code writes
 * " - Primary working directory: /path", and for sub-agents "Working directory: /path"; in the
 * system prompt, or (2.1.330) in a message.
 */
#include "record/project.h"

#include "record/json_walk.h"

static const struct str mark = {"orking directory: ", 18};

/* Where the JSON string ends that `rest` begins in, or sooner, at an escape among `stops`. */
static size_t text_end(struct str rest, const char *stops)
{
    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '"' &&
           !(rest.ptr[end] == '\\' && end + 1 < rest.len && strchr(stops, rest.ptr[end + 1])))
        end += rest.ptr[end] == '\\' ? 2 : 1;
    return MIN_OF(end, rest.len);
}

/* The line's rest, as it stands in the JSON. */
static struct str line_at(struct str rest)
{
    return str_head(rest, text_end(rest, "nr"));
}

/* "/…", "~…", "C:\…", "\\…" */
static bool is_path(struct str path)
{
    if (path.len && (path.ptr[0] == '/' || path.ptr[0] == '~' || path.ptr[0] == '\\'))
        return true;
    return path.len > 2 && path.ptr[1] == ':' && (path.ptr[2] == '\\' || path.ptr[2] == '/');
}

static struct str without_slash(struct str path)
{
    while (path.len > 1 && (path.ptr[path.len - 1] == '/' || path.ptr[path.len - 1] == ' '))
        path.len--;
    return path;
}

struct str project_find(struct str system, struct arena *arena)
{
    const char *at;
    while (system.len && (at = memmem(system.ptr, system.len, mark.ptr, mark.len))) {
        system = str_from(system, (size_t)(at - system.ptr) + mark.len);
        struct str path = json_read_inside(line_at(system), PROJECT_BYTES_MAX, arena);
        if (is_path(path))
            return without_slash(path);
    }
    return STR_NONE;
}

/* Behind the next heading that begins a line; empty where none does. */
static struct str next_heading(struct str messages)
{
    static const struct str heading = {"# Environment\\n", 15};
    const char *at;
    for (size_t from = 0; from < messages.len; from = (size_t)(at - messages.ptr) + 1) {
        at = memmem(messages.ptr + from, messages.len - from, heading.ptr, heading.len);
        if (!at)
            break;
        struct str before = str_head(messages, (size_t)(at - messages.ptr));
        if (str_ends(before, STR("\"")) || str_ends(before, STR("\\n")))
            return str_from(messages, before.len + heading.len);
    }
    return STR_NONE;
}

struct str project_find_in_messages(struct str messages, struct arena *arena)
{
    struct str rest = next_heading(messages);
    return project_find(str_head(rest, text_end(rest, "")), arena);
}

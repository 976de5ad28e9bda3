/*
 * damaged.c — damaged segments that are kept for somebody to look at.
 *
 * Names are numbers of one length, so that they sort by age.
 */
#include "index/damaged.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"

static int is_one(const struct dirent *e)
{
    return str_ends(str_of(e->d_name), STR(".seg" DAMAGED_SUFFIX));
}

static void path_of(const char *dir, const char *name, char out[4096])
{
    snprintf(out, 4096, "%s/%s", dir, name);
}

static uint64_t bytes_of(const char *dir, const char *name)
{
    char path[4096];
    struct stat st;
    path_of(dir, name, path);
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void drop(const char *dir, const char *name)
{
    char path[4096];
    path_of(dir, name, path);
    if (unlink(path) == 0)
        log_line(LOG_WARN, "a damaged journal segment was deleted: there are too many",
                 LOG_C("path", path));
}

int damaged_trim(const char *journal_path, int files_max, uint64_t bytes_max)
{
    struct dirent **list;
    uint64_t bytes = 0;
    int count = scandir(journal_path, &list, is_one, alphasort), dropped = 0;
    if (count < 0)
        return 0;
    for (int i = count - 1; i >= 0; i--) { /* from the newest */
        bytes += bytes_of(journal_path, list[i]->d_name);
        bool has_room = count - i <= files_max && bytes <= bytes_max;
        if (!has_room && i < count - 1) {
            drop(journal_path, list[i]->d_name);
            dropped++;
        }
        free(list[i]);
    }
    free(list);
    return dropped;
}

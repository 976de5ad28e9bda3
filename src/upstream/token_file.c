/*
 * token_file.c — where a user's own Claude token stands.
 *
 * Claude Code's file is an object with a member claudeAiOauth: accessToken, refreshToken, expiresAt
 * (milliseconds since 1970), and more that is not ours to know.
 */
#include "upstream/token_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yyjson.h>

#include "base/buf.h"

bool token_is_plain(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= 0x20 || text.ptr[i] >= 0x7f)
            return false;
    return text.len && text.len < TOKEN_MAX;
}

static enum err read_whole(const char *path, struct buf *out, mode_t *mode, struct fail *f)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fail(f, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path, strerror(errno));
    enum err err = ERR_OK;
    ssize_t got = 1;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        err = fail(f, ERR_IO, "%s: is no file", path);
    while (!err && got > 0) {
        err = buf_reserve(out, 4096) ? fail(f, ERR_IO, "%s: is too large", path) : ERR_OK;
        got = err ? 0 : read(fd, out->ptr + out->len, 4096);
        out->len += got > 0 ? (size_t)got : 0;
    }
    if (!err && got < 0)
        err = fail(f, ERR_IO, "%s: %s", path, strerror(errno));
    *mode = st.st_mode & 0777;
    close(fd);
    return err;
}

static bool copy(char out[TOKEN_MAX], struct str text)
{
    if (!token_is_plain(text))
        return false;
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return true;
}

static struct str text_of(yyjson_val *obj, const char *name)
{
    yyjson_val *v = yyjson_obj_get(obj, name);
    return yyjson_is_str(v) ? str_make(yyjson_get_str(v), yyjson_get_len(v)) : STR_NONE;
}

static bool take_login(yyjson_val *login, struct token_set *out)
{
    if (!copy(out->access, text_of(login, "accessToken")))
        return false;
    struct str refresh = text_of(login, "refreshToken");
    if (refresh.len && !copy(out->refresh, refresh))
        return false;
    out->expires_ms = (int64_t)yyjson_get_num(yyjson_obj_get(login, "expiresAt"));
    return true;
}

static struct str trim_lines(struct str s)
{
    while (s.len && strchr(" \t\r\n", s.ptr[s.len - 1]))
        s.len--;
    while (s.len && strchr(" \t\r\n", s.ptr[0]))
        s = str_from(s, 1);
    return s;
}

enum err token_file_read(const char *path, struct token_set *out, struct fail *f)
{
    struct buf bytes;
    mode_t mode;
    memset(out, 0, sizeof *out);
    buf_init(&bytes, TOKEN_FILE_MAX);
    enum err err = read_whole(path, &bytes, &mode, f);
    struct str text = trim_lines(buf_str(&bytes));
    bool is_fine = false;
    if (!err && text.len && text.ptr[0] == '{') {
        yyjson_doc *doc = yyjson_read(text.ptr, text.len, 0);
        is_fine = take_login(yyjson_obj_get(yyjson_doc_get_root(doc), "claudeAiOauth"), out);
        yyjson_doc_free(doc);
    } else if (!err) {
        is_fine = copy(out->access, text);
    }
    if (!err && !is_fine)
        err = fail(f, ERR_BAD_REQUEST, "%s: holds neither Claude Code's login nor just a token", path);
    buf_release(&bytes);
    return err;
}

/* The text of the file with the new set in it; malloc'ed. NULL: it is no login any more. */
static char *renewed_text(struct str text, const struct token_set *set, size_t *len)
{
    yyjson_doc *doc = yyjson_read(text.ptr, text.len, 0);
    yyjson_mut_doc *out = doc ? yyjson_doc_mut_copy(doc, NULL) : NULL;
    yyjson_mut_val *login = yyjson_mut_obj_get(yyjson_mut_doc_get_root(out), "claudeAiOauth");
    char *written = NULL;
    if (login &&
        yyjson_mut_obj_put(login, yyjson_mut_str(out, "accessToken"), yyjson_mut_str(out, set->access)) &&
        yyjson_mut_obj_put(login, yyjson_mut_str(out, "refreshToken"),
                           yyjson_mut_str(out, set->refresh)) &&
        yyjson_mut_obj_put(login, yyjson_mut_str(out, "expiresAt"), yyjson_mut_sint(out, set->expires_ms)))
        written = yyjson_mut_write(out, 0, len);
    yyjson_mut_doc_free(out);
    yyjson_doc_free(doc);
    return written;
}

static bool write_all(int fd, const char *bytes, size_t len)
{
    while (len) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

/* Beside the file, synced, and then in its place. */
static enum err put_in_place(const char *path, mode_t mode, const char *bytes, size_t len,
                             struct fail *f)
{
    char fresh[4200];
    if (snprintf(fresh, sizeof fresh, "%s.XXXXXX", path) >= (int)sizeof fresh)
        return fail(f, ERR_IO, "%s: its name is too long", path);
    int fd = mkstemp(fresh);
    bool is_fine = fd >= 0 && fchmod(fd, mode) == 0 && write_all(fd, bytes, len) && fsync(fd) == 0;
    int why = errno;
    if (fd >= 0 && close(fd) != 0 && is_fine)
        is_fine = false, why = errno;
    if (is_fine && rename(fresh, path) != 0)
        is_fine = false, why = errno;
    if (!is_fine && fd >= 0)
        unlink(fresh);
    return is_fine ? ERR_OK : fail(f, ERR_IO, "%s: %s", path, strerror(why));
}

enum err token_file_write(const char *path, const struct token_set *set, struct fail *f)
{
    struct buf bytes;
    mode_t mode;
    size_t len = 0;
    char *real = realpath(path, NULL); /* behind a link, the link stays */
    buf_init(&bytes, TOKEN_FILE_MAX);
    enum err err = real ? read_whole(real, &bytes, &mode, f)
                        : fail(f, ERR_NOT_FOUND, "%s: %s", path, strerror(errno));
    char *text = err ? NULL : renewed_text(buf_str(&bytes), set, &len);
    if (!err && !text)
        err = fail(f, ERR_BAD_REQUEST, "%s: holds no login any more", path);
    if (!err)
        err = put_in_place(real, mode, text, len, f);
    free(text);
    free(real);
    buf_release(&bytes);
    return err;
}

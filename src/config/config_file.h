/*
 * config_file.h — a small file read whole, and only if it is one.
 */
#ifndef CONFIG_CONFIG_FILE_H
#define CONFIG_CONFIG_FILE_H

#include "base/buf.h"

enum { CONFIG_FILE_MAX = 1 << 20 }; /* bytes */

struct config_file {
    struct buf bytes;
    bool strange; /* somebody else could have written it: world-writable, or a foreign owner */
};

/* ERR_NOT_FOUND: there is none. ERR_CONFIG: it cannot be read, or is no file, or too large; `why`
 * says which. Never blocks, not even on a FIFO. Release it either way. */
enum err config_file_read(struct config_file *file, const char *path, struct fail *why) MUST_CHECK;
void config_file_release(struct config_file *file);

#endif

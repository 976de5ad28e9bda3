/*
 * data_dir.h — the folder of everything recorded: made private, owned by one process at a time.
 */
#ifndef DATA_DIR_H
#define DATA_DIR_H

#include "base/err.h"
#include "record/redact.h"

enum { NODE_TEXT = 72 };

struct data_dir {
    int lock_fd;
    uint8_t redact_key[REDACT_KEY_BYTES]; /* made once per install, in <dir>/redact.key */
};

/* ERR_BUSY when another process has it; the detail names its pid. */
enum err data_dir_open(struct data_dir *d, const char *path, struct fail *f) MUST_CHECK;
/* Makes a folder and those above it, private, where they are missing. */
enum err data_dir_make(const char *path, struct fail *f) MUST_CHECK;
/* "host-1a2b": the host's name, and digits that tell its data folders apart. */
void data_dir_node(const struct data_dir *d, char out[NODE_TEXT]);
/* For who reads beside the owner: only the key. ERR_NOT_FOUND: nothing was ever recorded there. */
enum err data_dir_read_key(const char *path, uint8_t key[REDACT_KEY_BYTES],
                           struct fail *f) MUST_CHECK;
void data_dir_close(struct data_dir *d);

#endif

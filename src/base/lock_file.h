/*
 * lock_file.h — a file that one process at a time holds, and that names it. The lock goes with the
 * process, however it ends; the file stays.
 */
#ifndef BASE_LOCK_FILE_H
#define BASE_LOCK_FILE_H

#include "base/err.h"

/* Makes `path` (0600) if need be. `what` is said to be in use, by whom: ERR_BUSY. *fd is -1 on
 * failure; lock_file_give_up() or the process's end gives the lock up. */
enum err lock_file_take(const char *path, const char *what, int *fd, struct fail *f) MUST_CHECK;

void lock_file_give_up(int *fd); /* the file names nobody then; fine on -1 */

#endif

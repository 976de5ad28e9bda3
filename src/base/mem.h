/*
 * mem.h — allocation that does not fail.
 *
 * For small things whose size we chose ourselves. Anything whose size a peer chose
 * goes through a buffer with a ceiling (buf.h), which can say ERR_TOO_LARGE.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/base.h"

/* These return zeroed (`mem_new`) or raw memory, or abort. */
void *mem_alloc(size_t bytes);
void *mem_zeroed(size_t bytes);
void *mem_resize(void *old, size_t bytes);
char *mem_strdup(const char *text); /* NULL stays NULL */
void *mem_dup(const void *ptr, size_t bytes);
/* What was freed goes back to the system, where libc can do that. Takes some milliseconds for 100 MB. */
void mem_rest(void);

#define MEM_NEW(type) ((type *)mem_zeroed(sizeof(type)))

#endif

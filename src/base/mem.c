/*
 * mem.c — allocation that aborts when the machine has no memory left.
 */
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

static void *checked(void *ptr)
{
    if (!ptr) {
        fputs("out of memory\n", stderr);
        abort();
    }
    return ptr;
}

void *mem_alloc(size_t bytes)
{
    return checked(malloc(bytes ? bytes : 1));
}

void *mem_zeroed(size_t bytes)
{
    return checked(calloc(1, bytes ? bytes : 1));
}

void *mem_resize(void *old, size_t bytes)
{
    return checked(realloc(old, bytes ? bytes : 1));
}

void *mem_dup(const void *ptr, size_t bytes)
{
    void *copy = mem_alloc(bytes);
    if (bytes)
        memcpy(copy, ptr, bytes);
    return copy;
}

char *mem_strdup(const char *text)
{
    return text ? mem_dup(text, strlen(text) + 1) : NULL;
}

void mem_rest(void)
{
#ifdef __GLIBC__
    malloc_trim(0); /* by itself it keeps what threads have freed */
#endif
}

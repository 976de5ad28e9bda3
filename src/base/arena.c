/*
 * arena.c — a bump allocator over a few pages.
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

enum { PAGE_BYTES = 4096 - 32 };

struct arena_page {
    struct arena_page *older;
    size_t size;
    alignas(max_align_t) char bytes[];
};

void arena_init(struct arena *a)
{
    *a = (struct arena){0};
}

void arena_release(struct arena *a)
{
    while (a->pages) {
        struct arena_page *older = a->pages->older;
        free(a->pages);
        a->pages = older;
    }
    *a = (struct arena){0};
}

void arena_clear(struct arena *a)
{
    while (a->pages && a->pages->older) {
        struct arena_page *older = a->pages->older;
        free(a->pages);
        a->pages = older;
    }
    if (!a->pages)
        return;
    a->at = a->pages->bytes;
    a->end = a->pages->bytes + a->pages->size;
}

static void add_page(struct arena *a, size_t bytes)
{
    size_t size = MAX_OF(bytes, (size_t)PAGE_BYTES);
    struct arena_page *page = mem_alloc(sizeof *page + size);
    page->older = a->pages;
    page->size = size;
    a->pages = page;
    a->at = page->bytes;
    a->end = page->bytes + size;
}

static size_t round_up(size_t bytes)
{
    return (bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
}

void *arena_alloc(struct arena *a, size_t bytes)
{
    size_t rounded = round_up(bytes);
    assert(rounded >= bytes);
    if ((size_t)(a->end - a->at) < rounded)
        add_page(a, rounded);
    void *ptr = a->at;
    a->at += rounded;
    return ptr;
}

void *arena_zeroed(struct arena *a, size_t bytes)
{
    return memset(arena_alloc(a, bytes), 0, bytes);
}

struct str arena_str(struct arena *a, struct str s)
{
    char *copy = arena_alloc(a, s.len + 1);
    if (s.len)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return (struct str){copy, s.len};
}

void arena_keep(struct arena *a, struct str *const strings[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        *strings[i] = strings[i]->len ? arena_str(a, *strings[i]) : STR_NONE;
}

struct str arena_str_grow(struct arena *a, struct str s, struct str more)
{
    size_t len = s.len + more.len;
    char *at = (char *)s.ptr;
    bool is_newest = at && at + round_up(s.len + 1) == a->at;
    if (!is_newest || round_up(len + 1) > (size_t)(a->end - at)) {
        at = arena_alloc(a, 2 * (len + 1)); /* what is not needed yet is free again below */
        if (s.len)
            memcpy(at, s.ptr, s.len);
    }
    a->at = at + round_up(len + 1);
    if (more.len)
        memcpy(at + s.len, more.ptr, more.len);
    at[len] = '\0';
    return (struct str){at, len};
}

struct str arena_printf(struct arena *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(length >= 0);
    char *text = arena_alloc(a, (size_t)length + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    return (struct str){text, (size_t)length};
}

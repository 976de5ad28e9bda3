/*
 * arena.h — memory for everything that lives as long as one exchange, freed in one call.
 *
 * For things whose size we bound elsewhere (heads, paths, ids). Not for bodies.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/str.h"

struct arena_page;

struct arena {
    struct arena_page *pages; /* newest first */
    char *at, *end;           /* free room in the newest page */
};

void arena_init(struct arena *a); /* allocates nothing yet */
void arena_release(struct arena *a);
void arena_clear(struct arena *a); /* frees all but one page, which is used again */
void *arena_alloc(struct arena *a, size_t bytes); /* raw, aligned for any type */
void *arena_zeroed(struct arena *a, size_t bytes);
struct str arena_str(struct arena *a, struct str s);       /* a copy; a zero byte follows it */
/* Puts a copy in the place of each; what is empty becomes STR_NONE. */
void arena_keep(struct arena *a, struct str *const strings[], size_t count);
/* `s`, a string of this arena, with `more` behind it. In place where it is the newest: then many
 * small pieces cost no more than one large one. */
struct str arena_str_grow(struct arena *a, struct str s, struct str more);
struct str arena_printf(struct arena *a, const char *format, ...) PRINTF_LIKE(2, 3);

#define ARENA_NEW(a, type) ((type *)arena_zeroed((a), sizeof(type)))

#endif

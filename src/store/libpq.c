/*
 * libpq.c — finding PostgreSQL's client library and its functions.
 */
#include "store/libpq.h"

#include <uv.h>

struct libpq pq;

static uv_once_t once = UV_ONCE_INIT;
static bool is_loaded;
static struct fail why;

#ifdef __APPLE__
#define LIBPQ_FILE "libpq.5.dylib"
#else
#define LIBPQ_FILE "libpq.so.5"
#endif

static bool find_functions(uv_lib_t *library)
{
#define FIND(name) && uv_dlsym(library, "PQ" #name, (void **)&pq.name) == 0
    return true LIBPQ_FUNCTIONS(FIND);
#undef FIND
}

/* Where the system looks, then where it was when this was built: Homebrew's is in neither of
 * macOS's places. Never unloaded. */
static void load(void)
{
    static uv_lib_t library;
    static const char *const places[] = {LIBPQ_FILE, LIBPQ_DIR "/" LIBPQ_FILE};
    for (size_t i = 0; i < COUNT_OF(places) && !is_loaded; i++) {
        if (uv_dlopen(places[i], &library) == 0)
            is_loaded = find_functions(&library);
        if (!is_loaded) {
            fail(&why, ERR_CONFIG, "storage.type postgres needs PostgreSQL's client library, 14 or "
                 "later: install the package libpq5 (Debian, Ubuntu), libpq (Fedora, Alpine, "
                 "Homebrew) or postgresql-libs (Arch): %s", uv_dlerror(&library));
            uv_dlclose(&library);
        }
    }
}

enum err libpq_load(struct fail *f)
{
    uv_once(&once, load);
    return is_loaded ? ERR_OK : fail(f, ERR_CONFIG, "%s", why.detail);
}

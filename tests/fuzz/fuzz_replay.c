/*
 * fuzz_replay.c — runs a fuzz target without a fuzzer: over each file of a folder, and over
 * mutations of it that are the same in every run.
 *
 *     fuzz_sse_replay FOLDER [MUTATIONS]
 *
 * When a promise is broken, the input is left in "fuzz-crash" in the working directory.
 */
#include <dirent.h>
#include <signal.h>
#include <unistd.h>

#include "fuzz.h"

enum { INPUT_MAX = 1 << 20 }; /* bytes of one file; what is behind is left out */

static uint8_t seed_bytes[INPUT_MAX], input[INPUT_MAX];
static size_t input_size;
static uint64_t state = 0x9e3779b97f4a7c15ull;

static size_t pick(size_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return below ? (size_t)(state >> 11) % below : 0;
}

static void keep_input(int signal_number)
{
    FILE *f = fopen("fuzz-crash", "wb");
    if (f) {
        fwrite(input, 1, input_size, f);
        fclose(f);
    }
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

/* An exact copy on the heap, so that a sanitizer sees a read past the end. */
static void run(void)
{
    uint8_t *copy = malloc(input_size ? input_size : 1);
    memcpy(copy, input, input_size);
    LLVMFuzzerTestOneInput(copy, input_size);
    free(copy);
}

static void mutate_once(void)
{
    static const char interesting[] = "{}[]\",:\\ \n\r\t0-9utf\0\x7f\x80\xc3\xff";
    size_t at = pick(input_size), other = pick(input_size), len = pick(16);
    switch (pick(6)) {
    case 0:
        input[at] = (uint8_t)pick(256);
        break;
    case 1:
        input[at] = (uint8_t)interesting[pick(sizeof interesting - 1)];
        break;
    case 2:
        input[at] ^= (uint8_t)(1u << pick(8));
        break;
    case 3: /* out */
        len = len < input_size - at ? len : input_size - at;
        memmove(input + at, input + at + len, input_size - at - len);
        input_size -= len;
        break;
    case 4: /* again */
        len = len < input_size - other ? len : input_size - other;
        if (input_size + len > INPUT_MAX)
            break;
        memmove(input + at + len, input + at, input_size - at);
        memmove(input + at, input + other, len);
        input_size += len;
        break;
    default: /* cut */
        if (pick(4) == 0)
            input_size = at;
    }
}

static size_t replay(const char *path, long mutations)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return 0;
    size_t size = fread(seed_bytes, 1, INPUT_MAX, f);
    fclose(f);
    for (long i = 0; i <= mutations; i++) {
        memcpy(input, seed_bytes, input_size = size);
        for (size_t n = i ? 1 + pick(6) : 0; n > 0 && input_size; n--)
            mutate_once();
        run();
    }
    return 1;
}

int main(int argc, char **argv)
{
    DIR *folder = argc > 1 ? opendir(argv[1]) : NULL;
    long mutations = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
    if (!folder) {
        fprintf(stderr, "usage: %s FOLDER [MUTATIONS]\n", argv[0]);
        return 2;
    }
    signal(SIGABRT, keep_input);
    signal(SIGSEGV, keep_input);
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        if (entry->d_name[0] != '.')
            count += replay(path, mutations);
    }
    closedir(folder);
    printf("%zu inputs, each mutated %ld times\n", count, mutations);
    return count ? 0 : 1;
}

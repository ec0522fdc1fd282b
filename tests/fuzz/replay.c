/* SPDX-License-Identifier: Apache-2.0
 *
 * The main of a fuzzer where there is no libFuzzer (gcc, and the sanitizer builds of `make test`): fuzz_NAME gives every
 * file of tests/fuzz/corpus/NAME to the parser, whole and cut off at up to CUTS places. With arguments it gives it those
 * files instead, as libFuzzer does: what `make fuzz` has found is looked into that way. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BYTES (1 << 20)
#define CUTS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void die(const char *what, const char *path)
{
    fprintf(stderr, "replay: %s: %s\n", what, path);
    exit(1);
}

/* A copy of exactly this length, so that a sanitizer sees the first byte that is read beyond it. */
static void give(const uint8_t *bytes, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    if (!copy)
        die("out of memory", "");
    memcpy(copy, bytes, n);
    LLVMFuzzerTestOneInput(copy, n);
    free(copy);
}

static void replay(const char *path, size_t cuts)
{
    static uint8_t bytes[MAX_BYTES];
    FILE *f = fopen(path, "rb");
    if (!f)
        die("cannot be opened", path);
    size_t n = fread(bytes, 1, sizeof bytes, f);
    if (ferror(f) || n == sizeof bytes)
        die("cannot be read, or is too long", path);
    fclose(f);
    for (size_t i = 0; i < cuts && i < n; i++)
        give(bytes, n < cuts ? i : n * i / cuts);
    give(bytes, n);
}

int main(int argc, char **argv)
{
    char path[1024];
    size_t files = 0;
    for (int i = 1; i < argc; i++)
        replay(argv[i], 0);
    if (argc > 1)
        return 0;
    const char *name = strstr(argv[0], "fuzz_");
    if (!name)
        die("not a fuzzer's name", argv[0]);
    for (const char *next = name; next; next = strstr(next + 1, "fuzz_"))
        name = next;
    int len = snprintf(path, sizeof path, "tests/fuzz/corpus/%s/", name + strlen("fuzz_"));
    DIR *dir = opendir(path);
    if (!dir)
        die("no corpus; write a few inputs there", path);
    for (struct dirent *e; (e = readdir(dir));)
        if (e->d_name[0] != '.') {
            snprintf(path + len, sizeof path - (size_t)len, "%s", e->d_name);
            replay(path, CUTS);
            files++;
        }
    closedir(dir);
    path[len] = '\0';
    if (files == 0)
        die("the corpus is empty", path);
    printf("%zu inputs of %s, each at up to %d lengths\n", files, path, CUTS);
    return 0;
}

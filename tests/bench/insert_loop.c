/* SPDX-License-Identifier: Apache-2.0
 *
 * insert_loop URI FILE...: the peer of a drill: a bare loop of libmongoc's insert_many over the documents of .bson files, one
 * collection a file, as many at once as a drill hands over. Prints the milliseconds of the inserts, and drops what it made. */
#include <mongoc/mongoc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT_ONCE 20000
#define STRETCH ((size_t)12 << 20)

static void die(const char *what)
{
    fprintf(stderr, "insert_loop: %s\n", what);
    exit(1);
}

static unsigned char *slurp(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END))
        die(path);
    *n = (size_t)ftell(f);
    unsigned char *p = malloc(*n ? *n : 1);
    rewind(f);
    if (!p || fread(p, 1, *n, f) != *n)
        die(path);
    fclose(f);
    return p;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        die("URI FILE...");
    mongoc_init();
    bson_error_t e;
    mongoc_client_t *client = mongoc_client_new(argv[1]);
    bson_t opts, *docs = malloc(AT_ONCE * sizeof *docs);
    const bson_t **pointers = malloc(AT_ONCE * sizeof *pointers);
    if (!client || !docs || !pointers)
        die("no client");
    bson_init(&opts);
    BSON_APPEND_BOOL(&opts, "validate", false);
    int64_t took = 0;
    for (int i = 2; i < argc; i++) {
        char name[32];
        size_t n, at = 0;
        unsigned char *p = slurp(argv[i], &n);
        snprintf(name, sizeof name, "c%d", i);
        mongoc_collection_t *c = mongoc_client_get_collection(client, "loop", name);
        int64_t from = bson_get_monotonic_time();
        while (at < n) {
            size_t k = 0, begun = at;
            for (; k < AT_ONCE && at < n; k++) {
                uint32_t len;
                memcpy(&len, p + at, 4);
                len = BSON_UINT32_FROM_LE(len);
                if (k && at + len - begun > STRETCH)
                    break;
                if (len > n - at || !bson_init_static(&docs[k], p + at, len))
                    die("no BSON");
                pointers[k] = &docs[k];
                at += len;
            }
            if (!mongoc_collection_insert_many(c, pointers, k, &opts, NULL, &e))
                die(e.message);
        }
        took += bson_get_monotonic_time() - from;
        if (!mongoc_collection_drop(c, &e))
            die(e.message);
        mongoc_collection_destroy(c);
        free(p);
    }
    printf("%lld\n", (long long)(took / 1000));
    bson_destroy(&opts);
    free(docs);
    free(pointers);
    mongoc_client_destroy(client);
    mongoc_cleanup();
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * bson_walk FILE: libbson's own way through a file of documents, every member of every level visited: what reading them costs
 * whoever reads them. Prints how many there were. */
#include <bson/bson.h>

#include <stdio.h>

static uint64_t walk(bson_iter_t *it)
{
    uint64_t n = 0;
    while (bson_iter_next(it)) {
        bson_iter_t inner;
        n++;
        if ((BSON_ITER_HOLDS_DOCUMENT(it) || BSON_ITER_HOLDS_ARRAY(it)) && bson_iter_recurse(it, &inner))
            n += walk(&inner);
    }
    return n;
}

int main(int argc, char **argv)
{
    bson_error_t error;
    bson_reader_t *reader = argc == 2 ? bson_reader_new_from_file(argv[1], &error) : NULL;
    if (!reader) {
        fprintf(stderr, "bson_walk: wants one file that can be read\n");
        return 2;
    }
    uint64_t documents = 0, members = 0;
    const bson_t *doc;
    bool end = false;
    while ((doc = bson_reader_read(reader, &end))) {
        bson_iter_t it;
        documents++;
        if (bson_iter_init(&it, doc))
            members += walk(&it);
    }
    printf("%llu documents, %llu members\n", (unsigned long long)documents, (unsigned long long)members);
    bson_reader_destroy(reader);
    return end ? 0 : 1;
}

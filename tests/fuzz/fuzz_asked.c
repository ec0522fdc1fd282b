/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes what the Index Optimizer reads in a new index's cause. The first byte says what the rest is: 'p' a server's explain, of which
 * the plan of today is taken; 'e' a document of a sample, of whose values an example is made; 's' documents of a mongos's $indexStats, one behind the other; else a request that writes an index out. */
#include "fuzz.h"

#include "../../src/agents/catalogue_shards.h"

#include <signalbox/agents/index_asked.h>
#include <signalbox/agents/whatif_card.h>

static void plan(const uint8_t *data, size_t size)
{
    bson_t reply;
    char why[128];
    if (!bson_init_static(&reply, data, size))
        return;
    char *hint = sb_what_if_today(&reply, why, sizeof why);
    check(hint || why[0]);
    free(hint);
}

/* What is made of it is the same command on other values. */
static void example(const uint8_t *data, size_t size)
{
    static const char explain[] = "{\"explain\":{\"find\":\"c\",\"filter\":{\"a\":1,\"b.c\":{\"$in\":[1,2]},\"d\":{\"$gt\":3}},\"limit\":5},\"verbosity\":\"executionStats\"}";
    bson_t doc;
    if (!bson_init_static(&doc, data, size))
        return;
    char *made = sb_what_if_example(explain, &doc);
    bson_t *back = made ? bson_new_from_json((const uint8_t *)made, -1, NULL) : NULL;
    if (back) { /* a name or a string of the document that is no text makes none */
        bson_iter_t it, at;
        check(bson_iter_init(&it, back) && bson_iter_find_descendant(&it, "explain.filter.d.$gt", &at) && bson_iter_as_int64(&at) == 3);
        bson_destroy(back);
    }
    free(made);
}

static void shards(const uint8_t *data, size_t size)
{
    struct sb_shards s = {.n = 0};
    struct sb_catalogue c = {.ns = NULL};
    bson_reader_t *reader = bson_reader_new_from_data(data, size);
    const bson_t *doc;
    while ((doc = bson_reader_read(reader, NULL)))
        sb_shards_take(&s, doc);
    check(sb_shards_tell(&s, &c) == 0);
    check(!s.too_many || c.uneven_n == 0);
    bson_reader_destroy(reader);
    sb_shards_release(&s);
    sb_catalogue_release(&c);
}

static void request(const uint8_t *data, size_t size)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_index_asked a;
    char *text = sb_strdup_n((const char *)data, size);
    check(text != NULL);
    if (sb_index_asked_read(text, &a, &err) == 0 && a.options) { /* what is read is a document */
        bson_t *doc = bson_new_from_json((const uint8_t *)a.options, -1, NULL);
        check(doc && !bson_empty(doc));
        bson_destroy(doc);
    } else {
        check(err.code == SB_OK || err.msg[0]);
    }
    for (const char *p = strchr(text, '{'); p; p = strchr(p + 1, '{'))
        check(sb_index_document_of(text, (size_t)(p - text)) <= SB_INDEX_DOCUMENT_OPTIONS);
    sb_index_asked_release(&a);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size && data[0] == 'p')
        plan(data + 1, size - 1);
    else if (size && data[0] == 'e')
        example(data + 1, size - 1);
    else if (size && data[0] == 's')
        shards(data + 1, size - 1);
    else
        request(data, size);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes what servers answer to the look at what others altered: a byte says which reply it is and of which of two looks, a BSON
 * document follows. Whatever they hold, the looks are compared, twice, and what is told has its words. */
#include "fuzz.h"

#include <signalbox/agents/alterations.h>

#include <stdlib.h>

static void told(void *ctx, const struct sb_alteration *a)
{
    size_t *n = ctx;
    check(a->what && a->what[0] && a->kind < SB_FACT_KINDS);
    (*n)++;
}

static int take(struct sb_setup *l, int which, const bson_t *doc)
{
    char *ns = NULL;
    int rc;
    switch (which) {
    case 0: return sb_setup_take_hello(l, "a:1", doc);
    case 1: return sb_setup_take_build(l, "a:1", doc);
    case 2: return sb_setup_take_fcv(l, "", doc);
    case 3: return sb_setup_take_parameters(l, "a:1", doc);
    case 4: return sb_setup_take_config(l, "", doc);
    case 5: return sb_setup_take_index(l, "shop.orders", doc) || sb_setup_mark(l, SB_FACT_INDEX, "shop.orders");
    case 6: return sb_setup_take_client(l, doc) || sb_setup_mark(l, SB_FACT_CLIENT, "");
    default:
        rc = sb_setup_take_collection(l, "shop", doc, &ns) || sb_setup_mark(l, SB_FACT_COLLECTION, "");
        free(ns);
        return rc;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sb_setup look[2] = {0};
    size_t n = 0;
    while (size > 5) {
        uint32_t len;
        bson_t doc;
        memcpy(&len, data + 1, sizeof len);
        len = BSON_UINT32_FROM_LE(len);
        if (len < 5 || len > size - 1)
            break;
        if (bson_init_static(&doc, data + 1, len))
            check(take(&look[data[0] >> 3 & 1], data[0] & 7, &doc) == 0 || look[data[0] >> 3 & 1].full);
        data += 1 + len;
        size -= 1 + len;
    }
    check(sb_setup_compare(&look[0], &look[1], told, &n) == 0);
    check(sb_setup_compare(&look[1], &look[0], told, &n) == 0);
    sb_setup_release(&look[0]);
    sb_setup_release(&look[1]);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the reading of what a write has set, from the `o` of an oplog entry that a hostile or broken server has written. What
 * it finds lies within the entry, and can be copied. */
#include "../../src/agents/step_iterator_kinds.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const paths[] = {"name", "address.zip", "a.b.c", "u", "$v", "diff.u"};
    bson_t o;
    bson_iter_t it;
    if (size < 5 || !bson_init_static(&o, data, size))
        return 0;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        bson_t copy = BSON_INITIALIZER;
        if (sb_write_sets(&o, paths[i], &it)) {
            check(it.raw >= data && it.raw + it.len <= data + size);
            check(BSON_APPEND_VALUE(&copy, "v", bson_iter_value(&it)));
        }
        bson_destroy(&copy);
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes meta.pbm, the list of namespaces of a backup in a store of Percona's: what comes out is a list whose members have what the
 * reader of metadata.json goes by, or a reason. */
#include "../../src/formats/pbm.h"
#include "fuzz.h"

#include <signalbox/base/json.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *what = NULL;
    json_t *v = sb_pbm_specs(data, size, &what), *n;
    size_t i;
    check(v || what);
    if (v)
        check(json_is_array(json_object_get(v, "namespaces")));
    json_array_foreach(json_object_get(v, "namespaces"), i, n)
        check(sb_json_str(n, "collection") && sb_json_str(n, "metadata") && sb_json_str(n, "type"));
    json_decref(v);
    return 0;
}

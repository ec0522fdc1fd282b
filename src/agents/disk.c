/* SPDX-License-Identifier: Apache-2.0 */
#include "bson_get.h"

#include <signalbox/agents/disk.h>

int sb_disk_read(struct sb_conn *c, int64_t *total, int64_t *room, struct sb_err *err)
{
    bson_t reply;
    if (sb_read_json(c, "admin", "{\"dbStats\": 1}", &reply, err))
        return -1;
    int64_t all = sb_number_of(&reply, "fsTotalSize"), used = sb_number_of(&reply, "fsUsedSize");
    bson_destroy(&reply);
    if (all <= 0 || used < 0 || used > all)
        return sb_fail(err, SB_ESERVER, "dbStats does not tell fsTotalSize and fsUsedSize");
    *total = all;
    *room = all - used;
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "bson_get.h"

#include <signalbox/agents/oplog.h>

#include <stdio.h>

int sb_oplog_time(struct sb_conn *c, enum sb_oplog_entry which, uint64_t *ts, struct sb_err *err)
{
    char command[160];
    *ts = 0;
    snprintf(command, sizeof command, "{\"find\": \"oplog.rs\", \"sort\": {\"$natural\": %d}, \"limit\": 1, \"projection\": {\"ts\": 1}}", (int)which);
    return sb_read_cursor_json(c, "local", command, 1, sb_take_ts, ts, err) < 0 ? -1 : 0;
}

int sb_oplog_window(struct sb_conn *c, uint64_t oldest, uint64_t newest, int64_t *seconds, struct sb_err *err)
{
    bson_t reply;
    if (sb_read_json(c, "local", "{\"collStats\": \"oplog.rs\"}", &reply, err))
        return -1;
    int64_t size = sb_number_of(&reply, "size"), most = sb_number_of(&reply, "maxSize"), span = (int64_t)(newest >> 32) - (int64_t)(oldest >> 32);
    bson_destroy(&reply);
    if (size <= 0 || most <= 0 || span < 0)
        return sb_fail(err, SB_ESERVER, "collStats does not tell the size of its oplog");
    /* timestamps are whole seconds: of a set that has just begun they are all the same, and that is no window of nothing */
    *seconds = size < most ? (int64_t)((double)(span + 1) * (double)most / (double)size) : span;
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The two doors, without a server: what they let through. */
#include "test.h"

#include <signalbox/base/file.h>
#include <signalbox/mongo/read_door.h>
#include <signalbox/mongo/write_door.h>

#include <string.h>
#include <sys/stat.h>

static int readable(const char *json, struct sb_err *err)
{
    bson_error_t e;
    bson_t *d = bson_new_from_json((const uint8_t *)json, -1, &e);
    if (!d)
        fail_msg("%s: %s", json, e.message);
    int rc = sb_read_allowed(d, err);
    bson_destroy(d);
    return rc;
}

static void reads_pass_and_nothing_else(void **state)
{
    (void)state;
    static const char *const good[] = {
        "{\"serverStatus\": 1}", "{\"analyzeShardKey\": \"shop.a\", \"key\": {\"b\": 1}}", "{\"find\": \"c\", \"filter\": {\"createIndexes\": 1}}", "{\"profile\": -1}",
        "{\"aggregate\": \"c\", \"pipeline\": [{\"$match\": {\"$out\": 1}}], \"cursor\": {}}",
        "{\"aggregate\": 1, \"pipeline\": [{\"$currentOp\": {}}], \"cursor\": {}}",
        "{\"explain\": {\"delete\": \"c\", \"deletes\": []}, \"verbosity\": \"queryPlanner\"}",
        "{\"explain\": {\"aggregate\": \"c\", \"pipeline\": [], \"cursor\": {}}}",
    };
    static const char *const bad[] = {
        "{\"killOp\": 1, \"op\": 4711, \"$db\": \"admin\"}", "{\"killOp\": 1, \"op\": 4711, \"$member\": \"\", \"$db\": \"admin\"}", "{\"killOp\": 1, \"$member\": \"db1:27017\", \"$db\": \"admin\"}",
        "{\"killOp\": 1, \"op\": \"s1:4711\", \"$member\": \"db1:27017\", \"$db\": \"admin\"}", "{\"killOp\": 1, \"op\": -1, \"$member\": \"db1:27017\", \"$db\": \"admin\"}",
        "{\"killOp\": 1, \"op\": 4711, \"$member\": \"db1:27017\", \"$db\": \"shop\"}", "{\"killOp\": 1, \"op\": 4711, \"all\": true, \"$member\": \"db1:27017\", \"$db\": \"admin\"}",
        "{\"killOp\": 2, \"op\": 4711, \"$member\": \"db1:27017\", \"$db\": \"admin\"}", "{\"killOp\": 1, \"op\": 4294967296, \"$member\": \"db1:27017\", \"$db\": \"admin\"}",
        "{\"dropIndexes\": \"c\", \"index\": \"a_1\", \"$member\": \"db1:27017\", \"$db\": \"shop\"}",
        "{}", "{\"insert\": \"c\"}", "{\"createIndexes\": \"c\"}", "{\"dropIndexes\": \"c\"}", "{\"collMod\": \"c\"}", "{\"drop\": \"c\"}",
        "{\"dropDatabase\": 1}", "{\"eval\": \"1\"}", "{\"shutdown\": 1}", "{\"killOp\": 1, \"op\": 1}", "{\"setParameter\": 1}",
        "{\"profile\": 0}", "{\"profile\": 2}", "{\"profile\": -1, \"slowms\": 0}", "{\"profile\": \"-1\"}", "{\"FIND\": \"c\"}", "{\"find \": \"c\"}",
        "{\"replSetStepDown\": 1}", "{\"fsync\": 1}", "{\"validate\": \"c\"}", "{\"mapReduce\": \"c\"}", "{\"findAndModify\": \"c\"}",
        "{\"aggregate\": \"c\", \"pipeline\": [{\"$out\": \"x\"}], \"cursor\": {}}", "{\"aggregate\": \"c\", \"pipeline\": [{\"$match\": {}}, {\"$merge\": {}}]}",
        "{\"aggregate\": \"c\", \"pipeline\": {}}", "{\"aggregate\": \"c\"}", "{\"aggregate\": \"c\", \"pipeline\": [1]}",
        "{\"explain\": {\"aggregate\": \"c\", \"pipeline\": [{\"$out\": \"x\"}]}}", "{\"explain\": {\"dropIndexes\": \"c\"}}", "{\"explain\": 1}",
    };
    for (size_t i = 0; i < SB_COUNT(good); i++) {
        struct sb_err err = SB_ERR_INIT;
        if (readable(good[i], &err))
            fail_msg("%s: %s", good[i], err.msg);
    }
    for (size_t i = 0; i < SB_COUNT(bad); i++) {
        struct sb_err err = SB_ERR_INIT;
        if (readable(bad[i], &err) == 0)
            fail_msg("%s passed", bad[i]);
        assert_true(err.msg[0]);
    }
}

static void writes_are_a_short_list(void **state)
{
    (void)state;
    static const char *const good[] = {
        "{\"create\": \"signalbox_made_1\", \"capped\": true, \"size\": 4096, \"validator\": {\"a\": 1}, \"writeConcern\": {\"w\": \"majority\"}, \"$db\": \"shop\"}", "{\"drop\": \"signalbox_made_1\", \"$db\": \"shop\"}",
        "{\"aggregate\": \"c\", \"pipeline\": [{\"$match\": {\"_id\": {\"$gt\": 1}}}, {\"$merge\": {\"into\": \"signalbox_made_1\", \"on\": \"_id\", \"whenMatched\": \"keepExisting\", \"whenNotMatched\": \"insert\"}}], \"$db\": \"shop\"}",
        "{\"aggregate\": \"signalbox_made_1\", \"pipeline\": [{\"$match\": {\"_id\": {\"$gt\": 1}}}, {\"$merge\": {\"into\": \"c\", \"on\": \"_id\", \"whenMatched\": \"keepExisting\", \"whenNotMatched\": \"insert\"}}], \"$db\": \"shop\"}",
        "{\"renameCollection\": \"shop.signalbox_made_1\", \"to\": \"shop.b\", \"$db\": \"admin\"}",
        "{\"renameCollection\": \"shop.a\", \"to\": \"shop.b.c\", \"writeConcern\": {\"w\": \"majority\"}, \"maxTimeMS\": 5000, \"comment\": \"x\", \"$db\": \"admin\"}",
        "{\"aggregate\": \"c\", \"pipeline\": [{\"$sample\": {\"size\": 9}}, {\"$unset\": [\"a\"]}, {\"$out\": \"signalbox_whatif_C-1\"}], \"cursor\": {}, \"$db\": \"shop\"}",
        "{\"aggregate\": \"c\", \"pipeline\": [{\"$match\": {\"_id\": {\"$gt\": 1}}}, {\"$project\": {\"v\": \"$a\"}}, {\"$merge\": {\"into\": \"signalbox_before_1\", \"on\": \"_id\", \"whenMatched\": \"keepExisting\", \"whenNotMatched\": \"insert\"}}], \"$db\": \"shop\"}",
        "{\"aggregate\": \"signalbox_before_1\", \"pipeline\": [{\"$match\": {\"_id\": {\"$gt\": 1}}}, {\"$project\": {\"v\": 1}}, {\"$merge\": {\"into\": \"c\", \"whenMatched\": [{\"$set\": {\"a\": \"$$new.v\"}}], \"whenNotMatched\": \"discard\"}}], \"$db\": \"shop\"}",
        "{\"drop\": \"signalbox_before_1\", \"$db\": \"shop\"}",
        "{\"aggregate\": \"c\", \"pipeline\": [{\"$match\": {\"_id\": {\"$gt\": 1}}}, {\"$lookup\": {\"from\": \"d\", \"localField\": \"k\", \"foreignField\": \"_id\", \"as\": \"r\"}}, {\"$project\": {\"v\": 1}}, {\"$merge\": {\"into\": \"c\", \"whenMatched\": [{\"$set\": {\"a\": \"$$new.v\"}}], \"whenNotMatched\": \"discard\"}}], \"$db\": \"shop\"}",
        "{\"aggregate\": \"c\", \"pipeline\": [{\"$match\": {\"_id\": {}}}, {\"$project\": {}}, {\"$merge\": {\"into\": \"d\", \"whenMatched\": \"keepExisting\", \"whenNotMatched\": \"insert\"}}], \"$db\": \"shop\"}",
        "{\"aggregate\": \"d\", \"pipeline\": [{\"$match\": {\"_id\": {\"$gt\": 1}}}, {\"$project\": {\"a\": 1}}, {\"$merge\": {\"into\": \"c\", \"whenMatched\": [{\"$set\": {\"a\": \"$$new.a\"}}], \"whenNotMatched\": \"discard\"}}], \"$db\": \"shop\"}",
        "{\"delete\": \"c\", \"deletes\": [{\"q\": {\"_id\": {\"$gt\": 1}, \"at\": {\"$lt\": 9}}, \"limit\": 0, \"hint\": {\"_id\": 1}}], \"$copyTo\": \"d\", \"comment\": \"x\", \"$db\": \"shop\"}",
        "{\"delete\": \"c\", \"deletes\": [{\"q\": {\"_id\": {\"$gt\": 1}}, \"limit\": 0}], \"$sameIn\": \"d\", \"$db\": \"shop\"}",
        "{\"delete\": \"c\", \"deletes\": [{\"q\": {\"_id\": {\"$gt\": 1}}, \"limit\": 0}], \"$noneIn\": {\"coll\": \"d\", \"field\": \"a\"}, \"$db\": \"shop\"}",
        "{\"update\": \"c\", \"updates\": [{\"q\": {\"_id\": {\"$lte\": 9}}, \"u\": [{\"$unset\": \"a\"}], \"multi\": true}], \"$keepIn\": {\"coll\": \"signalbox_before_1\", \"field\": \"a\"}, \"$db\": \"shop\"}",
        "{\"update\": \"c\", \"updates\": [{\"q\": {\"_id\": {\"$lte\": 9}}, \"u\": [{\"$set\": {\"a\": 1}}], \"multi\": true}], \"$keepIn\": {\"coll\": \"signalbox_before_1\", \"field\": \"a\"}, \"$db\": \"shop\"}",
        "{\"killOp\": 1, \"op\": 4711, \"comment\": \"x\", \"$member\": \"db1:27017\", \"$db\": \"admin\"}", "{\"killOp\": 1, \"op\": 4711, \"$member\": \"db1:27017\", \"$db\": \"admin\"}",
        "{\"drop\": \"signalbox_whatif_C-1\", \"$db\": \"shop\"}",
        "{\"createIndexes\": \"c\", \"indexes\": [], \"$db\": \"shop\"}", "{\"dropIndexes\": \"c\", \"index\": \"a_1\", \"$db\": \"shop\"}",
        "{\"collMod\": \"c\", \"index\": {\"name\": \"a\", \"hidden\": true}, \"$db\": \"shop\"}", "{\"profile\": 1, \"$db\": \"shop\"}",
        "{\"collMod\": \"c\", \"index\": {\"name\": \"a\", \"expireAfterSeconds\": 9}, \"$db\": \"shop\"}",
        "{\"collMod\": \"c\", \"validator\": {}, \"validationLevel\": \"strict\", \"validationAction\": \"error\", \"$db\": \"shop\"}",
        "{\"update\": \"c\", \"updates\": [{\"q\": {\"_id\": {\"$gt\": 1, \"$lte\": 9}, \"a\": {\"$exists\": true}}, \"u\": [{\"$set\": {\"b\": \"$a\"}}], \"multi\": true, \"hint\": {\"_id\": 1}}], \"$db\": \"shop\"}",
        "{\"update\": \"c\", \"updates\": [{\"q\": {\"_id\": {\"$lte\": 9}}, \"u\": [{\"$unset\": \"a\"}], \"multi\": true}], \"$db\": \"shop\"}",
    };
    static const char *const bad[] = {
        "{\"delete\": \"c\", \"deletes\": [{\"q\": {\"_id\": {\"$gt\": 1}}, \"limit\": 0}], \"$noneIn\": \"d\", \"$db\": \"shop\"}",
        "{\"delete\": \"c\", \"deletes\": [{\"q\": {\"_id\": {\"$gt\": 1}}, \"limit\": 0}], \"$noneIn\": {\"coll\": \"d\", \"field\": \"_id\"}, \"$db\": \"shop\"}",
        "{\"delete\": \"c\", \"deletes\": [{\"q\": {\"_id\": {\"$gt\": 1}}, \"limit\": 0}], \"$noneIn\": {\"coll\": \"c\", \"field\": \"a\"}, \"$db\": \"shop\"}",
        "{\"delete\": \"c\", \"deletes\": [{\"q\": {\"_id\": {\"$gt\": 1}}, \"limit\": 0}], \"$noneIn\": {\"coll\": \"d\", \"field\": \"a\"}, \"$sameIn\": \"d\", \"$db\": \"shop\"}",
        "{\"update\": \"c\", \"updates\": [{\"q\": {\"_id\": {\"$lte\": 9}}, \"u\": [{\"$unset\": \"a\"}], \"multi\": true}], \"$keepIn\": {\"coll\": \"d\", \"field\": \"a\"}, \"$db\": \"shop\"}",
        "{\"update\": \"c\", \"updates\": [{\"q\": {\"_id\": {\"$lte\": 9}}, \"u\": [{\"$unset\": \"b\"}], \"multi\": true}], \"$keepIn\": {\"coll\": \"signalbox_before_1\", \"field\": \"a\"}, \"$db\": \"shop\"}",
        "{\"update\": \"c\", \"updates\": [{\"q\": {\"_id\": {\"$lte\": 9}}, \"u\": [{\"$set\": {\"a\": 1, \"b\": 2}}], \"multi\": true}], \"$keepIn\": {\"coll\": \"signalbox_before_1\", \"field\": \"a\"}, \"$db\": \"shop\"}",
        "{\"update\": \"c\", \"updates\": [{\"q\": {\"_id\": 1}, \"u\": [{\"$unset\": \"a\"}], \"multi\": true}], \"$keepIn\": {\"coll\": \"signalbox_before_1\", \"field\": \"a\"}, \"$db\": \"shop\"}",
        "{\"aggregate\": \"c\", \"pipeline\": [{\"$match\": {\"_id\": {\"$gt\": 1}}}, {\"$lookup\": {\"from\": \"d\", \"localField\": \"k\", \"foreignField\": \"_id\", \"as\": \"r\"}}, {\"$project\": {\"v\": 1}}, {\"$merge\": {\"into\": \"d\", \"whenMatched\": [{\"$set\": {\"a\": \"$$new.v\"}}], \"whenNotMatched\": \"discard\"}}], \"$db\": \"shop\"}",
        "{\"aggregate\": \"c\", \"pipeline\": [{\"$match\": {\"_id\": {\"$gt\": 1}}}, {\"$lookup\": {\"from\": \"d\", \"localField\": \"k\", \"foreignField\": \"_id\", \"as\": \"r\"}}, {\"$project\": {\"v\": 1}}, {\"$merge\": {\"into\": \"c\", \"whenMatched\": [{\"$set\": {\"a\": \"$$new.v\"}}], \"whenNotMatched\": \"insert\"}}], \"$db\": \"shop\"}",
        "{\"aggregate\": \"c\", \"pipeline\": [{\"$match\": {\"_id\": {\"$gt\": 1}}}, {\"$lookup\": {\"from\": \"d\", \"localField\": \"k\", \"foreignField\": \"_id\", \"as\": \"r\"}}, {\"$project\": {\"v\": 1}}, {\"$merge\": {\"into\": \"c\", \"whenMatched\": [{\"$unset\": {\"a\": \"$$new.v\"}}], \"whenNotMatched\": \"discard\"}}], \"$db\": \"shop\"}",
        "{\"aggregate\": \"c\", \"pipeline\": [{\"$match\": {\"_id\": {\"$gt\": 1}}}, {\"$lookup\": {\"from\": \"d\", \"localField\": \"k\", \"foreignField\": \"_id\", \"as\": \"r\", \"pipeline\": []}}, {\"$project\": {\"v\": 1}}, {\"$merge\": {\"into\": \"c\", \"whenMatched\": [{\"$set\": {\"a\": \"$$new.v\"}}], \"whenNotMatched\": \"discard\"}}], \"$db\": \"shop\"}",
        "{\"aggregate\": \"c\", \"pipeline\": [{\"$match\": {}}, {\"$lookup\": {\"from\": \"d\", \"localField\": \"k\", \"foreignField\": \"_id\", \"as\": \"r\"}}, {\"$project\": {\"v\": 1}}, {\"$merge\": {\"into\": \"c\", \"whenMatched\": [{\"$set\": {\"a\": \"$$new.v\"}}], \"whenNotMatched\": \"discard\"}}], \"$db\": \"shop\"}",
        "{\"drop\": \"c\", \"$db\": \"shop\"}", "{\"drop\": 1, \"$db\": \"shop\"}", "{\"drop\": \"xsignalbox_whatif_1\", \"$db\": \"shop\"}",
        "{\"aggregate\": \"c\", \"pipeline\": [{\"$match\": {}}, {\"$project\": {}}, {\"$merge\": {\"into\": \"signalbox_before_1\", \"whenMatched\": \"keepExisting\", \"whenNotMatched\": \"insert\"}}], \"$db\": \"shop\"}",
        "{\"aggregate\": \"c\", \"pipeline\": [{\"$match\": {\"_id\": {}}}, {\"$project\": {}}, {\"$merge\": {\"into\": \"c\", \"whenMatched\": \"keepExisting\", \"whenNotMatched\": \"insert\"}}], \"$db\": \"shop\"}",
        "{\"aggregate\": \"c\", \"pipeline\": [{\"$match\": {\"_id\": {}}}, {\"$project\": {}}, {\"$merge\": {\"into\": \"system.views\", \"whenMatched\": \"keepExisting\", \"whenNotMatched\": \"insert\"}}], \"$db\": \"shop\"}",
        "{\"aggregate\": \"c\", \"pipeline\": [{\"$match\": {\"_id\": {}}}, {\"$project\": {}}, {\"$merge\": {\"into\": \"d\", \"whenMatched\": \"replace\", \"whenNotMatched\": \"insert\"}}], \"$db\": \"shop\"}",
        "{\"delete\": \"c\", \"deletes\": [{\"q\": {\"_id\": {\"$gt\": 1}}, \"limit\": 0}], \"$db\": \"shop\"}",
        "{\"delete\": \"c\", \"deletes\": [{\"q\": {\"_id\": {\"$gt\": 1}}, \"limit\": 0}], \"$copyTo\": \"c\", \"$db\": \"shop\"}",
        "{\"delete\": \"c\", \"deletes\": [{\"q\": {\"_id\": {\"$gt\": 1}}, \"limit\": 0}], \"$copyTo\": \"system.views\", \"$db\": \"shop\"}",
        "{\"delete\": \"c\", \"deletes\": [{\"q\": {\"_id\": {\"$gt\": 1}}, \"limit\": 0}], \"$copyTo\": \"signalbox_before_1\", \"$db\": \"shop\"}",
        "{\"delete\": \"c\", \"deletes\": [{\"q\": {\"_id\": {\"$gt\": 1}}, \"limit\": 0}], \"$copyTo\": \"d\", \"$sameIn\": \"d\", \"$db\": \"shop\"}",
        "{\"delete\": \"c\", \"deletes\": [{\"q\": {\"_id\": {\"$gt\": 1}}, \"limit\": 1}], \"$copyTo\": \"d\", \"$db\": \"shop\"}",
        "{\"delete\": \"c\", \"deletes\": [{\"q\": {\"_id\": 1}, \"limit\": 0}], \"$copyTo\": \"d\", \"$db\": \"shop\"}",
        "{\"delete\": \"c\", \"deletes\": [{\"q\": {\"a\": 1}, \"limit\": 0}], \"$copyTo\": \"d\", \"$db\": \"shop\"}",
        "{\"delete\": \"c\", \"deletes\": [{\"q\": {\"_id\": {}}, \"limit\": 0}, {\"q\": {\"_id\": {}}, \"limit\": 0}], \"$copyTo\": \"d\", \"$db\": \"shop\"}",
        "{\"delete\": \"c\", \"deletes\": [], \"$copyTo\": \"d\", \"$db\": \"shop\"}", "{\"delete\": \"c\", \"$copyTo\": \"d\", \"$db\": \"shop\"}",
        "{\"delete\": \"c\", \"deletes\": [{\"q\": {\"_id\": {}}, \"limit\": 0}], \"$copyTo\": \"d\", \"let\": {}, \"$db\": \"shop\"}",
        "{\"aggregate\": \"c\", \"pipeline\": [{\"$match\": {\"_id\": {}}}, {\"$project\": {}}, {\"$merge\": {\"into\": \"signalbox_before_1\", \"whenMatched\": \"replace\", \"whenNotMatched\": \"insert\"}}], \"$db\": \"shop\"}",
        "{\"aggregate\": \"signalbox_before_1\", \"pipeline\": [{\"$match\": {\"_id\": {}}}, {\"$project\": {}}, {\"$merge\": {\"into\": \"c\", \"whenMatched\": \"merge\", \"whenNotMatched\": \"insert\"}}], \"$db\": \"shop\"}",
        "{\"aggregate\": \"signalbox_before_1\", \"pipeline\": [{\"$match\": {\"_id\": {}}}, {\"$project\": {}}, {\"$merge\": {\"into\": \"c\", \"whenMatched\": [{\"$unset\": \"a\"}], \"whenNotMatched\": \"discard\"}}], \"$db\": \"shop\"}",
        "{\"aggregate\": \"signalbox_before_1\", \"pipeline\": [{\"$match\": {\"_id\": {}}}, {\"$lookup\": {}}, {\"$merge\": {\"into\": \"c\", \"whenMatched\": [], \"whenNotMatched\": \"discard\"}}], \"$db\": \"shop\"}",
        "{\"aggregate\": \"c\", \"pipeline\": [{\"$out\": \"c\"}], \"$db\": \"shop\"}", "{\"aggregate\": \"c\", \"pipeline\": [{\"$sample\": {\"size\": 9}}], \"$db\": \"shop\"}",
        "{\"aggregate\": \"c\", \"pipeline\": [{\"$out\": {\"db\": \"x\", \"coll\": \"signalbox_whatif_1\"}}], \"$db\": \"shop\"}",
        "{\"aggregate\": \"c\", \"pipeline\": [{\"$out\": \"signalbox_whatif_1\"}, {\"$out\": \"c\"}], \"$db\": \"shop\"}",
        "{\"aggregate\": \"c\", \"pipeline\": [{\"$merge\": {\"into\": \"signalbox_whatif_1\"}}], \"$db\": \"shop\"}",
        "{\"aggregate\": \"c\", \"pipeline\": [{\"$lookup\": {\"from\": \"d\"}}, {\"$out\": \"signalbox_whatif_1\"}], \"$db\": \"shop\"}",
        "{\"aggregate\": \"c\", \"pipeline\": [{\"$out\": \"signalbox_whatif_1\", \"$sample\": {}}], \"$db\": \"shop\"}",
        "{\"aggregate\": \"signalbox_whatif_1\", \"pipeline\": [{\"$out\": \"signalbox_whatif_2\"}], \"$db\": \"shop\"}", "{\"aggregate\": \"c\", \"pipeline\": 1, \"$db\": \"shop\"}",
        "{\"createIndexes\": \"c\"}", "{\"createIndexes\": \"c\", \"$db\": \"\"}", "{\"createIndexes\": \"c\", \"$db\": \"admin\"}",
        "{\"createIndexes\": \"c\", \"$db\": \"local\"}", "{\"createIndexes\": \"c\", \"$db\": \"config\"}", "{\"drop\": \"c\", \"$db\": \"shop\"}",
        "{\"insert\": \"c\", \"$db\": \"shop\"}", "{\"collMod\": \"c\", \"validator\": {}, \"$db\": \"shop\"}", "{\"collMod\": \"c\", \"$db\": \"shop\"}",
        "{\"collMod\": \"c\", \"validator\": {}, \"validationLevel\": \"strict\", \"$db\": \"shop\"}", "{\"collMod\": \"c\", \"validator\": 1, \"validationLevel\": \"strict\", \"validationAction\": \"error\", \"$db\": \"shop\"}",
        "{\"collMod\": \"c\", \"index\": {\"name\": \"a\"}, \"validator\": {}, \"validationLevel\": \"strict\", \"validationAction\": \"error\", \"$db\": \"shop\"}",
        "{\"collMod\": \"c\", \"index\": {\"name\": \"a\", \"unique\": true}, \"$db\": \"shop\"}", "{\"collMod\": \"c\", \"index\": 1, \"$db\": \"shop\"}",
        "{\"collMod\": \"c\", \"pipeline\": [], \"$db\": \"shop\"}", "{\"profile\": 2, \"$db\": \"shop\"}",
        "{\"profile\": -1, \"$db\": \"shop\"}", "{\"dropDatabase\": 1, \"$db\": \"shop\"}", "{\"update\": \"c\", \"updates\": [{\"q\": {\"a\": 1}, \"u\": [{\"$set\": {\"b\": 1}}], \"multi\": true}], \"$db\": \"shop\"}",
        "{\"update\": \"c\", \"updates\": [{\"q\": {\"_id\": 1}, \"u\": [{\"$set\": {\"b\": 1}}]}], \"$db\": \"shop\"}",
        "{\"update\": \"c\", \"updates\": [{\"q\": {\"_id\": {\"$gt\": 1}}, \"u\": {\"$set\": {\"b\": 1}}}], \"$db\": \"shop\"}",
        "{\"update\": \"c\", \"updates\": [{\"q\": {\"_id\": {\"$gt\": 1}}, \"u\": [{\"$replaceWith\": {}}]}], \"$db\": \"shop\"}",
        "{\"update\": \"c\", \"updates\": [{\"q\": {\"_id\": {\"$gt\": 1}}, \"u\": [{\"$set\": {\"b\": 1}}], \"upsert\": true}], \"$db\": \"shop\"}",
        "{\"update\": \"c\", \"updates\": [{\"q\": {\"_id\": {\"$gt\": 1}}, \"u\": [{\"$set\": {\"b\": 1}}]}, {\"q\": {\"_id\": {\"$gt\": 1}}, \"u\": [{\"$unset\": \"c\"}]}], \"$db\": \"shop\"}",
        "{\"update\": \"c\", \"updates\": [], \"$db\": \"shop\"}",
        "{\"update\": \"c\", \"updates\": [1], \"$db\": \"shop\"}",
        "{\"update\": \"c\", \"$db\": \"shop\"}",
        "{\"delete\": \"c\", \"$db\": \"shop\"}",
        "{\"renameCollection\": \"shop.a\", \"to\": \"shop.b\", \"$db\": \"shop\"}", "{\"renameCollection\": \"shop.a\", \"to\": \"shop.b\", \"dropTarget\": true, \"$db\": \"admin\"}",
        "{\"renameCollection\": \"shop.a\", \"to\": \"crm.a\", \"$db\": \"admin\"}", "{\"renameCollection\": \"shop.a\", \"to\": \"shopping.a\", \"$db\": \"admin\"}",
        "{\"renameCollection\": \"shop.a\", \"to\": \"shop.a\", \"$db\": \"admin\"}", "{\"renameCollection\": \"shop.a\", \"$db\": \"admin\"}", "{\"renameCollection\": \"admin.a\", \"to\": \"admin.b\", \"$db\": \"admin\"}",
        "{\"renameCollection\": \"shop.system.views\", \"to\": \"shop.b\", \"$db\": \"admin\"}", "{\"renameCollection\": \"shop.a\", \"to\": \"shop.signalbox_before_1\", \"$db\": \"admin\"}",
        "{\"renameCollection\": \"shop.signalbox_whatif_1\", \"to\": \"shop.b\", \"$db\": \"admin\"}", "{\"renameCollection\": \"shop.\", \"to\": \"shop.b\", \"$db\": \"admin\"}",
        "{\"renameCollection\": 1, \"to\": \"shop.b\", \"$db\": \"admin\"}", "{\"renameCollection\": \"shop.a\", \"to\": \"shop.b\", \"$db\": \"local\"}",
        "{\"create\": \"c\", \"capped\": true, \"size\": 4096, \"$db\": \"shop\"}", "{\"create\": \"signalbox_made_1\", \"$db\": \"shop\"}", "{\"create\": \"signalbox_made_1\", \"capped\": true, \"$db\": \"shop\"}",
        "{\"create\": \"signalbox_made_1\", \"capped\": true, \"size\": 0, \"$db\": \"shop\"}", "{\"create\": \"signalbox_made_1\", \"capped\": true, \"size\": 4096, \"viewOn\": \"c\", \"$db\": \"shop\"}",
        "{\"create\": 1, \"capped\": true, \"size\": 4096, \"$db\": \"shop\"}", "{\"create\": \"signalbox_made_1\", \"capped\": true, \"size\": 4096, \"$db\": \"admin\"}",
        "{\"aggregate\": \"c\", \"pipeline\": [{\"$match\": {\"_id\": {\"$gt\": 1}}}, {\"$merge\": {\"into\": \"d\", \"whenMatched\": \"keepExisting\", \"whenNotMatched\": \"insert\"}}], \"$db\": \"shop\"}",
        "{\"aggregate\": \"c\", \"pipeline\": [{\"$match\": {\"a\": 1}}, {\"$merge\": {\"into\": \"signalbox_made_1\", \"whenMatched\": \"keepExisting\", \"whenNotMatched\": \"insert\"}}], \"$db\": \"shop\"}",
        "{\"aggregate\": \"c\", \"pipeline\": [{\"$match\": {\"_id\": {\"$gt\": 1}}}, {\"$merge\": {\"into\": \"signalbox_made_1\", \"whenMatched\": \"replace\", \"whenNotMatched\": \"insert\"}}], \"$db\": \"shop\"}",
        "{\"aggregate\": \"signalbox_made_2\", \"pipeline\": [{\"$match\": {\"_id\": {\"$gt\": 1}}}, {\"$merge\": {\"into\": \"signalbox_made_1\", \"whenMatched\": \"keepExisting\", \"whenNotMatched\": \"insert\"}}], \"$db\": \"shop\"}",
        "{\"aggregate\": \"signalbox_made_2\", \"pipeline\": [{\"$match\": {\"_id\": {\"$gt\": 1}}}, {\"$merge\": {\"into\": \"system.views\", \"whenMatched\": \"keepExisting\", \"whenNotMatched\": \"insert\"}}], \"$db\": \"shop\"}",
        "not json", "{\"$db\": \"shop\"}", "{}",
    };
    for (size_t i = 0; i < SB_COUNT(good); i++) {
        struct sb_err err = SB_ERR_INIT;
        if (sb_write_allowed(good[i], &err))
            fail_msg("%s: %s", good[i], err.msg);
    }
    for (size_t i = 0; i < SB_COUNT(bad); i++) {
        struct sb_err err = SB_ERR_INIT;
        if (sb_write_allowed(bad[i], &err) == 0)
            fail_msg("%s passed", bad[i]);
    }
}

#define COMMAND "{\"dropIndexes\": \"c\", \"index\": \"a_1\", \"$db\": \"shop\"}"

/* Every way in which a permit does not fit: nothing is sent, so nothing needs a server. */
static void a_permit_must_fit(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_server *s = sb_server_new("mongodb://127.0.0.1:1/", false, &err), *locked = sb_server_new("mongodb://127.0.0.1:1/", true, &err);
    struct sb_permit fit = {.seq = 7, .deployment_id = "rs:x"};
    sb_assert_ok(sb_hash_bytes(&fit.command, COMMAND, strlen(COMMAND), &err), err);
    struct {
        const struct sb_server *server;
        struct sb_permit permit;
        const char *command, *says;
    } tries[] = {{s, fit, COMMAND, "another"}, {s, fit, "{\"dropIndexes\": \"c\", \"index\": \"b_1\", \"$db\": \"shop\"}", "other bytes"},
                 {s, fit, COMMAND, "missing"}, {s, fit, COMMAND, "used"}, {locked, fit, COMMAND, "read-only"}};
    tries[2].permit.seq = 0;
    tries[3].permit.used = true;
    for (size_t i = 0; i < SB_COUNT(tries); i++) {
        struct sb_write_result r;
        sb_write(tries[i].server, NULL, i == 0 ? "rs:y" : "rs:x", &tries[i].permit, tries[i].command, &r);
        assert_int_equal(r.outcome, SB_OUTCOME_FAILED);
        if (i > 0 && !strstr(r.message, tries[i].says))
            fail_msg("expected \"%s\" in: %s", tries[i].says, r.message);
        assert_true(i == 3 || !tries[i].permit.used);
        sb_write_result_release(&r);
    }
    /* a fitting permit is used up even when no server is found, and then it is known that nothing was sent */
    struct sb_write_result r;
    sb_write(s, NULL, "rs:x", &fit, COMMAND, &r);
    assert_int_equal(r.outcome, SB_OUTCOME_FAILED);
    assert_true(fit.used);
    sb_write_result_release(&r);
    sb_server_free(s);
    sb_server_free(locked);
}

static void secrets_are_never_shown(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_server *s = sb_server_new("mongodb://app:s3cr%40t@db1:27017,db2:27018/admin?replicaSet=rs0&tlsCertificateKeyFilePassword=hush", false, &err);
    assert_non_null(s);
    assert_string_equal(sb_server_shown(s), "mongodb://app:***@db1:27017,db2:27018/?replicaSet=rs0");
    assert_int_equal(sb_server_seeds(s), 2);
    assert_string_equal(sb_server_seed(s, 1), "db2:27018");
    sb_server_free(s);
    assert_null(sb_server_new("mongodb://app:s3cret@db1:port/", false, &err));
    assert_null(strstr(err.msg, "s3cret"));
    assert_int_equal(sb_exit_status(err.code), 2);
}

static void a_uri_file_is_private(void **state)
{
    (void)state;
    char path[256];
    snprintf(path, sizeof path, "%s/uri", sb_test_dir());
    struct sb_err err = SB_ERR_INIT;
    struct sb_str uri;
    sb_str_init(&uri);
    sb_assert_ok(sb_file_write(path, 0600, "  mongodb://h/\nsecond", 21, &err), err);
    sb_assert_ok(sb_uri_from_file(path, &uri, &err), err);
    assert_string_equal(uri.p, "mongodb://h/");
    assert_int_equal(chmod(path, 0644), 0);
    sb_str_clear(&uri);
    assert_int_equal(sb_uri_from_file(path, &uri, &err), -1);
    assert_non_null(strstr(err.msg, "chmod 600"));
    sb_assert_ok(sb_file_write(path, 0600, "\n\n", 2, &err), err);
    assert_int_equal(sb_uri_from_file(path, &uri, &err), -1);
    sb_str_release(&uri);
}

static int init(void **state)
{
    (void)state;
    sb_mongo_init();
    return 0;
}

static int cleanup(void **state)
{
    (void)state;
    sb_mongo_cleanup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_pass_and_nothing_else), cmocka_unit_test(writes_are_a_short_list), cmocka_unit_test(a_permit_must_fit),
        cmocka_unit_test(secrets_are_never_shown),     cmocka_unit_test(a_uri_file_is_private),
    };
    return cmocka_run_group_tests(tests, init, cleanup);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * lines.h - log lines as the servers of 4.4 to 8.0 write them, for tests.
 */
#ifndef SB_TEST_FORMATS_LINES_H
#define SB_TEST_FORMATS_LINES_H

#define LINE_44_FIND                                                                                                          \
    "{\"t\":{\"$date\":\"2021-03-04T05:06:07.089+00:00\"},\"s\":\"I\",  \"c\":\"COMMAND\",  \"id\":51803,   \"ctx\":\"conn12\"," \
    "\"msg\":\"Slow query\",\"attr\":{\"type\":\"command\",\"ns\":\"shop.orders\",\"appName\":\"check \\\"out\\\"\","          \
    "\"command\":{\"find\":\"orders\",\"filter\":{\"status\":\"paid\",\"total\":{\"$gt\":10.5}},\"sort\":{\"created\":-1},"    \
    "\"limit\":20,\"$db\":\"shop\",\"lsid\":{\"id\":{\"$uuid\":\"0b9c23a8-9b52-46dd-8e7b-cb70f478b505\"}}},"                   \
    "\"planSummary\":\"COLLSCAN\",\"keysExamined\":0,\"docsExamined\":60000,\"hasSortStage\":true,\"cursorExhausted\":true,"   \
    "\"numYields\":60,\"nreturned\":20,\"queryHash\":\"C0331D1A\",\"planCacheKey\":\"DA556019\",\"reslen\":5789,"              \
    "\"locks\":{\"Global\":{\"acquireCount\":{\"r\":61}},\"Mutex\":{\"acquireCount\":{\"r\":1}}},\"storage\":{},"              \
    "\"protocol\":\"op_msg\",\"durationMillis\":262}}"

#define LINE_50_GETMORE                                                                                                        \
    "{\"t\":{\"$date\":\"2026-11-23T08:58:35.364+05:30\"},\"s\":\"I\",  \"c\":\"COMMAND\",  \"id\":51803,   \"ctx\":\"conn374\"," \
    "\"msg\":\"Slow query\",\"attr\":{\"type\":\"command\",\"ns\":\"shop.orders\",\"appName\":\"reporting\",\"command\":"      \
    "{\"getMore\":7645820205651686572,\"collection\":\"orders\",\"batchSize\":500,\"$db\":\"shop\"},\"originatingCommand\":"   \
    "{\"find\":\"orders\",\"filter\":{\"a\":1},\"batchSize\":500,\"$db\":\"shop\"},\"planSummary\":"                           \
    "\"IXSCAN { _fts: \\\"text\\\", _ftsx: 1 }\",\"cursorid\":7645820205651686572,\"keysExamined\":3,\"docsExamined\":500,"    \
    "\"numYields\":0,\"nreturned\":500,\"reslen\":123411,\"remote\":\"127.0.0.1:38468\",\"protocol\":\"op_msg\","              \
    "\"durationMillis\":1}}"

#define LINE_60_REMOVE                                                                                                         \
    "{\"t\":{\"$date\":\"2023-09-23T16:26:25.316-04:00\"},\"s\":\"I\",  \"c\":\"WRITE\",    \"id\":51803,   \"ctx\":\"conn618\"," \
    "\"msg\":\"Slow query\",\"attr\":{\"type\":\"remove\",\"ns\":\"testdb.__examples\",\"appName\":\"Keyhole Lib\",\"command\":" \
    "{\"q\":{\"email\":\"Ulysses.O.Johnson@aol.com\"},\"limit\":1},\"planSummary\":\"IXSCAN { email: 1 }\",\"keysExamined\":1," \
    "\"docsExamined\":1,\"ndeleted\":1,\"keysDeleted\":3,\"numYields\":0,\"queryHash\":\"A55E809A\","                          \
    "\"remote\":\"203.128.42.91:62854\",\"durationMillis\":221}}"

#define LINE_60_ENVELOPE                                                                                                       \
    "{\"t\":{\"$date\":\"2023-09-23T16:26:25.317-04:00\"},\"s\":\"I\",  \"c\":\"COMMAND\",  \"id\":51803,   \"ctx\":\"conn618\"," \
    "\"msg\":\"Slow query\",\"attr\":{\"type\":\"command\",\"ns\":\"testdb.$cmd\",\"appName\":\"Keyhole Lib\",\"command\":"    \
    "{\"delete\":\"__examples\",\"ordered\":true,\"$db\":\"testdb\"},\"numYields\":0,\"reslen\":45,"                            \
    "\"remote\":\"203.128.42.91:62854\",\"protocol\":\"op_msg\",\"durationMillis\":222}}"

#define LINE_80_AGGREGATE                                                                                                      \
    "{\"t\":{\"$date\":\"2024-10-08T14:21:00.001Z\"},\"s\":\"I\",  \"c\":\"COMMAND\",  \"id\":51803,   \"svc\":\"S\","          \
    "\"ctx\":\"conn7\",\"msg\":\"Slow query\",\"attr\":{\"type\":\"command\",\"isFromUserConnection\":true,\"ns\":\"shop.carts\"," \
    "\"collectionType\":\"normal\",\"command\":{\"aggregate\":\"carts\",\"pipeline\":[{\"$match\":{\"owner\":{\"$in\":[1,2]}}}," \
    "{\"$group\":{\"_id\":\"$owner\"}}],\"cursor\":{},\"$db\":\"shop\"},\"planSummary\":\"IXSCAN { owner: 1 }\","              \
    "\"planningTimeMicros\":244,\"keysExamined\":200,\"docsExamined\":200,\"fromMultiPlanner\":true,\"replanned\":true,"       \
    "\"usedDisk\":true,\"nBatches\":1,\"cursorExhausted\":true,\"numYields\":1,\"nreturned\":2,"                               \
    "\"planCacheShapeHash\":\"0AF2A881\",\"queryShapeHash\":\"AB\",\"planCacheKey\":\"F1ACC8D1\",\"queryFramework\":\"sbe\","  \
    "\"reslen\":300,\"writeConflicts\":2,\"cpuNanos\":1000,\"remote\":\"10.0.0.1:1\",\"queues\":{\"ingress\":{\"admissions\":1}}," \
    "\"workingMillis\":90,\"durationMillis\":130,\"errCode\":50}}"

#endif

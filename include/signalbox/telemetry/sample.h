/* SPDX-License-Identifier: Apache-2.0
 *
 * sample.h - one poll of one member, taken out of the server's replies into numbers.
 *
 * The metrics are one table: a name, where serverStatus has it (two places where versions differ) and whether it is a
 * counter (grows until a restart) or a gauge. A metric that the server does not have stays SB_NO_VALUE: it is never
 * taken for zero. Times are deployment time (serverStatus.localTime), which a simulator may run faster than the wall.
 */
#ifndef SIGNALBOX_TELEMETRY_SAMPLE_H
#define SIGNALBOX_TELEMETRY_SAMPLE_H

#include <bson/bson.h>
#include <signalbox/base/str.h>
#include <signalbox/telemetry/vitals.h>
#include <stdbool.h>
#include <stdint.h>

#define SB_NO_VALUE INT64_MIN

/* id, kind, path in serverStatus, older or newer path or NULL */
#define SB_METRICS(X)                                                                                                  \
    X(OP_INSERT, COUNTER, "opcounters.insert", NULL)                                                                   \
    X(OP_QUERY, COUNTER, "opcounters.query", NULL)                                                                     \
    X(OP_UPDATE, COUNTER, "opcounters.update", NULL)                                                                   \
    X(OP_DELETE, COUNTER, "opcounters.delete", NULL)                                                                   \
    X(OP_GETMORE, COUNTER, "opcounters.getmore", NULL)                                                                 \
    X(OP_COMMAND, COUNTER, "opcounters.command", NULL)                                                                 \
    X(READ_OPS, COUNTER, "opLatencies.reads.ops", NULL)                                                                \
    X(READ_US, COUNTER, "opLatencies.reads.latency", NULL)                                                             \
    X(WRITE_OPS, COUNTER, "opLatencies.writes.ops", NULL)                                                              \
    X(WRITE_US, COUNTER, "opLatencies.writes.latency", NULL)                                                           \
    X(KEYS_EXAMINED, COUNTER, "metrics.queryExecutor.scanned", NULL)                                                   \
    X(DOCS_EXAMINED, COUNTER, "metrics.queryExecutor.scannedObjects", NULL)                                            \
    X(COLLECTION_SCANS, COUNTER, "metrics.queryExecutor.collectionScans.nonTailable", NULL)                            \
    X(DOCS_RETURNED, COUNTER, "metrics.document.returned", NULL)                                                       \
    X(DOCS_INSERTED, COUNTER, "metrics.document.inserted", NULL)                                                       \
    X(DOCS_UPDATED, COUNTER, "metrics.document.updated", NULL)                                                         \
    X(DOCS_DELETED, COUNTER, "metrics.document.deleted", NULL)                                                         \
    X(SCAN_AND_ORDER, COUNTER, "metrics.operation.scanAndOrder", NULL)                                                 \
    X(WRITE_CONFLICTS, COUNTER, "metrics.operation.writeConflicts", NULL)                                              \
    X(CONNECTIONS_CREATED, COUNTER, "connections.totalCreated", NULL)                                                  \
    X(ASSERTS_USER, COUNTER, "asserts.user", NULL)                                                                     \
    X(BYTES_IN, COUNTER, "network.bytesIn", NULL)                                                                      \
    X(BYTES_OUT, COUNTER, "network.bytesOut", NULL)                                                                    \
    X(CONNECTIONS, GAUGE, "connections.current", NULL)                                                                 \
    X(CONNECTIONS_FREE, GAUGE, "connections.available", NULL)                                                          \
    X(QUEUED, GAUGE, "globalLock.currentQueue.total", NULL)                                                            \
    X(READ_TICKETS_OUT, GAUGE, "queues.execution.read.out", "wiredTiger.concurrentTransactions.read.out")              \
    X(WRITE_TICKETS_OUT, GAUGE, "queues.execution.write.out", "wiredTiger.concurrentTransactions.write.out")           \
    X(CACHE_BYTES, GAUGE, "wiredTiger.cache.bytes currently in the cache", NULL)                                       \
    X(CACHE_MAX, GAUGE, "wiredTiger.cache.maximum bytes configured", NULL)                                             \
    X(CACHE_DIRTY, GAUGE, "wiredTiger.cache.tracked dirty bytes in the cache", NULL)                                   \
    X(RESIDENT_MIB, GAUGE, "mem.resident", NULL)

enum sb_metric {
#define SB_METRIC_ID(id, kind, path, other) SB_METRIC_##id,
    SB_METRICS(SB_METRIC_ID)
#undef SB_METRIC_ID
    SB_METRIC_N
};

enum sb_metric_kind { SB_COUNTER, SB_GAUGE };

enum sb_metric_kind sb_metric_kind(enum sb_metric m);
const char *sb_metric_path(enum sb_metric m);

/* Cumulative time and count of a namespace, from `top`: work under a read lock and under a write lock. */
struct sb_ns_totals {
    char *ns;
    int64_t reads, read_us, writes, write_us;
    int64_t inserts, updates, removes; /* of the writes; the rest came by other commands */
};

struct sb_set_member {
    char name[256];
    char state[32];
    bool healthy, voting_known;
    int64_t optime_s; /* seconds; 0 unknown */
};

/* A transaction that is open and works at nothing, from $currentOp. */
struct sb_idle_transaction {
    char app[128], client[64]; /* "" not told */
    int64_t open_ms, idle_ms;
};
#define SB_IDLE_TRANSACTIONS 8

struct sb_sample {
    char member[256];
    bool ok;           /* serverStatus answered */
    char error[512];   /* why not */
    bool away;         /* that is because it is out of reach */
    int64_t at;        /* deployment time; the wall's when the server did not answer */
    int64_t wall;
    int64_t ahead_ms;  /* taken off `at`, and to be taken off what it wrote down: its clock is so far ahead of the set's */
    int64_t pid, uptime_ms;
    int64_t value[SB_METRIC_N];
    struct sb_vitals vitals; /* the same replies as the row of diagnostic data that they are */
    char state[32];    /* this member's own state; "" unknown */
    bool is_primary;
    struct sb_set_member peers[50];
    size_t peers_n;    /* 0: no replica set, or not asked this time */
    struct sb_ns_totals *ns;
    size_t ns_n;
    bool has_top;      /* top was asked and answered */
    /* log lines that were not seen before, one a line; they may be cut at 1024 characters */
    struct sb_str log;
    bool has_log;
    int64_t log_lines, log_gap; /* lines in `log`; lines that passed unseen before them */
    /* documents of system.profile that were not seen before, back to back BSON, with their databases */
    struct sb_str profile;
    struct sb_idle_transaction idle[SB_IDLE_TRANSACTIONS]; /* those that the server told first */
    size_t idle_n;
    int64_t commands, errors; /* sent for this sample */
};

struct sb_sample *sb_sample_new(const char *member, int64_t wall); /* every metric SB_NO_VALUE; NULL out of memory */
void sb_sample_free(void *sample);

/* Each takes one reply into the sample; what is missing or of a wrong type stays unset. -1 only out of memory. */
void sb_sample_server_status(struct sb_sample *s, const bson_t *reply);
void sb_sample_repl_status(struct sb_sample *s, const bson_t *reply);
int sb_sample_top(struct sb_sample *s, const bson_t *reply);

/* Whether it is worth a look at the server's sessions: it said that transactions are open and idle. Then its answer to this
 * aggregate on admin, a document a call; one that is no idle transaction is passed over. False: there is no room for more. */
bool sb_sample_wants_transactions(const struct sb_sample *s);
#define SB_SAMPLE_TRANSACTIONS                                                                                                       \
    "{\"aggregate\": 1, \"pipeline\": [{\"$currentOp\": {\"allUsers\": true, \"idleSessions\": true}}, "                       \
    "{\"$match\": {\"type\": \"idleSession\", \"transaction\": {\"$exists\": true}}}, {\"$limit\": 8}], \"cursor\": {}}"
bool sb_sample_transaction(struct sb_sample *s, const bson_t *doc);

/* Takes the lines of a getLog reply that come after *seen (totalLinesWritten so far; -1 at first, when everything that the
 * server still holds is taken), advances *seen and counts the gap. */
int sb_sample_log(struct sb_sample *s, const bson_t *reply, int64_t *seen);

#endif

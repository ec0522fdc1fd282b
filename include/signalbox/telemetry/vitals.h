/* SPDX-License-Identifier: Apache-2.0
 *
 * vitals.h - what of a server's thousands of metrics tells how it fares, and the rates and means made of it.
 *
 * A sample of diagnostic data is reduced to a fixed row of numbers (SB_VITALS, looked up by path once a chunk), so that whoever
 * judges them does not know where they came from: a file today, a live server with the same row tomorrow. A number that
 * the server's version does not have is SB_VITAL_ABSENT. Thread: one owner.
 *
 * Readings (SB_READINGS) are made of the last few rows of one server: counters become rates, a counter that went back or a
 * process that is another one starts anew, and what is missing is NAN. Means of latency are over five seconds, since a
 * second of a calm server may hold no more than a few operations.
 */
#ifndef SIGNALBOX_TELEMETRY_VITALS_H
#define SIGNALBOX_TELEMETRY_VITALS_H

#include <bson/bson.h>
#include <signalbox/formats/ftdc.h>

#define SB_VITAL_ABSENT INT64_MIN

/* id, path in an FTDC sample, another path (other versions) or NULL */
#define SB_VITALS(X)                                                                                                            \
    X(UPTIME_MS, "serverStatus.uptimeMillis", NULL)                                                                             \
    X(PID, "serverStatus.pid", NULL)                                                                                            \
    X(INSERTS, "serverStatus.metrics.document.inserted", NULL)                                                                  \
    X(UPDATES, "serverStatus.metrics.document.updated", NULL)                                                                   \
    X(DELETES, "serverStatus.metrics.document.deleted", NULL)                                                                   \
    X(RETURNED, "serverStatus.metrics.document.returned", NULL)                                                                 \
    X(TTL_DELETES, "serverStatus.metrics.ttl.deletedDocuments", NULL)                                                           \
    X(GETMORES, "serverStatus.opcounters.getmore", NULL)                                                                        \
    X(READ_OPS, "serverStatus.opLatencies.reads.ops", NULL)                                                                     \
    X(READ_US, "serverStatus.opLatencies.reads.latency", NULL)                                                                  \
    X(WRITE_OPS, "serverStatus.opLatencies.writes.ops", NULL)                                                                   \
    X(WRITE_US, "serverStatus.opLatencies.writes.latency", NULL)                                                                \
    X(COMMAND_OPS, "serverStatus.opLatencies.commands.ops", NULL)                                                               \
    X(COMMAND_US, "serverStatus.opLatencies.commands.latency", NULL)                                                            \
    X(ASSERTS, "serverStatus.asserts.user", NULL)                                                                               \
    X(CONNECTIONS, "serverStatus.connections.current", NULL)                                                                    \
    X(CONNECTIONS_LEFT, "serverStatus.connections.available", NULL)                                                             \
    X(CONNECTIONS_MADE, "serverStatus.connections.totalCreated", NULL)                                                          \
    X(CONNECTIONS_ACTIVE, "serverStatus.connections.active", NULL)                                                              \
    X(QUEUED, "serverStatus.globalLock.currentQueue.total", NULL)                                                               \
    X(READ_TICKETS, "serverStatus.wiredTiger.concurrentTransactions.read.totalTickets", "serverStatus.queues.execution.read.totalTickets")    \
    X(WRITE_TICKETS, "serverStatus.wiredTiger.concurrentTransactions.write.totalTickets", "serverStatus.queues.execution.write.totalTickets") \
    X(CACHE_BYTES, "serverStatus.wiredTiger.cache.bytes currently in the cache", NULL)                                          \
    X(CACHE_MAX, "serverStatus.wiredTiger.cache.maximum bytes configured", NULL)                                                \
    X(CACHE_DIRTY, "serverStatus.wiredTiger.cache.tracked dirty bytes in the cache", NULL)                                      \
    X(PAGES_READ, "serverStatus.wiredTiger.cache.pages read into cache", NULL)                                                  \
    X(PAGES_EVICTED_BY_APPS, "serverStatus.wiredTiger.cache.pages evicted by application threads", NULL)                        \
    X(EXAMINED, "serverStatus.metrics.queryExecutor.scannedObjects", NULL)                                                      \
    X(COLLECTION_SCANS, "serverStatus.metrics.queryExecutor.collectionScans.nonTailable", NULL)                                 \
    X(SORTS, "serverStatus.metrics.operation.scanAndOrder", NULL)                                                               \
    X(CONFLICTS, "serverStatus.metrics.operation.writeConflicts", NULL)                                                         \
    X(MAJORITY_WAITS, "serverStatus.metrics.getLastError.wtime.num", NULL)                                                      \
    X(MAJORITY_WAIT_MS, "serverStatus.metrics.getLastError.wtime.totalMillis", NULL)                                            \
    X(FLOW_LAGGED, "serverStatus.flowControl.isLagged", NULL)                                                                   \
    X(FLOW_ENABLED, "serverStatus.flowControl.enabled", NULL)                                                                   \
    X(TRANSACTIONS_OPEN, "serverStatus.transactions.currentOpen", NULL)                                                         \
    X(TRANSACTIONS_IDLE, "serverStatus.transactions.currentInactive", NULL)                                                     \
    X(CURSORS, "serverStatus.metrics.cursor.open.total", NULL)                                                                  \
    X(BYTES_OUT, "serverStatus.network.bytesOut", NULL)                                                                         \
    X(OWN_USER_US, "serverStatus.extra_info.user_time_us", NULL)                                                                \
    X(OWN_SYSTEM_US, "serverStatus.extra_info.system_time_us", NULL)                                                            \
    X(CPUS, "systemMetrics.cpu.num_logical_cores", "systemMetrics.cpu.num_cpus")                                                \
    X(CPU_IDLE_MS, "systemMetrics.cpu.idle_ms", NULL)                                                                           \
    X(CPU_IOWAIT_MS, "systemMetrics.cpu.iowait_ms", NULL)                                                                       \
    X(CPU_STEAL_MS, "systemMetrics.cpu.steal_ms", NULL)                                                                         \
    X(JOURNAL_SYNCS, "serverStatus.wiredTiger.log.log sync operations", NULL)                                                   \
    X(JOURNAL_SYNC_US, "serverStatus.wiredTiger.log.log sync time duration (usecs)", NULL)                                      \
    X(BACKUP_CURSOR, "serverStatus.storageEngine.backupCursorOpen", NULL)                                                       \
    X(DROP_INDEXES, "serverStatus.metrics.commands.dropIndexes.total", NULL)                                                    \
    X(COLL_MOD, "serverStatus.metrics.commands.collMod.total", NULL)                                                            \
    X(SET_PARAMETER, "serverStatus.metrics.commands.setParameter.total", NULL)                                                  \
    X(SET_FILTER, "serverStatus.metrics.commands.planCacheSetFilter.total", NULL)                                               \
    X(RECONFIG, "serverStatus.metrics.commands.replSetReconfig.total", NULL)                                                    \
    X(CREATE_INDEXES, "serverStatus.metrics.commands.createIndexes.total", NULL)                                                \
    X(BUILD_VOTES, "serverStatus.metrics.commands.voteCommitIndexBuild.total", NULL)                                            \
    X(COMPACT, "serverStatus.metrics.commands.compact.total", NULL)                                                             \
    X(VALIDATE, "serverStatus.metrics.commands.validate.total", NULL)                                                           \
    X(STEP_DOWN, "serverStatus.metrics.commands.replSetStepDown.total", NULL)                                                   \
    X(STEP_UP, "serverStatus.metrics.commands.replSetStepUp.total", NULL)                                                       \
    X(STATE, "replSetGetStatus.myState", NULL)                                                                                  \
    X(SET_VERSION, "serverStatus.repl.setVersion", NULL)

enum sb_vital {
#define SB_VITAL_ID(id, path, other) SB_VITAL_##id,
    SB_VITALS(SB_VITAL_ID)
#undef SB_VITAL_ID
    SB_VITAL_LOCK_WAIT_US, /* all locks and modes together */
    SB_VITALS_N
};

const char *sb_vital_path(enum sb_vital v);
const char *sb_vital_other_path(enum sb_vital v); /* of other versions; NULL none */

#define SB_VITAL_MEMBERS 50 /* as many as a replica set can have */
#define SB_VITAL_DISKS 16

/* What a member knows of the members of its set. */
struct sb_peer {
    int state;         /* 1 primary, 2 secondary, 8 down, ...; 0 not told */
    bool healthy, self;
    int64_t applied_ms; /* wall time of the last write it has, in whole seconds; SB_VITAL_ABSENT not known */
    int sync_source;    /* place of the member it replicates from; -1 none or not told */
};

struct sb_vitals {
    int64_t at_ms;
    int64_t value[SB_VITALS_N];
    int64_t disk_busy_ms[SB_VITAL_DISKS];
    size_t disks_n;
    struct sb_peer peer[SB_VITAL_MEMBERS];
    size_t peers_n;
};

/* The same row from a live server: nothing is known of it yet; what its serverStatus says (a section that was not asked for stays
 * absent); what its replSetGetStatus says. What is missing or of a wrong type stays absent. */
void sb_vitals_clear(struct sb_vitals *v);
void sb_vitals_status(struct sb_vitals *v, const bson_t *server_status);
void sb_vitals_set(struct sb_vitals *v, const bson_t *repl_set_status);

/* Where the numbers are in a chunk. Zeroed is empty; made anew for each chunk. */
struct sb_vitals_map {
    uint32_t at[SB_VITALS_N]; /* column + 1; 0 absent */
    uint32_t start;
    struct {
        uint32_t state, health, self, applied, sync_source;
    } peer[SB_VITAL_MEMBERS];
    size_t peers_n;
    uint32_t disk[SB_VITAL_DISKS];
    size_t disks_n;
    uint32_t lock_waits[256];
    size_t lock_waits_n;
};

/* False where the chunk is not of a server (it has no time). */
bool sb_vitals_map(struct sb_vitals_map *map, const struct sb_ftdc_chunk *chunk);
void sb_vitals_read(const struct sb_vitals_map *map, const struct sb_ftdc_chunk *chunk, size_t sample, struct sb_vitals *out);

/* id, name in reports */
#define SB_READINGS(X)                               \
    X(READ_MS, "opLatencies.reads.mean_ms")          \
    X(WRITE_MS, "opLatencies.writes.mean_ms")        \
    X(COMMAND_MS, "opLatencies.commands.mean_ms")    \
    X(ERRORS, "asserts.user_per_s")                  \
    X(CONNECTIONS, "connections.current")            \
    X(CONNECTING, "connections.totalCreated_per_s")  \
    X(ACTIVE, "connections.active")                  \
    X(QUEUE, "globalLock.currentQueue.total")        \
    X(READS, "reads_per_s")                          \
    X(WRITES, "writes_per_s")                        \
    X(COMMANDS, "commands_per_s")                    \
    X(OPS, "operations_per_s")                       \
    X(DOCS_WRITTEN, "documents_written_per_s")       \
    X(DOCS_RETURNED, "documents_returned_per_s")     \
    X(EXAMINED, "documents_examined_per_s")          \
    X(EXAMINED_PER_OP, "documents_examined_per_operation") \
    X(COLLECTION_SCANS, "collection_scans_per_s")    \
    X(SORTS, "in_memory_sorts_per_s")                \
    X(CONFLICTS, "write_conflicts_per_s")            \
    X(LOCK_WAIT, "lock_wait_ms_per_s")               \
    X(MAJORITY_MS, "majority_wait.mean_ms")          \
    X(JOURNAL_MS, "journal_sync.mean_ms")            \
    X(FLOW, "flowControl.isLagged")                  \
    X(TRANSACTIONS, "transactions.currentOpen")      \
    X(TRANSACTIONS_IDLE, "transactions.currentInactive") \
    X(CURSORS, "cursor.open.total")                  \
    X(CPU, "host_cpu_busy_percent")                  \
    X(OTHER_CPU, "host_cpu_of_others_percent")       \
    X(OWN_CPU, "own_cpu_percent_of_host")            \
    X(CPU_PER_OP, "cpu_ms_per_operation")            \
    X(IOWAIT, "host_iowait_percent")                 \
    X(DISK, "disk_busy_percent")                     \
    X(CACHE_FILL, "cache.fill_percent")              \
    X(CACHE_DIRTY, "cache.dirty_percent")            \
    X(PAGES_READ, "cache.pages_read_per_s")          \
    X(APP_EVICTIONS, "cache.pages_evicted_by_application_threads_per_s") \
    X(BYTES_OUT, "network.bytesOut_per_s")           \
    X(TTL_DELETES, "ttl.deletedDocuments_per_s")     \
    X(BACKUP_CURSOR, "storageEngine.backupCursorOpen") \
    X(LAG, "replication_lag_s")                      \
    X(STALL, "operations_that_do_not_finish")        \
    X(IDLE, "operations_that_do_not_come")           \
    X(LOGGED, "logged_slow_operations_ms_per_s")

enum sb_reading {
#define SB_READING_ID(id, name) SB_READING_##id,
    SB_READINGS(SB_READING_ID)
#undef SB_READING_ID
    SB_READINGS_N
};

const char *sb_reading_name(enum sb_reading r);

#define SB_VITALS_KEPT 8

struct sb_pulse {
    struct sb_vitals last[SB_VITALS_KEPT]; /* a ring: the newest one is last[(n - 1) % SB_VITALS_KEPT] */
    uint64_t n;
};

enum sb_pulse_news {
    SB_PULSE_ON,
    SB_PULSE_RESTARTED, /* another process, or the same counters anew */
    SB_PULSE_BACK,      /* its clock went back */
};

/* Takes a row and makes the readings of it; NAN where there is nothing to make it of. LAG is not of one server alone, STALL and
 * IDLE want to know what is usual, LOGGED is a log's: they stay NAN. After RESTARTED and BACK rates begin anew. */
enum sb_pulse_news sb_pulse_take(struct sb_pulse *p, const struct sb_vitals *v, double out[SB_READINGS_N]);

/* The row before the newest one of the same process; NULL there is none. Valid until the next take. */
const struct sb_vitals *sb_pulse_before(const struct sb_pulse *p);

#endif

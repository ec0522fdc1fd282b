/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of commands. */
#include "commands.h"

#include <stdio.h>
#include <string.h>

#define READ (SIM_COUNTS_READ | SIM_OPT_IN | SIM_READ_CONCERN)
#define WRITE (SIM_NO_VIEW | SIM_COUNTS_WRITE | SIM_PRIMARY | SIM_READ_CONCERN | SIM_WRITE_CONCERN)
#define CHANGE (SIM_PRIMARY | SIM_READ_CONCERN | SIM_WRITE_CONCERN)

/* In the order of the alphabet, which listCommands and metrics.commands keep. */
const struct sim_command sim_commands[] = {
    {"abortTransaction", NULL, SIM_ADMIN | SIM_PRIMARY | SIM_READ_CONCERN | SIM_WRITE_CONCERN, sim_cmd_abort_transaction, NULL, NULL,
     "Aborts a transaction"},
    {"aggregate", NULL, READ | SIM_WRITE_CONCERN, sim_cmd_aggregate, "aggregate",
     " pipeline cursor explain allowDiskUse hint bypassDocumentValidation collation let ", "Runs the aggregation command."},
    {"analyzeShardKey", NULL, SIM_ADMIN | SIM_OPT_IN | SIM_READ_CONCERN, sim_cmd_analyze_shard_key, NULL, NULL, "Returns metrics for evaluating a shard key for a collection."},
    {"buildInfo", "buildinfo", SIM_BEFORE_AUTH, sim_cmd_build_info, NULL, NULL, "get version #, etc."},
    {"collMod", NULL, CHANGE, sim_cmd_coll_mod, "collMod", " index validator validationLevel validationAction viewOn pipeline timeseries expireAfterSeconds recordPreImages ", "Sets collection options."},
    {"collStats", "collstats", SIM_OPT_IN | SIM_NO_VIEW | SIM_SERIES, sim_cmd_coll_stats, "collStats", " scale ", "collection and index sizes"},
    {"commitTransaction", NULL, SIM_ADMIN | SIM_PRIMARY | SIM_READ_CONCERN | SIM_WRITE_CONCERN, sim_cmd_commit_transaction, NULL, NULL,
     "Commits a transaction"},
    {"compact", NULL, SIM_NO_VIEW, sim_cmd_compact, NULL, NULL, "compact collection"},
    {"configureFailPoint", NULL, SIM_ADMIN | SIM_QUIET, sim_cmd_configure_fail_point, NULL, NULL, "modifies the settings of a fail point"},
    {"connPoolStats", NULL, 0, sim_cmd_conn_pool_stats, NULL, NULL, "stats about connections between servers in a replica set or sharded cluster."},
    {"connectionStatus", NULL, SIM_BEFORE_AUTH, sim_cmd_connection_status, NULL, NULL, "Returns connection-specific information such as logged-in users and their roles"},
    {"convertToCapped", NULL, CHANGE | SIM_NO_VIEW, sim_cmd_convert_to_capped, NULL, NULL, "{ convertToCapped:<fromCollectionName>, size:<sizeInBytes> }"},
    {"count", NULL, READ | SIM_MIRRORED, sim_cmd_count, "count", " query limit skip hint collation fields ", "count objects in collection"},
    {"create", NULL, CHANGE, sim_cmd_create, "create",
     " capped size max autoIndexId idIndex viewOn pipeline timeseries collation expireAfterSeconds clusteredIndex validator validationLevel validationAction storageEngine indexOptionDefaults flags temp recordPreImages ",
     "explicitly creates a collection or view"},
    {"createIndexes", NULL, CHANGE | SIM_NO_VIEW | SIM_SERIES, sim_cmd_create_indexes, "createIndexes", " indexes commitQuorum ignoreUnknownIndexOptions ", ""},
    {"currentOp", NULL, SIM_ADMIN, sim_cmd_current_op, NULL, NULL, ""},
    {"dataSize", "datasize", SIM_OPT_IN | SIM_NO_VIEW, sim_cmd_data_size, NULL, NULL, "determine data size for a set of data in a certain range"},
    {"dbHash", "dbhash", 0, sim_cmd_db_hash, NULL, NULL, ""},
    {"dbStats", "dbstats", SIM_OPT_IN, sim_cmd_db_stats, "dbStats", " scale freeStorage ", "Get stats on a database."},
    {"delete", NULL, WRITE | SIM_SERIES | SIM_OWN_COUNTER, sim_cmd_delete, "delete", " deletes ordered let ", "delete documents"},
    {"distinct", NULL, READ | SIM_MIRRORED, sim_cmd_distinct, "distinct", " key query collation ", "{ distinct : 'collection name' , key : 'a.b' , query : {} }"},
    {"drop", NULL, CHANGE, sim_cmd_drop, "drop", " ", "drop a collection"},
    {"dropDatabase", NULL, CHANGE, sim_cmd_drop_database, "dropDatabase", " ", "drop (delete) this database"},
    {"dropIndexes", "deleteIndexes", CHANGE | SIM_NO_VIEW, sim_cmd_drop_indexes, "dropIndexes", " index ", "drop indexes for a collection"},
    {"endSessions", NULL, SIM_QUIET | SIM_BEFORE_AUTH, sim_cmd_end_sessions, NULL, NULL, "end a set of logical sessions"},
    {"explain", NULL, SIM_OPT_IN, sim_cmd_explain, "explain", " verbosity ", "explain database reads and writes"},
    {"features", NULL, 0, sim_cmd_features, NULL, NULL, "return build level feature settings"},
    {"find", NULL, READ | SIM_OWN_COUNTER | SIM_MIRRORED, sim_cmd_find, "FindCommandRequest",
     " filter projection sort hint skip limit batchSize singleBatch allowDiskUse noCursorTimeout tailable awaitData allowPartialResults oplogReplay min max returnKey showRecordId let collation ntoreturn ",
     "query for documents"},
    {"findAndModify", "findandmodify", WRITE | SIM_MIRRORED, sim_cmd_find_and_modify, "FindAndModify",
     " query sort remove update new fields upsert hint collation arrayFilters let bypassDocumentValidation ", "{ findAndModify: \"collection\", query: {processed:false}, update: {$set: {processed:true}}, new: true}"},
    {"fsync", NULL, SIM_ADMIN, sim_cmd_fsync, NULL, NULL, ""},
    {"fsyncUnlock", NULL, SIM_ADMIN, sim_cmd_fsync_unlock, NULL, NULL, ""},
    {"getCmdLineOpts", NULL, SIM_ADMIN, sim_cmd_get_cmd_line_opts, NULL, NULL, "get argv"},
    {"getDefaultRWConcern", NULL, SIM_ADMIN, sim_cmd_get_default_rw_concern, NULL, NULL, "get the current read/write concern defaults (cluster-wide)"},
    {"getDiagnosticData", NULL, SIM_ADMIN, sim_cmd_get_diagnostic_data, NULL, NULL, "latest diagnostic data collection snapshot"},
    {"getFreeMonitoringStatus", NULL, SIM_ADMIN, sim_cmd_get_free_monitoring, NULL, NULL, "Indicates free monitoring status"},
    {"getLog", NULL, SIM_ADMIN, sim_cmd_get_log, NULL, NULL, "{ getLog : '*' }  OR { getLog : 'global' }"},
    {"getMore", NULL, SIM_COUNTS_READ | SIM_OWN_COUNTER, sim_cmd_get_more, "getMore", " collection batchSize term lastKnownCommittedOpTime ",
     "retrieve more results from an existing cursor"},
    {"getParameter", NULL, SIM_ADMIN, sim_cmd_get_parameter, NULL, NULL, "get administrative option(s)"},
    {"hello", NULL, SIM_QUIET | SIM_BEFORE_AUTH, sim_cmd_hello, NULL, NULL,
     "Check if this server is primary for a replica set\n{ hello : 1 }"},
    {"hostInfo", "hostinfo", 0, sim_cmd_host_info, NULL, NULL, "returns information about the daemon's host"},
    {"insert", NULL, WRITE | SIM_SERIES | SIM_OWN_COUNTER, sim_cmd_insert, "insert", " documents ordered bypassDocumentValidation ", "insert documents"},
    {"isMaster", "ismaster", SIM_QUIET | SIM_BEFORE_AUTH, sim_cmd_is_master, NULL, NULL,
     "Check if this server is primary for a replica set\n{ isMaster : 1 }"},
    {"killCursors", NULL, 0, sim_cmd_kill_cursors, "killCursors", " cursors ", "Kill a list of cursor ids"},
    {"killOp", NULL, SIM_ADMIN, sim_cmd_kill_op, NULL, NULL, "Terminates an operation."},
    {"killSessions", NULL, SIM_QUIET, sim_cmd_kill_sessions, NULL, NULL, "kill a logical session and its operations"},
    {"listCollections", NULL, SIM_OPT_IN, sim_cmd_list_collections, "listCollections", " filter nameOnly authorizedCollections cursor ",
     "list collections for this db"},
    {"listCommands", NULL, SIM_BEFORE_AUTH, sim_cmd_list_commands, NULL, NULL, "get a list of all db commands"},
    {"listDatabases", NULL, SIM_ADMIN | SIM_OPT_IN, sim_cmd_list_databases, "listDatabases", " filter nameOnly authorizedDatabases ",
     "{ listDatabases:1, [filter: <filterObject>] [, nameOnly: true ] }\nlist databases on this server"},
    {"listIndexes", NULL, SIM_OPT_IN | SIM_NO_VIEW | SIM_SERIES, sim_cmd_list_indexes, "listIndexes", " cursor includeBuildUUIDs ", "list indexes for a collection"},
    {"lockInfo", NULL, SIM_ADMIN, sim_cmd_lock_info, NULL, NULL, "show all lock info on the server"},
    {"logRotate", NULL, SIM_ADMIN, sim_cmd_log_rotate, NULL, NULL, "rotates log files"},
    {"logout", NULL, SIM_QUIET | SIM_BEFORE_AUTH, sim_cmd_logout, NULL, NULL, "de-authenticate"},
    {"ping", NULL, SIM_QUIET | SIM_BEFORE_AUTH, sim_cmd_ping, NULL, NULL, "a way to check that the server is alive. responds immediately even if server is in a db lock."},
    {"planCacheClear", NULL, SIM_OPT_IN | SIM_NO_VIEW, sim_cmd_plan_cache_clear, NULL, NULL, "Drops one or all plan cache entries in a collection."},
    {"profile", NULL, 0, sim_cmd_profile, "profile", " slowms sampleRate filter ",
     "controls the behavior of the performance profiler, the fraction of eligible operations which are sampled for logging/profiling, and the threshold duration at which ops become eligible"},
    {"refreshSessions", NULL, SIM_QUIET, sim_cmd_refresh_sessions, NULL, NULL, "renew a set of logical sessions"},
    {"renameCollection", NULL, SIM_ADMIN | CHANGE, sim_cmd_rename_collection, NULL, NULL, " example: { renameCollection: foo.a, to: bar.b }"},
    {"replSetFreeze", NULL, SIM_ADMIN, sim_cmd_repl_freeze, NULL, NULL, "{ replSetFreeze : <seconds> }"},
    {"replSetGetConfig", NULL, SIM_ADMIN, sim_cmd_repl_get_config, NULL, NULL, "Returns the current replica set configuration"},
    {"replSetGetRBID", NULL, SIM_ADMIN, sim_cmd_repl_get_rbid, NULL, NULL, ""},
    {"replSetGetStatus", NULL, SIM_ADMIN, sim_cmd_repl_get_status, NULL, NULL, "Report status of a replica set from the POV of this server"},
    {"replSetReconfig", NULL, SIM_ADMIN, sim_cmd_repl_reconfig, NULL, NULL,
     "Adjust configuration of a replica set\n{ replSetReconfig : config_object }"},
    {"replSetStepDown", NULL, SIM_ADMIN, sim_cmd_repl_step_down, NULL, NULL, "{ replSetStepDown : <seconds> }"},
    {"saslContinue", NULL, SIM_QUIET | SIM_BEFORE_AUTH, sim_cmd_sasl_continue, NULL, NULL, "Subsequent steps in a SASL authentication conversation."},
    {"saslStart", NULL, SIM_QUIET | SIM_BEFORE_AUTH, sim_cmd_sasl_start, NULL, NULL, "First step in a SASL authentication conversation."},
    {"serverStatus", NULL, 0, sim_cmd_server_status, NULL, NULL, "returns lots of administrative server statistics"},
    {"setFeatureCompatibilityVersion", NULL, SIM_ADMIN | CHANGE, sim_cmd_set_fcv, NULL, NULL, "Set the API version exposed by this node."},
    {"setParameter", NULL, SIM_ADMIN, sim_cmd_set_parameter, NULL, NULL, "set administrative option(s)"},
    {"startSession", NULL, SIM_QUIET, sim_cmd_start_session, NULL, NULL, "start a logical session"},
    {"top", NULL, SIM_ADMIN, sim_cmd_top, NULL, NULL, "usage by collection, in micros "},
    {"update", NULL, WRITE | SIM_SERIES | SIM_OWN_COUNTER | SIM_MIRRORED, sim_cmd_update, "update", " updates ordered let bypassDocumentValidation ", "update documents"},
    {"validate", NULL, SIM_OPT_IN | SIM_NO_VIEW, sim_cmd_validate, NULL, NULL,
     "Validate contents of a namespace by scanning its data structures for correctness."},
    {"whatsmyuri", NULL, SIM_BEFORE_AUTH, sim_cmd_whatsmyuri, NULL, NULL, "{whatsmyuri:1}"},
};
const size_t sim_commands_n = SB_COUNT(sim_commands);
_Static_assert(SB_COUNT(sim_commands) <= SIM_COMMANDS_MAX, "a member counts every command");

/* Options that the server has and the simulator has not. */
static const struct {
    const char *command, *options;
} refused[] = {
    {"aggregate", " collation "},
    {"collMod", " timeseries expireAfterSeconds recordPreImages "},
    {"count", " collation "},
    {"create", " collation clusteredIndex storageEngine indexOptionDefaults temp recordPreImages "},
    {"createIndexes", " ignoreUnknownIndexOptions "},
    {"delete", " let "},
    {"distinct", " collation "},
    {"find", " min max returnKey showRecordId collation "},
    {"findAndModify", " collation let "},
    {"update", " let "},
    {"planCacheClear", " query sort projection collation "},
    {"validate", " repair metadata "},
};

bool sim_command_in_api(const struct sim *s, const struct sim_command *c)
{
    static const char list[] =
        " abortTransaction aggregate collMod commitTransaction create createIndexes delete drop dropDatabase dropIndexes endSessions explain find findAndModify "
        "getMore hello insert killCursors listCollections listDatabases listIndexes ping refreshSessions saslContinue saslStart update ";
    char word[40];
    snprintf(word, sizeof word, " %s ", c->name);
    return strstr(list, word) || (sim_since(s, 6) && strcmp(c->name, "count") == 0);
}

const char *sim_command_refuses(const struct sim_command *c)
{
    for (size_t i = 0; i < SB_COUNT(refused); i++)
        if (refused[i].command[0] == c->name[0] && strcmp(refused[i].command, c->name) == 0) /* every command comes this way */
            return refused[i].options;
    return "";
}

bool sim_command_known(const struct sim *s, const struct sim_command *c)
{
    return sim_since(s, 7) || c->run != sim_cmd_analyze_shard_key;
}

const struct sim_command *sim_command_find(const char *name)
{
    size_t lo = 0, hi = sim_commands_n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int c = strcmp(sim_commands[mid].name, name);
        if (c == 0)
            return &sim_commands[mid];
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (size_t i = 0; i < sim_commands_n; i++)
        if (sim_commands[i].alias && strcmp(sim_commands[i].alias, name) == 0)
            return &sim_commands[i];
    return NULL;
}

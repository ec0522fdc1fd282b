/* SPDX-License-Identifier: Apache-2.0
 *
 * commands.h - the functions behind the table of commands (commands.c). */
#ifndef SIM_COMMANDS_H
#define SIM_COMMANDS_H

#include <signalbox/sim/cursor.h>
#include <signalbox/sim/dispatch.h>
#include <signalbox/sim/pipeline.h>

#define SIM_EACH_COMMAND(X)                                                                                                                        \
    X(abort_transaction) X(aggregate) X(build_info) X(coll_mod) X(commit_transaction) X(coll_stats) X(conn_pool_stats) X(connection_status) X(count) X(create) X(create_indexes)             \
    X(current_op) X(data_size) X(db_hash) X(db_stats) X(delete) X(distinct) X(drop) X(drop_database) X(drop_indexes) X(end_sessions)             \
    X(explain) X(features) X(find) X(find_and_modify) X(fsync) X(fsync_unlock) X(get_cmd_line_opts) X(get_default_rw_concern) X(get_diagnostic_data) X(get_free_monitoring)            \
    X(get_log) X(get_more) X(get_parameter) X(hello) X(host_info) X(insert) X(is_master) X(kill_cursors) X(kill_op) X(kill_sessions) X(list_collections)       \
    X(list_commands) X(list_databases) X(list_indexes) X(lock_info) X(log_rotate) X(ping) X(plan_cache_clear) X(profile) X(refresh_sessions)       \
    X(rename_collection) X(sasl_start) X(sasl_continue) X(logout) X(repl_freeze) X(repl_get_config) X(repl_get_rbid) X(repl_get_status) X(repl_reconfig) X(repl_step_down) X(server_status)                      \
    X(set_parameter) X(start_session) X(top) X(update) X(validate) X(whatsmyuri) X(compact) X(configure_fail_point) X(set_fcv) X(convert_to_capped) X(analyze_shard_key)

#define SIM_DECLARE_COMMAND(name) int sim_cmd_##name(struct sim_call *c);
SIM_EACH_COMMAND(SIM_DECLARE_COMMAND)
#undef SIM_DECLARE_COMMAND

/* Shared by find, count, distinct, aggregate, update, delete and their explains: builds the question of `source`'s fields
 * (filter under filter_name). The sort document may be NULL. NULL after a failure. */
struct sim_find *sim_find_new(struct sim_call *c, const uint8_t *source, struct sim_query *q, const uint8_t *filter, const uint8_t *projection);

/* The question of a find, count or distinct command given as a document; explains use them too. */
struct sim_find *sim_find_of_find(struct sim_call *c, const uint8_t *cmd, bool explain, int64_t *batch, bool *single);
struct sim_find *sim_find_of_count(struct sim_call *c, const uint8_t *cmd, bool explain);
struct sim_find *sim_find_of_distinct(struct sim_call *c, const uint8_t *cmd, bool explain);

/* Runs it to its end, dropping the rows. 0 or -1. */
int sim_find_drain(struct sim_find *q, struct sim_fail *f);

/* A find, count or distinct on the view c->ns: the documents that its pipeline gives; and the whole reply of a find. */
int sim_run_on_view(struct sim_call *c, const char *name, struct sim_docs *docs);
int sim_find_on_view(struct sim_call *c);

/* Operators of a filter into metrics.operatorCounters. */
void sim_count_operators(struct sim_member *m, const struct sim_expr *e);

/* explain of an aggregate, update, delete or findAndModify: writes its sections. stats: as sim_explain. */
int sim_explain_aggregate(struct sim_call *c, const uint8_t *cmd, struct sim_val stages, int stats);
int sim_explain_write(struct sim_call *c, const uint8_t *cmd, const char *name, int stats);

/* {processId, counter} of the member, in hello and in the errors that tell of a change of state. */
void sim_put_topology(struct sim_w *w, const struct sim_member *m);

/* The whole of hello but what depends on how it was asked. */
void sim_put_hello(struct sim_w *w, const struct sim_member *m, const struct sim_conn *conn, const char *primary_field);

/* The id that the primary of a term gives its writes. */
void sim_election_id(uint8_t id[12], int64_t term);

/* The commit point as far as the member has it. */
struct sim_optime sim_committed(const struct sim_member *m);

/* topologyVersion, hosts, setName ... lastWrite, as hello and serverStatus.repl have them. */
void sim_put_set(struct sim_w *w, const struct sim_member *m, const char *primary_field);

/* defaultReadConcern ... localUpdateWallClockTime. */
void sim_put_rw_concern(struct sim_w *w, const struct sim *s);

/* A whole cursor reply: {cursor: {firstBatch, id, ns}}. Takes cursor (kept when it has more). */
int sim_reply_cursor(struct sim_call *c, struct sim_open_cursor *cursor, int64_t batch, bool single);

#endif

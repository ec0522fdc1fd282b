/* SPDX-License-Identifier: Apache-2.0
 *
 * engine.h - the simulated deployment: its clock, its events, its members, and the state they keep.
 *
 * Time is virtual and in microseconds since 1970. Nothing here waits or reads a clock: sim_run_until moves time forward
 * from event to event, and whoever owns the simulation decides how fast (the server loop follows the real clock times
 * the speed; a test jumps). One seed and one sequence of calls give one history: sim_trace is a hash of it. Randomness is
 * forked by use, so that a new use does not shift the others. Thread: one owner.
 */
#ifndef SIGNALBOX_SIM_ENGINE_H
#define SIGNALBOX_SIM_ENGINE_H

#include <signalbox/base/error.h>
#include <signalbox/sim/catalog.h>
#include <signalbox/sim/cost.h>
#include <signalbox/sim/fault.h>
#include <signalbox/sim/store.h>

#define SIM_MEMBERS 3     /* of a set, unless something else is said */
#define SIM_MEMBERS_MAX 5
#define SIM_SET_NAME "rs0"
#define SIM_LOG_LINES 1024
#define SIM_LOG_CHARS 1024
#define SIM_COMMANDS_MAX 128
#define SIM_STAGES_MAX 32
#define SIM_READ_CONCERNS 6 /* none given, local, available, majority, linearizable, snapshot */

struct sim;
struct sim_member;
struct sim_cluster;
struct sim_docs;
struct sim_route;

/* ---- events ---- */

typedef void (*sim_event_fn)(struct sim *s, void *ctx);

struct sim_event {
    int64_t at;
    uint64_t seq; /* events of one moment run in the order in which they were made */
    sim_event_fn fn;
    void *ctx;
    void (*drop)(void *ctx); /* frees ctx when the simulation ends first; may be NULL */
};

/* 0, or -1 out of memory (ctx stays the caller's). */
int sim_at(struct sim *s, int64_t at, sim_event_fn fn, void *ctx, void (*drop)(void *ctx)) SB_MUST_USE;

/* ---- connections and operations under way ---- */

/* A client of one member: a socket, an app inside the simulator, or another member. */
struct sim_conn {
    struct sim_member *m;
    int32_t id;
    char remote[64];
    char app[129];
    struct sim_doc *metadata; /* what the client said about itself; NULL nothing */
    uint8_t uuid[16];
    bool inside;              /* one of our own apps */
    bool timed;               /* its operations take the time they cost; else its answer comes at once */
    int32_t last_request;     /* id of the newest message sent to it */
    struct sim_conn *next;
    /* Called with the reply of a command that was answered later; conn is the one that asked. NULL: nobody listens. */
    void (*answer)(struct sim_conn *conn, const uint8_t *reply);
    /* Called when the server's side ends it (the member was killed, or rolls back): conn is freed after it. NULL as above. */
    void (*lost)(struct sim_conn *conn);
    void *owner;
    int32_t waiting_opid; /* of the command it waits for; 0 none */
    int64_t tail_until_us; /* of its getMore that is run again after a wait for data: it waits no longer than until then; 0 none */
    int64_t latency_us;   /* of its last command */
    struct sim_route *route; /* of a mongos' client: cluster.h; NULL: it has asked no shard */
    struct sim_docs *gathered; /* what an aggregate reads in the place of a collection, once; NULL none */
    struct sim_login *login; /* accounts.h; NULL: it has not tried */
};

/* An operation that runs for a while in virtual time: seen in currentOp, holds a ticket and a core. */
struct sim_running {
    struct sim_member *m;
    int32_t opid;
    struct sim_conn *conn; /* NULL for a thread of the server's own */
    char desc[48];         /* of such a thread */
    const char *op;        /* "query", "command", "update" ... */
    char *ns, *plan;
    struct sim_doc *command;
    int64_t from, to; /* to: INT64_MAX until somebody ends it */
    bool write, takes_core;
    int64_t flow_until;  /* flow control holds it back until then; 0 it does not; then it ... */
    int64_t ticket_at;   /* waits for a ticket until then ... */
    int64_t lock_until;  /* ... then, with the ticket, for a lock ... */
    int64_t works_until; /* ... then works until then, and at last waits for the journal and for other members */
    bool is_build;
    bool exclusive; /* holds its collection */
    char msg[128];
    int64_t done, total; /* progress; total 0: none */
    int64_t yields;
    int64_t conflicts; /* with the write of a transaction, for which it waits */
    bool kill_pending;
    struct sim_running *next;
};

/* ---- counters of a member since its start ---- */

struct sim_logins {
    int64_t received, successful;
};

enum sim_opcounter { SIM_OP_INSERT, SIM_OP_QUERY, SIM_OP_UPDATE, SIM_OP_DELETE, SIM_OP_GETMORE, SIM_OP_COMMAND, SIM_OPCOUNTERS };

struct sim_counters {
    int64_t op[SIM_OPCOUNTERS], op_repl[SIM_OPCOUNTERS];
    struct sim_usage latency[SIM_LAT_KINDS];
    int64_t inserted, updated, deleted, returned;
    int64_t keys, docs, scans_total, scans_nontailable, scan_and_order, write_conflicts;
    int64_t asserts_user, asserts_regular;
    int64_t bytes_in, bytes_out, requests, member_in, member_out; /* the last two: of the first two, what other members asked */
    int64_t asked_out, asked_in; /* of others, as a client: in none of the above */
    int64_t connections_created;
    int64_t cursors_opened, cursors_timed_out, cursors_more_than_one_batch, cursor_life[7];
    int64_t wait_num, wait_ms;             /* write concern */
    int64_t txn_started, txn_committed, txn_aborted; /* of clients; txn_begins and so on are the storage engine's */
    struct sim_usage txn_latency;
    int64_t last_txn_ops, last_txn_bytes, last_txn_w, last_txn_wtimeout; /* of the last one committed; w 0: majority */
    bool last_txn_own_concern;
    int64_t retried_commands, retried_statements, session_writes;
    int64_t command_total[SIM_COMMANDS_MAX], command_failed[SIM_COMMANDS_MAX], unknown_commands;
    int64_t stage[SIM_STAGES_MAX];
    int64_t match_operator[64];
    int64_t mirrored; /* commands that a primary may send on as reads */
    int64_t read_concern[2][SIM_READ_CONCERNS]; /* commands by level; [1]: in transactions */
    int64_t apply_batches, apply_batch_ms, apply_ops, fetch_bytes, fetch_ops, fetch_getmores, fetch_us, served_getmores, served_us, heartbeats;
    int64_t cpu_us;                        /* all work */
    int64_t lock_r, lock_w, lock_read, lock_shared, lock_exclusive; /* the last three: of collections only, r, R and W */
    int64_t build_votes;                                 /* from members that had their index ready */
    /* storage engine */
    int64_t wt_cursor_searches, wt_cursor_nexts, wt_inserts, wt_removes, wt_modifies, wt_bulk_inserts, wt_cursors, wt_pages_requested;
    int64_t pages_read, pages_written, bytes_read, bytes_written, bytes_evicted, log_bytes, log_writes, log_syncs, log_sync_us;
    int64_t txn_begins, txn_commits, txn_rollbacks;
    int64_t checkpoint_until_us, checkpoints, checkpoint_ms_total, checkpoint_ms_last, checkpoint_ms_max, checkpoint_ms_min;
    int64_t evicted_clean, evicted_dirty, app_evictions;
    int64_t flow_us; /* waited for flow control's tickets */
    int64_t app_evicted_dirty, app_evict_us, eviction_failed, disk_us;
    int64_t ticket_waits_of[2], ticket_wait_us_of[2]; /* writes, reads */
    int64_t lock_waits, lock_wait_us, sorted_keys, sort_spills, over_time;
    int64_t txns_started, txns_committed, txns_aborted, connections_refused;
    int64_t ttl_passes, ttl_deleted;
    struct sim_logins logins, speculative_logins; /* by SCRAM-SHA-256 */
};

/* ---- replication ---- */

enum sim_member_state { SIM_STARTUP = 0, SIM_IS_PRIMARY = 1, SIM_IS_SECONDARY = 2, SIM_IS_RECOVERING = 3, SIM_STARTUP2 = 5, SIM_IS_ARBITER = 7, SIM_DOWN = 8, SIM_IN_ROLLBACK = 9 };

struct sim_optime {
    uint64_t ts;
    int64_t t; /* term */
};

/* A member's entry in the set's configuration. */
struct sim_seat {
    double priority;
    bool hidden, arbiter; /* an arbiter votes and has no data; the first member is none */
    int votes;
    int64_t delay_s;
};

/* What a member knows of another one: as old as the last heartbeat. */
struct sim_peer {
    enum sim_member_state state;
    bool up;
    int64_t up_since_us;
    int64_t beat_us;    /* its last answer */
    int64_t heard_us;   /* its last question; 0 never */
    int64_t contact_us; /* the later of both */
    unsigned round;     /* of its heartbeats */
    int64_t silent_us;  /* since when it has not answered; 0: it does */
    struct sim_optime applied;
    int64_t applied_wall_ms;
    uint64_t elected_ts; /* 0: it is not primary */
    int sync;
    int64_t config_version, config_term;
    char message[160];
};

enum sim_reason { SIM_STEP_UP, SIM_PRIORITY_TAKEOVER, SIM_CATCH_UP_TAKEOVER, SIM_ELECTION_TIMEOUT, SIM_FREEZE_TIMEOUT, SIM_REASONS };

/* The last election that a member won, and the last one that it voted in. term 0: none. */
struct sim_race {
    enum sim_reason reason;
    int64_t at_us, term, started_us, majority_us; /* the last two 0: not yet */
    struct sim_optime committed, seen;
    int needed, prior;
    double priority;
    int64_t catch_up_ops;
};

struct sim_vote {
    int64_t at_us, term, started_us, applied_us;
    int candidate;
    struct sim_optime applied, most;
    double priority;
};

/* What a member is in its set: role.h. */
struct sim_role {
    enum sim_member_state state;
    bool writable;         /* a primary whose catch-up is over and which is not about to step down */
    int64_t term, voted_term, config_version, config_term;
    int primary;           /* whom it takes for the primary; -1 nobody */
    int sync, syncing;     /* whom it follows; whom it has just chosen; -1 nobody */
    int64_t heard_us;      /* when it last heard of a primary */
    int64_t patience_us;   /* how long it then waits until it runs itself */
    int64_t frozen_us;     /* until then it does not run */
    int64_t takeover_us;   /* when it will run for its priority; 0 never */
    bool choosing;         /* another one to follow */
    bool recovering;       /* goes on to be a secondary when it has applied up to target */
    uint64_t target;
    uint64_t elected_ts;
    struct sim_race race;
    struct sim_vote vote;
    struct sim_peer peer[SIM_MEMBERS_MAX];
    int64_t called[SIM_REASONS], succeeded[SIM_REASONS], higher_term, catch_ups, caught_up_already;
    int64_t rbid, ops_killed, ops_running, step_downs;
    const char *transition; /* "stepUp", "stepDown", "" */
    struct sb_rng rng;
};

/* An initial sync: a member without data copies that of another one (initial_sync.h). */
struct sim_copying {
    bool wanted; /* it has no data, or not all of it */
    int64_t from_us, until_us;
    int source; /* -1: nobody to copy from; tried again at until_us */
    int64_t failed;
};

/* How a primary holds its writers back while the majority does not follow: flow.h. */
struct sim_flow {
    bool lagged;
    int64_t looked_us;        /* when it was last looked at; 0 never */
    int64_t count, lagged_us; /* since the start of the process: how often, and for how long in all */
    int64_t rate;             /* tickets a second; 0: as many as anybody wants */
    int64_t next_us;          /* when the next one is given out */
    uint64_t majority_at;     /* how far in the stream the majority was then */
    int64_t sustained;        /* entries a second that it took */
};

struct sim_log_line {
    char *text; /* at most SIM_LOG_CHARS characters */
};

struct sim_member {
    struct sim *sim;
    int id;
    int port;
    char name[64];      /* "127.0.0.1:27017" */
    char host[64];      /* as serverStatus says it: "sim-0:27017" */
    int64_t pid;
    uint8_t process_id[12];
    bool up;            /* the process runs */
    bool hung;          /* it runs and answers nothing */
    unsigned life;      /* which process of this member it is: 1 the first */
    int64_t start_us;   /* of this process */
    int64_t topology;   /* counter of hello's topologyVersion */
    bool primary;       /* role.state is SIM_IS_PRIMARY */
    struct sim_role role;
    struct sim_catalog cat;
    struct sim_counters n;
    struct sim_conn *conns;
    int32_t next_conn, next_opid, conns_n;
    struct sim_running *running;
    int running_n;
    double dirty_bytes;
    struct sim_flow flow;
    int64_t dropped_idents; /* files of indexes and collections that are gone, kept until the next checkpoint */
    struct sim_store store;
    struct sim_snapshot *snapshots;
    /* the log */
    struct sim_log_line log[SIM_LOG_LINES];
    uint64_t log_written;
    struct sim_log_line startup[8];
    unsigned startup_n;
    /* profiler settings that hold for the whole process */
    int64_t slow_ms;
    double sample_rate;
    /* replication */
    uint64_t applied;      /* changes of the stream that are applied here */
    uint64_t applied_ts;   /* of its newest entry, that of its branch when it has one */
    int64_t applied_term, applied_wall_ms;
    struct sim_change *branch; /* what it has applied beyond `applied` and the set has not: to be rolled back */
    size_t branch_n;
    uint64_t fork_ts;      /* of the newest entry before the branch */
    int64_t fork_term, fork_wall_ms;
    struct sim_copying copying;
    bool apply_waiting;    /* an event for it is on its way */
    int64_t applying_until_us; /* the batch in hand keeps a core busy until then */
    int64_t fetched_us;    /* when it last had entries from its source; 0 never */
    bool frozen;           /* applies nothing (a fault; also a hook for later) */
    int64_t lag_us;        /* further delay before it applies (a fault) */
    enum sim_fault fault; /* what clients on sockets meet, until then */
    int64_t fault_to_us, fault_times;
    struct sb_rng rng;
};

/* ---- the set ---- */

enum sim_change_kind { SIM_CHANGE_INSERT, SIM_CHANGE_UPDATE, SIM_CHANGE_DELETE, SIM_CHANGE_COMMAND, SIM_CHANGE_NOOP, SIM_CHANGE_TXN };

/* One entry of the oplog on its way to the other members. */
struct sim_change {
    uint64_t ts;
    int64_t term;
    int64_t wall_ms, made_us;
    enum sim_change_kind kind;
    uint8_t uuid[16];
    struct sim_doc *entry; /* the oplog document */
    struct sim_doc *post;  /* insert, update: the whole document, shared by the members */
    struct sim_doc *pre;   /* update, delete: what was there before, for a rollback */
    struct sim_doc *id;    /* update, delete: {_id: ...} */
    int64_t keys;          /* written on the primary: what it costs to apply */
    struct sim_parts *parts; /* of a transaction: its changes, in their order */
};

struct sim_parts {
    uint32_t refs;
    size_t n;
    struct sim_change part[];
};

struct sim {
    int64_t now; /* virtual microseconds */
    int64_t start;
    uint64_t seed;
    double speed;
    char scenario[128];
    char set_name[32];
    struct sim_cluster *cluster; /* that it is a part of (cluster.h); NULL: it is a replica set by itself */
    int shard;                   /* its number there; -1: it is the mongos */
    char incarnation[33];
    uint8_t set_id[12];
    struct sb_rng rng, uuid_rng;
    uint64_t trace;
    uint64_t operations;
    struct sim_costs costs;
    struct sim_event *heap;
    size_t heap_n, heap_cap;
    uint64_t seq;
    int members;
    struct sim_member member[SIM_MEMBERS_MAX];
    int primary_id; /* who takes writes now; -1 nobody */
    int64_t term;   /* of the last primary that took writes */
    struct sim_seat seat[SIM_MEMBERS_MAX];
    int64_t config_version;
    int64_t rollbacks, rolled_back; /* and entries in all of them */
    /* Told when a member's process starts, ends, stops answering or answers again; may be NULL. */
    void (*on_life)(struct sim_member *m, void *ctx);
    void *on_life_ctx;
    struct sim_waits *waits;
    /* replication stream: changes[i - base] */
    struct sim_change *change;
    size_t change_n, change_cap;
    uint64_t change_base;
    uint64_t base_ts; /* of the newest entry that the stream has forgotten */
    int64_t base_term, base_wall_ms;
    uint64_t last_ts, commit_ts;
    int64_t last_wall_ms, commit_wall_ms, commit_term;
    int64_t oplog_bytes;
    struct sim_cursors *cursors;
    struct sim_arena_block *spare_plan; /* what one question's plan lay in, for the next */
    struct sim_sessions *sessions;
    struct sim_txns *txns;
    struct sim_builds *builds;
    struct sim_clients *clients;
    struct sim_query_stats *query_stats; /* NULL: $queryStats may not be asked, as on a server of one's own */
    const struct sim_accounts *accounts; /* borrowed; NULL: no access control */
    int64_t certificate_ends_ms; /* 0: its members do not speak TLS */
    int version[3];
};

struct sim_setup {
    uint64_t seed;
    int64_t start_ms; /* virtual time at the beginning */
    double speed;     /* only told to clients */
    const char *scenario_name;
    const char *incarnation; /* 32 hexadecimal digits; NULL: from the seed */
    int port[SIM_MEMBERS_MAX];
    int members;
    const char *set_name; /* of a shard; NULL: SIM_SET_NAME */
    int64_t pid;
    int version[3]; /* of the server; 0.0.0: 5.0.7. See sim_version */
    const struct sim_accounts *accounts; /* borrowed until the set is freed; NULL: no access control */
    int64_t certificate_ends_ms; /* of the members' TLS; 0: they speak none */
};

/* "5.0", "6.0", "7.0" or "8.0" to the release that is simulated; false for another text. What differs between them is what
 * the server's documentation tells: fields and sections of replies, attributes of log lines, stages, wire versions. */
bool sim_version(const char *text, int version[3]);

/* A set with the collections a fresh deployment has, its primary elected. NULL after a failure. */
struct sim *sim_new(const struct sim_setup *setup, struct sb_err *err);
void sim_free(struct sim *s);

/* Runs every event up to that moment and moves the clock there. */
void sim_run_until(struct sim *s, int64_t us);

/* When the next event is due; INT64_MAX when there is none. */
int64_t sim_next_event(const struct sim *s);

static inline int64_t sim_now_ms(const struct sim *s)
{
    return s->now / 1000;
}

/* It is a mongos: what clients ask of it, it asks of shards. */
static inline bool sim_is_router(const struct sim *s)
{
    return s->cluster && s->shard < 0;
}

/* The server is of that major version or newer. */
static inline bool sim_since(const struct sim *s, int major)
{
    return s->version[0] >= major;
}

/* Who takes writes now; NULL while there is nobody. */
static inline struct sim_member *sim_primary(struct sim *s)
{
    return s->primary_id < 0 ? NULL : &s->member[s->primary_id];
}

/* Hash of everything that has been done so far. */
uint64_t sim_trace_hash(const struct sim *s);
void sim_trace(struct sim *s, const void *bytes, size_t n);

/* An operator of a filter that this member was asked to apply. */
void sim_count_operator(struct sim_member *m, const char *name);

void sim_new_uuid(struct sim *s, uint8_t uuid[16]);
void sim_new_oid(struct sim *s, uint8_t oid[12]);

/* ---- connections ---- */

/* A new connection; logged as the server logs it. NULL out of memory, or when there are as many as may be. */
struct sim_conn *sim_conn_open(struct sim_member *m, const char *remote, bool inside);
void sim_conn_close(struct sim_conn *c);
void sim_conn_cut_all(struct sim_member *m); /* by the server's side: each holder is told by lost */
void sim_conn_metadata(struct sim_conn *c, const uint8_t *client); /* from hello */

/* ---- operations under way ---- */

/* NULL out of memory. The plan and the namespace are copied, the command referenced. */
struct sim_running *sim_running_new(struct sim_member *m, struct sim_conn *conn, const char *op, const char *ns, struct sim_doc *command);
void sim_running_end(struct sim_member *m, struct sim_running *r);
void sim_running_end_opid(struct sim_member *m, int32_t opid); /* nothing when it is gone */

/* Operations that use a core now; that hold a ticket of this kind; that wait for one, or for a lock. */
int sim_busy(const struct sim_member *m);
int sim_tickets_out(const struct sim_member *m, bool write);
int sim_queued(const struct sim_member *m, bool write);

#endif

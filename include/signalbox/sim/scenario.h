/* SPDX-License-Identifier: Apache-2.0
 *
 * scenario.h - a scenario file: data, apps with their operations, and what happens when.
 *
 * The line format of base/conf.h; `#` begins a comment. Rows that describe a collection or an app follow it:
 *
 *   title "one sentence"
 *   cost NAME NUMBER                        a constant of cost.h
 *   collection DB.NAME DOCUMENTS
 *       field NAME "TEMPLATE"
 *       index NAME "KEY TEMPLATE" [unique] [sparse] [hidden] [partial "TEMPLATE"] [shard N]
 *       sharded "KEY TEMPLATE" "[VALUE, ..]"   in a cluster: by ranges, split where its first field has these values
 *   app NAME clients N [stopped] [secondary] [unpooled] [alone]
 *       find|count|aggregate|insert|update|delete|modify DB.NAME rate PER_SECOND [filter T] [sort T] [limit N] [skip N]
 *            [projection T] [update T] [document T] [pipeline T] [multi] [upsert] [remove] [hint NAME] [batch N]
 *   members N                               of the set, 1 to 5; not said: 3
 *   member N [priority P] [hidden] [votes 0] [delay DURATION]   hidden, delayed and voteless ones get priority 0
 *   member N arbiter                        votes and has no data; not member 0
 *   shards N                                a cluster of a mongos and so many shards, 1 to 4, each a set with these members
 *   oplog BYTES                             of each member
 *   query-stats                             $queryStats may be asked (from 7.0 on), as on the vendor's own service
 *   at DURATION HAPPENS
 *   every DURATION [from DURATION] HAPPENS
 *   when index DB.NAME FIELD HAPPENS
 *   exercise ...                             passed over here: what somebody who trains on it is told (cli/exercise.h)
 *
 * HAPPENS is one of
 *   start APP | stop APP | stop-all DB.NAME
 *   rate APP|* FACTOR [over DURATION | for DURATION]      of its ordinary rates; over: step by step; for: then back
 *   cost NAME NUMBER [over DURATION | for DURATION]
 *   create-index DB.NAME NAME "KEY TEMPLATE" [unique] ... | drop-index DB.NAME NAME      as somebody at a shell does it
 *   lock DB.NAME for DURATION                             a maintenance command holds the collection exclusively
 *   snapshot APP DB.NAME for DURATION                     the app opens a transaction on it and forgets it
 *   wire FAULT [for DURATION] [member N]                  what clients on sockets meet (fault.h)
 *   kill N|primary | hang N|primary [for DURATION]        kill as kill -9, hang as SIGSTOP
 *   restart N
 *   resync N                                           loses its data and copies it from another one (initial sync)
 *   lag N DURATION                                        applies that much later; 0s ends it
 *   stepdown                                              as replSetStepDown with its defaults
 *   move-chunk DB.NAME N VALUE                            the balancer moves the chunk with this value of the key to shard N
 *
 * T is a template (template.h). A duration is a number with s, m or h. `when` watches for a finished index whose first field
 * is FIELD; in a cluster what happens to members happens to those
 * of shard 0, lock, snapshot and wire are no words; stop-all stops every app with an operation on the collection. An app that is unpooled opens a connection for
 * every operation and closes it afterwards; of one that is alone each client is a process of its own, whose driver watches the set. Every problem is told with file and line.
 */
#ifndef SIGNALBOX_SIM_SCENARIO_H
#define SIGNALBOX_SIM_SCENARIO_H

#include <signalbox/base/conf.h>
#include <signalbox/sim/cost.h>
#include <signalbox/sim/template.h>

#define SIM_SCENARIO_MEMBERS 5 /* as SIM_MEMBERS_MAX */
#define SIM_SHARDS_MAX 4

enum sim_do { SIM_DO_FIND, SIM_DO_COUNT, SIM_DO_AGGREGATE, SIM_DO_INSERT, SIM_DO_UPDATE, SIM_DO_DELETE, SIM_DO_MODIFY, SIM_DOS };

struct sim_task { /* one operation of an app, done again and again */
    enum sim_do what;
    char *db, *coll;
    double rate; /* a second */
    struct sim_template *filter, *sort, *projection, *update, *document, *pipeline;
    int64_t limit, skip, batch; /* batch: documents of an insert */
    bool multi, upsert, remove;
    char *hint;
};

struct sim_app {
    char *name;
    unsigned clients;
    bool stopped, secondary, unpooled, alone;
    struct sim_task *tasks;
    size_t tasks_n, tasks_cap;
};

struct sim_data_index {
    struct sim_template *spec; /* {key: .., name: .., ...} */
};

struct sim_data {
    char *ns;
    uint64_t documents;
    char **field;
    struct sim_template **made;
    size_t fields, field_cap, made_cap;
    struct sim_template **index; /* whole specifications */
    unsigned *index_line;
    int *index_shard; /* the only one that has it; -1: all */
    size_t indexes, index_cap, index_line_cap, index_shard_cap;
    struct sim_template *shard_key, *splits; /* NULL: it is not sharded */
    const char *path; /* of the scenario; with the line, for what is found out only when the data is made */
    unsigned line;
};

enum sim_event_kind {
    SIM_EVENT_START, SIM_EVENT_STOP, SIM_EVENT_STOP_ALL, SIM_EVENT_RATE, SIM_EVENT_COST, SIM_EVENT_CREATE_INDEX, SIM_EVENT_DROP_INDEX,
    SIM_EVENT_LOCK, SIM_EVENT_SNAPSHOT, SIM_EVENT_WIRE, SIM_EVENT_MOVE_CHUNK, SIM_EVENT_KILL, SIM_EVENT_RESTART, SIM_EVENT_HANG, SIM_EVENT_LAG, SIM_EVENT_STEPDOWN, SIM_EVENT_RESYNC,
    SIM_EVENTS
};

#define SIM_THE_PRIMARY (-1) /* as a member that something happens to: whoever is it at that moment */

struct sim_happening {
    enum sim_event_kind kind;
    char *target; /* an app, "*", a collection, a cost, a fault */
    double value; /* a factor, a cost */
    int64_t at_us;    /* -1: when the index below is there */
    int64_t every_us; /* again and again; 0: once */
    int64_t for_us, over_us; /* 0: not said */
    int member;        /* of what happens to a member; of a fault on the wire: -1 all */
    int64_t length_us; /* of a hang (0: for good) or a lag */
    char *ns, *field; /* of `when`; of an index that is dropped: collection and name; of a snapshot: the collection */
    struct sim_template *index; /* of a chunk that moves: {v: VALUE} of its key; `member` is the shard that gets it */
};

/* A row about a member; what it does not say is as in the set's first configuration. */
struct sim_seat_row {
    bool given, has_priority;
    double priority;
    bool hidden, no_vote, arbiter;
    int64_t delay_s;
};

struct sim_scenario {
    char *name, *title, *path;
    struct sim_seat_row seat[SIM_SCENARIO_MEMBERS];
    struct sim_costs costs;
    struct sim_data *data;
    size_t data_n, data_cap;
    struct sim_app *apps;
    size_t apps_n, apps_cap;
    struct sim_happening *events;
    size_t events_n, events_cap;
    int64_t oplog_bytes; /* 0: not said */
    int members;         /* likewise */
    int shards;          /* 0: a replica set */
    bool query_stats;    /* may be asked, from 7.0 on */
};

/* Reads a scenario. NULL when it has problems (all of them in err, one a line) or memory runs out. */
struct sim_scenario *sim_scenario_parse(const char *text, size_t len, const char *path, const char *name, struct sb_err *err);
void sim_scenario_free(struct sim_scenario *sc);

#endif

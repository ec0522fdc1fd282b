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
 *       index NAME "KEY TEMPLATE" [unique] [sparse] [hidden] [partial "TEMPLATE"]
 *   app NAME clients N [stopped] [secondary]
 *       find|count|aggregate|insert|update|delete|modify DB.NAME rate PER_SECOND [filter T] [sort T] [limit N] [skip N]
 *            [projection T] [update T] [document T] [pipeline T] [multi] [upsert] [remove] [hint NAME]
 *   member N [priority P] [hidden] [votes 0] [delay DURATION]   hidden, delayed and voteless ones get priority 0
 *   at DURATION start|stop APP
 *   at DURATION rate APP|* FACTOR
 *   at DURATION kill|hang N|primary, kill as kill -9, hang as SIGSTOP; hang N for DURATION goes on after it
 *   at DURATION restart N
 *   at DURATION lag N DURATION              applies that much later; 0s ends it
 *   at DURATION stepdown                    as replSetStepDown with its defaults
 *   when index DB.NAME FIELD start|stop|stop-all APP|DB.NAME
 *
 * T is a template (template.h). A duration is a number with s, m or h. `when` watches for a finished index whose first field
 * is FIELD; stop-all stops every app with an operation on the collection. Every problem is told with file and line.
 */
#ifndef SIGNALBOX_SIM_SCENARIO_H
#define SIGNALBOX_SIM_SCENARIO_H

#include <signalbox/base/conf.h>
#include <signalbox/sim/cost.h>
#include <signalbox/sim/template.h>

#define SIM_SCENARIO_MEMBERS 3

enum sim_do { SIM_DO_FIND, SIM_DO_COUNT, SIM_DO_AGGREGATE, SIM_DO_INSERT, SIM_DO_UPDATE, SIM_DO_DELETE, SIM_DO_MODIFY, SIM_DOS };

struct sim_task { /* one operation of an app, done again and again */
    enum sim_do what;
    char *db, *coll;
    double rate; /* a second */
    struct sim_template *filter, *sort, *projection, *update, *document, *pipeline;
    int64_t limit, skip;
    bool multi, upsert, remove;
    char *hint;
};

struct sim_app {
    char *name;
    unsigned clients;
    bool stopped, secondary;
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
    size_t indexes, index_cap;
};

enum sim_event_kind { SIM_EVENT_START, SIM_EVENT_STOP, SIM_EVENT_STOP_ALL, SIM_EVENT_RATE, SIM_EVENT_KILL, SIM_EVENT_RESTART, SIM_EVENT_HANG, SIM_EVENT_LAG,
                      SIM_EVENT_STEPDOWN };

#define SIM_THE_PRIMARY (-1) /* as a member: whoever is it at that moment */

struct sim_happening {
    enum sim_event_kind kind;
    char *target; /* an app, a collection, or "*" */
    double factor;
    int member;        /* of what happens to a member */
    int64_t length_us; /* of a hang (0: for good) or a lag */
    int64_t at_us; /* -1: when the index below is there */
    char *ns, *field;
};

/* A row about a member; what it does not say is as in the set's first configuration. */
struct sim_seat_row {
    bool given, has_priority;
    double priority;
    bool hidden, no_vote;
    int64_t delay_s;
};

struct sim_scenario {
    char *name, *title;
    struct sim_seat_row seat[SIM_SCENARIO_MEMBERS];
    struct sim_costs costs;
    struct sim_data *data;
    size_t data_n, data_cap;
    struct sim_app *apps;
    size_t apps_n, apps_cap;
    struct sim_happening *events;
    size_t events_n, events_cap;
};

/* Reads a scenario. NULL when it has problems (all of them in err, one a line) or memory runs out. */
struct sim_scenario *sim_scenario_parse(const char *text, size_t len, const char *path, const char *name, struct sb_err *err);
void sim_scenario_free(struct sim_scenario *sc);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * fleet.h - very many small replica sets in one process: what a monitor asks, answered cheaply, and nothing else.
 *
 * A member here has no data, no log and no clients: it answers hello, ping, buildInfo, serverStatus and replSetGetStatus from a
 * few counters that grow as real ones do. Members may be at fault: they refuse connections, take them and never answer, say
 * that they are of another set, or answer with reads that take twenty times as long. Which ones follows from the seed.
 * Thread: one owner.
 */
#ifndef SIGNALBOX_SIM_FLEET_H
#define SIGNALBOX_SIM_FLEET_H

#include <signalbox/base/error.h>
#include <signalbox/base/rng.h>
#include <signalbox/base/str.h>
#include <signalbox/sim/write.h>
#include <stdbool.h>
#include <stdint.h>

#define SIM_FLEET_SETS_MAX 1000
#define SIM_FLEET_MEMBERS_MAX 7 /* of a set */

enum sim_fleet_fault { SIM_FLEET_REFUSES, SIM_FLEET_HANGS, SIM_FLEET_LIES, SIM_FLEET_SLOW, SIM_FLEET_FAULTS, SIM_FLEET_NONE = SIM_FLEET_FAULTS };

struct sim_fleet_setup {
    int sets, members;             /* members: of each */
    uint64_t seed;
    int64_t start_ms;              /* wall; members have run for a day then */
    int faults[SIM_FLEET_FAULTS];  /* how many members have which; together at most all */
};

struct sim_fleet_member {
    int set, place, port;
    enum sim_fleet_fault fault;
    struct sb_rng rng;
    int64_t counted_us;            /* up to when the counters have grown */
    double ops_per_s, read_us;     /* what is usual for it */
    double queries, writes, reads_us, writes_us, connections;
};

struct sim_fleet {
    struct sim_fleet_setup setup;
    struct sim_fleet_member *member; /* set by set */
    int n;
    bool at_fault;                 /* faults have begun */
    struct sim_w scratch;
};

struct sim_fleet *sim_fleet_new(const struct sim_fleet_setup *setup, struct sb_err *err);
void sim_fleet_free(struct sim_fleet *f);

/* What the member has now: SIM_FLEET_NONE before faults have begun. */
enum sim_fleet_fault sim_fleet_fault(const struct sim_fleet *f, const struct sim_fleet_member *m);

void sim_fleet_set_name(char out[32], int set);

/* One whole message of a client (n is what sim_wire_length told), the answer appended to out. False: end the connection. now_us: since the
 * start. */
bool sim_fleet_handle(struct sim_fleet *f, struct sim_fleet_member *m, const uint8_t *bytes, size_t n, int64_t now_us, struct sb_str *out);

/* ---- on sockets (fleet_server.c) ---- */

struct sim_fleet_server;

/* Each member listens on a port of 127.0.0.1, any free one. faults_after_ms: after run began. */
struct sim_fleet_server *sim_fleet_server_new(struct sim_fleet *f, int64_t faults_after_ms, struct sb_err *err);
int sim_fleet_server_run(struct sim_fleet_server *v, int stop_fd, struct sb_err *err);
void sim_fleet_server_free(struct sim_fleet_server *v);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * server.h - the simulated set on sockets: one loop over listeners, clients and virtual time.
 *
 * Each member listens on a loopback port of its own. Virtual time follows the real clock times the speed; when the machine
 * cannot keep up, virtual time is what gives way, never a client. A client's bytes are bounded (one message in, answers it
 * does not read up to a limit), those of all together as well (the one that holds most is dropped), and what it sends goes
 * through wire.h as it came. Thread: the one that calls run.
 */
#ifndef SIGNALBOX_SIM_SERVER_H
#define SIGNALBOX_SIM_SERVER_H

#include <signalbox/sim/engine.h>
#include <signalbox/sim/scenario.h>
#include <signalbox/sim/tls.h>

struct sim_server_options {
    const struct sim_scenario *scenario; /* borrowed until the server is freed */
    uint64_t seed;
    double speed;
    int64_t start_ms;  /* where virtual time begins */
    int members;       /* 1..SIM_MEMBERS_MAX; of each shard */
    int shards;        /* 1..SIM_SHARDS_MAX: a cluster (cluster.h), its mongos in front; 0: a set */
    int port;          /* of the mongos or the first member, the next ones follow; 0: any free ones */
    const char *incarnation; /* as in struct sim_setup */
    int version[3];          /* as in struct sim_setup */
    struct sim_tls *tls;     /* borrowed until the server is freed; NULL: clients speak plainly */
    const struct sim_accounts *accounts; /* likewise; NULL: no access control */
};

struct sim_server;

/* Binds the ports, makes the set and loads the scenario. SB_EUSAGE when a port is taken. */
struct sim_server *sim_server_new(const struct sim_server_options *o, struct sb_err *err);

struct sim *sim_server_set(struct sim_server *v);

/* The cluster, of which that is the mongos; NULL: it is a set. */
struct sim_cluster *sim_server_cluster(struct sim_server *v);

/* Appends mongodb://127.0.0.1:p,...?replicaSet=rs0 or the mongos alone, with TLS &tls=true; never a login. */
void sim_server_uri(const struct sim_server *v, struct sb_str *out);

/* Serves until stop_fd is readable. -1 when the loop itself cannot go on. */
int sim_server_run(struct sim_server *v, int stop_fd, struct sb_err *err);

void sim_server_free(struct sim_server *v);

#endif

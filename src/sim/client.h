/* SPDX-License-Identifier: Apache-2.0
 *
 * client.h - one connection of an app: whom it talks to, what it asks, and what it does when the set changes.
 *
 * As drivers do: it talks to the primary, or to a secondary where the app may; when its connection breaks, or the answer tells
 * that the member is not what it took it for, it looks for the right one (for up to 30 s of its own time) and sends the same
 * command once more, with the same transaction number; what cannot be sent again (a getMore, a write to many documents)
 * is an error. Thread: one. */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H

#include "traffic.h"

#define SIM_WAITING_MAX 256 /* arrivals of one app that may wait for a connection */

struct sim_app_run;

struct sim_client {
    struct sim_app_run *app;
    struct sim_conn *conn; /* NULL: closed */
    unsigned number;
    uint8_t lsid[16];
    int64_t txn_number;
    const struct sim_task *task; /* under way; NULL: free */
    int64_t cursor;
    unsigned batches;
    bool tried, failed, more; /* sent once already; broken off; a getMore is under way */
    int64_t looking_us; /* since when it looks for a member; 0: it does not */
    uint64_t ts;        /* of its write, which a majority has to have */
    int64_t step_downs; /* of the member when it was asked */
    struct sim_doc *body, *docs; /* the command as it was sent, and its documents */
    const char *docs_name;
};

/* An app at work. */
struct sim_app_run {
    struct sim_clients *all;
    const struct sim_app *spec;
    size_t number;
    bool running;
    uint64_t generation; /* arrivals of an earlier start are void */
    double factor;
    struct sb_rng rng;
    struct sim_client *client;
    const struct sim_task *waiting[SIM_WAITING_MAX]; /* a ring */
    size_t waiting_at, waiting_n;
};

struct sim_clients {
    struct sim *s;
    const struct sim_scenario *sc;
    struct sim_app_run *app;
    struct sim_sequences sequences;
    bool *happened;
    int64_t hellos; /* that are due, times the number of looks in which each is due once */
    int64_t refused, failed, retried;
    int64_t missed; /* happenings for which there was no memory */
    struct sim_w w, seq, reply;
    struct sb_str batch;
};

/* Connects where it can: -1 when there is nobody it could talk to now. */
int sim_client_connect(struct sim_client *c);
void sim_client_disconnect(struct sim_client *c);

/* Begins an operation. The client is free again when its task is NULL; then it takes the next one that waits. */
void sim_client_begin(struct sim_client *c, const struct sim_task *task);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * traffic.h - what the parts of the workload share: data and commands made from templates.
 */
#ifndef SIGNALBOX_SIM_TRAFFIC_H
#define SIGNALBOX_SIM_TRAFFIC_H

#include <signalbox/sim/clients.h>
#include <signalbox/sim/dispatch.h>

/* One collection of a scenario on every member. */
int sim_load_data(struct sim *s, const struct sim_data *d, struct sim_sequences *sequences, struct sb_err *err);

/* Who asks. */
struct sim_asker {
    const uint8_t *lsid; /* 16 bytes */
    int64_t txn_number;  /* of a write */
    bool secondary;
};

/* One command of a task, in w (and the documents of a sequence, made in seq and collected in docs): fills rq, which borrows
 * from them. -1 out of memory. */
int sim_task_request(struct sim *s, const struct sim_task *t, const struct sim_making *m, const struct sim_asker *who, struct sim_w *w,
                     struct sim_w *seq, struct sb_str *docs, struct sim_request *rq);

/* The request for the next batch of a cursor. */
int sim_more_request(struct sim *s, const struct sim_task *t, int64_t cursor, const struct sim_asker *who, struct sim_w *w, struct sim_request *rq);

#endif

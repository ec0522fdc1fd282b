/* SPDX-License-Identifier: Apache-2.0
 *
 * status.h - sections of serverStatus. */
#ifndef SIM_STATUS_H
#define SIM_STATUS_H

#include <signalbox/sim/dispatch.h>

/* The two large sections; each opens and closes its own document. */
void sim_put_wired_tiger(struct sim_w *w, const struct sim_member *m);
void sim_put_metrics(struct sim_w *w, const struct sim_member *m);

/* What reads asked for, and what is sent on to warm the caches of the others. */
void sim_put_read_concerns(struct sim_w *w, const struct sim_member *m);
void sim_put_mirrored_reads(struct sim_w *w, const struct sim_member *m);

#endif

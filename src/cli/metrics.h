/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics.h - what a serving program says of itself to Prometheus.
 *
 * Two halves: what is known, kept up from the news that every seat gets, written as the text format 0.0.4; and an HTTP door
 * for it, on loopback or a Unix socket only: whoever may connect may read it, and it holds no values of the database, only names of
 * members and of the deployment. Thread: the main thread's, in its poll loop; no call blocks.
 */
#ifndef SIGNALBOX_SRC_CLI_METRICS_H
#define SIGNALBOX_SRC_CLI_METRICS_H

#include <signalbox/model/message.h>

#include <poll.h>

struct metrics;

/* NULL without memory. */
struct metrics *sb_metrics_new(void);
void sb_metrics_free(struct metrics *m);

/* Takes notice of one piece of news. For want of memory a card or an anomaly is not counted, and how many is told. */
void sb_metrics_take(struct metrics *m, const struct sb_message *news);

/* Appends all of it. */
void sb_metrics_write(const struct metrics *m, struct sb_str *out);

#define SB_METRICS_CLIENTS 8 /* at once; who comes meanwhile waits in the system's queue */
#define SB_METRICS_FDS (1 + SB_METRICS_CLIENTS)

struct metrics_door;

/* "127.0.0.1:9216", "[::1]:9216" or "unix:/run/user/1000/signalbox.metrics" (made with mode 0600; one that nobody answers on is
 * replaced). NULL with err: not of this form, not loopback, or it cannot be listened on. */
struct metrics_door *sb_metrics_door_open(const char *address, struct sb_err *err);
void sb_metrics_door_close(struct metrics_door *d);

/* What it waits for: SB_METRICS_FDS entries, fd -1 where there is nothing. Returns in how many ms it wants to be called at the
 * latest (-1: no hurry), and is then called with them. */
int sb_metrics_door_wants(const struct metrics_door *d, struct pollfd *fds);
void sb_metrics_door_serve(struct metrics_door *d, const struct metrics *m, const struct pollfd *fds);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * change_stream.h - $changeStream: a cursor that follows a member's oplog as far as a majority has it.
 *
 * It may be opened on a collection (which need not exist), a database, or from admin on the whole deployment, and goes on
 * from a token or a time. Stages behind it see one event at a time. Thread: one. */
#ifndef SIM_CHANGE_STREAM_H
#define SIM_CHANGE_STREAM_H

#include <signalbox/sim/cursor.h>
#include <signalbox/sim/dispatch.h>
#include <signalbox/sim/pipeline.h>

/* The stage's own options, as far as they can be checked without a server; and the stages behind it. 0 or -1. */
int sim_stream_check(struct sim_val spec, struct sim_fail *f);
int sim_stream_check_stages(const struct sim_pipeline *p, struct sim_fail *f);

/* The aggregate in c, whose stages these are: replies with its cursor. c->ns is set. 0 or -1. */
int sim_stream_open(struct sim_call *c, struct sim_val stages, int64_t batch);

void sim_stream_free(struct sim_stream *x);

/* The next event: 1 and its reference, 0 there is none now, -1. */
int sim_stream_next(struct sim_stream *x, struct sim_doc **out, struct sim_fail *f);

/* That event has been sent; all there are have been. */
void sim_stream_told(struct sim_stream *x, const struct sim_doc *event);
void sim_stream_told_all(struct sim_stream *x);

/* It has told its last event. */
bool sim_stream_over(const struct sim_stream *x);

/* postBatchResumeToken, into the open document. */
void sim_stream_put_token(const struct sim_stream *x, struct sim_w *w);

#endif

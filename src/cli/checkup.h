/* SPDX-License-Identifier: Apache-2.0
 *
 * checkup.h - the doctor beside a console: a worker looks, and posts what he found so far, step by step, among the news.
 *
 * Thread: the main thread's. What was asked is copied, apart from the target, which must stay until sb_checkup_end was true. */
#ifndef SIGNALBOX_CLI_CHECKUP_H
#define SIGNALBOX_CLI_CHECKUP_H

#include "doctor.h"

#include <signalbox/bus/queue.h>

struct checkup;

/* On the worker, before he looks: waits until it is known what is connected to, and says so in `asked`. */
typedef void (*sb_checkup_settle_fn)(void *ctx, struct doctor_asked *asked);

/* Begins; one that is under way goes on, and nothing is begun. *c is made when it is NULL. What fails is posted as well. */
void sb_checkup_begin(struct checkup **c, struct sb_queue *news, const struct doctor_asked *asked, sb_checkup_settle_fn settle, void *ctx);

/* Nobody waits for it any more. True when the worker has ended; false: he hangs in the driver or on a disk, his memory stays his, and
 * the process has to end. */
bool sb_checkup_end(struct checkup *c, int grace_ms);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * overview_worker.h - the thread that asks the store while somebody looks at the page of all deployments, or at one of them.
 *
 * It alone holds the store's handle. Every look is posted as a snapshot; an opened deployment gets what a console gets from an
 * orchestrator, made from the copies: who owns it, its cards and incidents, the entries of its record. What is decided there goes into the store,
 * signed, and the owner's answer comes back, also when the deployment was closed meanwhile. Thread: started and stopped by the main one. */
#ifndef SIGNALBOX_SRC_CLI_OVERVIEW_WORKER_H
#define SIGNALBOX_SRC_CLI_OVERVIEW_WORKER_H

#include "overview.h"

#include <signalbox/bus/queue.h>
#include <signalbox/model/message.h>

struct sb_overview_worker;

/* What one look brought. */
struct sb_overview_snapshot {
    bool read;                  /* overview is what was read; else wrong says why nothing was */
    struct sb_overview overview;
    int64_t read_ms;            /* by this machine's clock */
    char wrong[300];            /* "" all is well */
    char note[400];             /* an answer to what was decided before; "" none */
    bool note_bad;
};
void sb_overview_snapshot_free(void *snapshot);

/* Takes the store, which it closes, and borrows the viewer. config: names the store, which is asked to tell of changes. */
struct sb_overview_worker *sb_overview_worker_start(struct sb_store *s, const struct sb_viewer *v, const struct sb_config *config, struct sb_err *err);

/* False: it hangs in the driver, and what it uses stays. */
bool sb_overview_worker_stop(struct sb_overview_worker *w, int64_t grace_ms);

/* Mail with a struct sb_overview_snapshot as payload. */
struct sb_queue *sb_overview_worker_snapshots(struct sb_overview_worker *w);

/* From here on asks are about this ledger, and what is told of it goes into news. close: news is the worker's to free. */
void sb_overview_worker_open(struct sb_overview_worker *w, const struct sb_overview_owner *owner, struct sb_queue *news);
void sb_overview_worker_close(struct sb_overview_worker *w);

/* Takes m; never blocks: as ask of sb_screen_options. */
void sb_overview_worker_ask(void *worker, struct sb_message *m);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * trial.h (private) - an index that is tried out on a sample: here, by a card of its own, or on another deployment. A change of
 * documents is rehearsed in the same way, on another deployment only. */
#ifndef SIGNALBOX_SRC_ORCHESTRATOR_TRIAL_H
#define SIGNALBOX_SRC_ORCHESTRATOR_TRIAL_H

#include "private.h"

#include <signalbox/agents/rehearsal.h>

/* ---- trial_gate.c: may it be tried out on the deployment that the config names? ---- */

struct trial_there {
    struct sb_deployment_facts facts;
    int64_t members, members_up, lag_s, queued, cache_ppm, builds; /* -1: not known */
};

/* How that deployment is now. Blocks; worker threads only. After 0 release it. */
int sb_o_look_there(const char *uri_file, const char *ns, struct trial_there *h, struct sb_err *err);
void sb_o_release_there(struct trial_there *h);

/* gate.c's: policy's word about a trial on it of the plan of `tried`, a card that was made for here; the verdict stands in the case.
 * SB_ALLOW, or another decision and why; -1: it could not be asked or recorded. */
int sb_o_gate_there(struct sb_orchestrator *o, struct held_card *tried, struct held_case *c, const struct trial_there *h, struct sb_err *err);

/* ---- trial_read.c: what is read of a criterion ---- */

void sb_o_measured(struct sb_watch_reading *r, const struct sb_criterion *c, int64_t value, int64_t samples);
void sb_o_unmeasured(struct sb_watch_reading *r, const char *note);

/* Documents examined per document returned, by an explain that runs the shape. Blocks, as the next does. */
void sb_o_read_explain(struct sb_conn *conn, const char *db, const char *explain, const struct sb_criterion *c, struct sb_watch_reading *r);

/* Where a shape is tried out: the sample is at conn, the collection itself, whose plan of today counts, at today. */
struct trial_read {
    struct sb_conn *conn, *today;
    const char *db, *scratch;
};
void sb_o_read_trial(const struct trial_read *t, const char *explain, const struct sb_criterion *c, struct sb_watch_reading *r);

/* ---- trial_elsewhere.c: on the deployment that the config names ---- */

struct trial_elsewhere {
    const char *dir;           /* of the trials' ledger, which all trials of a state folder share, one at a time */
    const char *by, *deployment; /* who asked; the card's deployment, by name */
    const char *uri_file;      /* where to */
    const struct sb_server *source;
    const char *source_id, *source_member; /* whom it may not be; who is asked for today's plans */
    const struct sb_card *card;            /* whose index, or change, it is */
    const struct sb_catalogue *today;      /* of its collection, for the indexes there are */
    const json_t *sensitive;
    char *const *explains;     /* one a criterion of the card; NULL: it is not explained, */
    char *const *notes;        /* for this reason */
    int64_t at;                /* deployment time */
};

/* The server that the file names; NULL with the reason. */
struct sb_server *sb_o_trial_server(const char *uri_file, struct sb_err *err);

/* Copies a sample there, builds today's indexes and the new one, or sends the change's updates, reads, and drops all again; each write an INTENT in the trials'
 * ledger. What an earlier trial that was killed left there is dropped first. Appends what was found out to a list; *where (the caller
 * frees it) names trial and place. -1: it was not tried out, with the reason. Blocks; worker threads only. */
int sb_o_try_elsewhere(const struct trial_elsewhere *t, struct sb_evidence **list, size_t *n, char **where, struct sb_err *err);

/* ---- trial_rehearse.c: a change in batches ---- */

struct rehearsing {
    const struct sb_server *target;
    struct sb_conn *conn;
    const char *ns; /* of the copy */
    /* Sends one command, on the record: how long it took, there and back, and how many documents it changed. */
    int (*send)(void *ctx, const char *command, int64_t *micros, int64_t *changed, struct sb_err *err);
    void *ctx;
};

/* One step of the draft, to its end; adds to what was measured. -1: it could not be sent, or was refused. Blocks. */
int sb_o_rehearse(const struct rehearsing *w, const struct sb_step *s, struct sb_rehearsal *r, struct sb_err *err);

#endif

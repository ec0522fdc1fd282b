/* SPDX-License-Identifier: Apache-2.0
 *
 * tenure.h - a console's ownership of its deployment, kept while it lives: the lease in the store, and the fence in the deployment.
 *
 * A thread of its own takes the lease as soon as it is free, renews it four times in its life, and gives it back at the end. How long it
 * is good for is reckoned here from the moment before the store was asked, by a clock that counts suspended time: a console that
 * was stopped knows that it may have been overtaken. What happens is told by `tell`; a new epoch counts from when it is on the record
 * (sb_tenure_recorded), and only then the fence is raised: at once where somebody else owned the deployment before, else with the first step.
 *
 * Around each command: sb_tenure_enter on the worker that sends it, right before; sb_tenure_leave when its result is on the record.
 * Thread: every function from any thread; enter blocks (a worker's), the others do not.
 */
#ifndef SIGNALBOX_SHARED_TENURE_H
#define SIGNALBOX_SHARED_TENURE_H

#include <signalbox/mongo/server.h>
#include <signalbox/shared/lease.h>

enum sb_tenure_state {
    SB_TENURE_NONE,   /* not asked yet */
    SB_TENURE_MINE,
    SB_TENURE_OTHERS, /* somebody else owns it, or left a step open */
    SB_TENURE_AWAY,   /* the store does not answer, and the time is over or was never begun */
};

enum sb_tenure_event {
    SB_TENURE_TAKEN, /* an epoch begins: lease is how it stands, before who owned it before ("" nobody) */
    SB_TENURE_LOST,  /* lease is whose it is now; before: ours, or it was never ours */
    SB_TENURE_FENCE, /* it was raised, or why says why not */
    SB_TENURE_HELD,  /* maintenance begins, or is over (lease.hold.until 0) */
};

struct sb_tenure_news {
    int event; /* enum sb_tenure_event */
    struct sb_lease lease;
    char before[128];
    char why[512];
};

struct sb_tenure_options {
    const char *uri, *database; /* of the store */
    const char *name;           /* of the deployment in the config */
    const char *owner;          /* the ledger's id */
    const char *host, *boot, *program;
    int64_t pid, lease_ms;
    const struct sb_server *server; /* what is watched; outlives the tenure */
    const char *executor_uri;       /* NULL: the server's own login */
    void (*tell)(void *ctx, const struct sb_tenure_news *news);                            /* on the tenure's thread; copies what it wants */
    int (*accept)(void *ctx, const struct sb_lease *lease, const char *statement, struct sb_err *err); /* the same: is the word in lease->forced good? */
    void *ctx;
};

struct sb_tenure;

/* Texts are copied. Nothing is asked before sb_tenure_watch. */
struct sb_tenure *sb_tenure_start(const struct sb_tenure_options *o, struct sb_err *err);

/* What is watched is known: its id. Once. */
void sb_tenure_watch(struct sb_tenure *t, const char *deployment_id);

/* The beginning of this epoch is on the record. */
void sb_tenure_recorded(struct sb_tenure *t, int64_t epoch);

/* How it stands; why (may be NULL) is a sentence, "" where a step may be sent now. back: it takes something back. True: it may. */
bool sb_tenure_may(struct sb_tenure *t, bool back, char *why, size_t cap);
enum sb_tenure_state sb_tenure_state(struct sb_tenure *t, struct sb_lease *lease); /* lease: as it was seen last; may be NULL */

/* The store was away, or was put back: what it said of the lease may not hold any more. Nothing is sent before it was renewed, which is done at once. */
void sb_tenure_doubt(struct sb_tenure *t);

/* Nothing of ours is under way, by the record: a step whose answer never came, or that the lease names as ours from an earlier run, is closed. */
void sb_tenure_idle(struct sb_tenure *t);

/* The step is under way from here on: the lease says so with a majority, and the fence is ours. 0: send it now. -1: do not. What takes something
 * back is let pass where the store is away, but never past another's fence; *alone says that it went without the store. */
int sb_tenure_enter(struct sb_tenure *t, const struct sb_lease_step *step, bool *alone, struct sb_err *err);
void sb_tenure_leave(struct sb_tenure *t, const struct sb_lease_step *step);

/* Gives the lease back, where no step is open, says in the row of "hosts" that it is draining, and ends the thread. Waits for that at most grace_ms; one that hangs in the driver is left
 * behind (false), and what it uses must stay. Then free it, when nobody can be in it any more. NULL is fine. */
bool sb_tenure_halt(struct sb_tenure *t, int grace_ms);
void sb_tenure_free(struct sb_tenure *t);

#endif

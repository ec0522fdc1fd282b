/* SPDX-License-Identifier: Apache-2.0
 *
 * store.h - the operators' shared store: a MongoDB replica set of their own, in which every console puts a faithful copy of its
 * ledger, takes approvals from others, and asks before it starts what was approved.
 *
 * The local ledger stays first: nothing is in the store that is not in a ledger before. What is there can be made anew from the
 * ledgers, but for approvals that were not answered yet, starts and leases, which decide; so a store that has lost what it once
 * acknowledged is found (STATE/store.ack remembers it) and held: nothing is executed until a person has said that it is so.
 *
 * Collections: meta, hosts, entries, checkpoints, cards, incidents, approvals, starts, leases. Times in them are the store's, not a
 * host's. A write whose answer was lost is decided by reading it back; each is idempotent by its _id or by its condition.
 *
 * Words: log = a ledger's id (sb_ledger_id); host = the machine. Thread: a handle belongs to one thread at a time, and every call blocks
 * (a worker's, never the orchestrator's). Errors: SB_ESERVER the store is away (nothing is known to be lost by it), SB_ESTATE it is held
 * or refused, SB_EINPUT what was read there is not what may stand there.
 */
#ifndef SIGNALBOX_SHARED_STORE_H
#define SIGNALBOX_SHARED_STORE_H

#include <signalbox/base/error.h>
#include <signalbox/ledger/ledger.h>
#include <stdbool.h>
#include <stdint.h>

#define SB_STORE_VERSION 1 /* of what is written there */
#define SB_STORE_DATABASE "signalbox"
#define SB_STORE_ACK "store.ack"
#define SB_STORE_ID_LEN 32
#define SB_STORE_STATEMENT_MOST 8192
#define SB_STORE_REASON_MOST 400

struct sb_store;

struct sb_store_options {
    const char *uri;        /* its connection string */
    const char *database;   /* NULL: SB_STORE_DATABASE */
    const char *state_dir;  /* of this host's ledger, for store.ack; NULL: nothing is remembered */
    const char *log;        /* this ledger's id; NULL: only to look */
    const char *watched_id; /* of the deployment that is watched: that one is refused as the store; NULL: none is */
    bool look;              /* neither store.ack nor the store is changed by sb_store_check */
    bool on_watched;        /* the config says that it may be the same */
};

/* How things stand. */
enum sb_store_state {
    SB_STORE_WELL,
    SB_STORE_AWAY,    /* out of reach, or without a primary; tried again */
    SB_STORE_HELD,    /* it has less, or other, than it acknowledged: until sb_store_accept */
    SB_STORE_REFUSED, /* it is no store for this program: the config has to change */
    SB_STORE_STATES
};
extern const struct sb_names sb_store_states; /* "well", "away", "held", "refused" */

/* Texts are copied. Reads store.ack; no network traffic: sb_store_check makes the connection. NULL: out of memory, or the connection string
 * is none. */
struct sb_store *sb_store_open(const struct sb_store_options *o, struct sb_err *err);
void sb_store_close(struct sb_store *s); /* NULL is fine */

/* Connects where it is not connected, finds out who is there and what it has, and compares that with what is remembered. reader: this
 * host's ledger (NULL: only to look). After the first success one light command a call. Returns the state; *why lives until the next call, "" where all is well. */
enum sb_store_state sb_store_check(struct sb_store *s, struct sb_ledger *reader, const char **why);

/* The same without asking anything. */
enum sb_store_state sb_store_find_fault(const struct sb_store *s, const char **why);

const char *sb_store_id(const struct sb_store *s);    /* "" not known yet */
const char *sb_store_shown(const struct sb_store *s); /* the connection string without its secrets */
int64_t sb_store_acked(const struct sb_store *s);     /* entries of this ledger that a majority of it is known to have */

/* The store's clock, milliseconds since 1970. */
int sb_store_now(struct sb_store *s, int64_t *out, struct sb_err *err);

/* A person has said that the store was restored from an old copy, or has lost what it had: what is remembered is given up, and the next
 * publish fills it up from the start. Whoever calls has put it on the record. SB_ESTATE where nothing is held, or what is there is another's
 * chain of this ledger, which nobody can accept. */
int sb_store_accept(struct sb_store *s, struct sb_ledger *reader, struct sb_err *err);

/* ---- this host's copy: publish.c ---- */

/* Copies the entries up to `upto` (0: the reader's head) that the store lacks, in order and without gaps, then what follows from them: cards,
 * incidents, the checkpoint. reader is opened anew for each call: it sees what there was when it was opened. *acked: so many a majority has. */
int sb_store_publish(struct sb_store *s, struct sb_ledger *reader, int64_t upto, int64_t *acked, struct sb_err *err);

struct sb_store_host {
    const char *host, *boot, *program; /* program: its version */
    int64_t pid;
    const char *deployment_id, *deployment, *environment, *team, *class_; /* NULL: not said */
    bool draining; /* it is about to leave; a tenure that ends says so */
    int64_t head;
};

/* Writes this ledger's row of "hosts", with the store's time. Fields that a newer version has put there stay. */
int sb_store_host_beat(struct sb_store *s, const struct sb_store_host *h, struct sb_err *err);

/* ---- approvals: approvals.c ---- */

struct sb_store_approval {
    char *nonce;     /* of the statement; the document's _id */
    char *log;       /* whose card it is */
    char *card;
    char *sha256;    /* the card's hash */
    int64_t revision;
    char *what;      /* "approve" or "reject" */
    char *statement; /* canonical JSON, and */
    char *signature; /* the armoured SSH signature of exactly these bytes */
    char *by;
    char *reason;    /* of a rejection */
    char *target;    /* what was typed, where policy wants the target's name */
    int64_t at;      /* by the store's clock; filled in there */
    bool answered, ok;
    int64_t n;       /* the owner's entry about it; 0: none */
    char *why;       /* the owner's answer */
};
void sb_store_approval_release(struct sb_store_approval *a);

/* Puts an approval into the store for the owner to take. The same one again is no second one; another one under the same nonce is
 * SB_ESTATE. After 0 a majority has it: it will be answered. */
int sb_store_approve(struct sb_store *s, const struct sb_store_approval *a, struct sb_err *err);

/* What came of it. 1: answered (ok, n, why), 0: not yet, -1. out is overwritten, and the caller's to release, also where it is not answered. */
int sb_store_approval_read(struct sb_store *s, const char *nonce, struct sb_store_approval *out, struct sb_err *err);

/* The approvals for this ledger that nobody has answered, oldest first, at most `most`; the caller releases each, and frees the list. A document
 * that is none is answered there and then as such. */
int sb_store_approvals_wanted(struct sb_store *s, size_t most, struct sb_store_approval **list, size_t *n, struct sb_err *err);

/* The owner's answer, which stands once: 0 also where it was answered before. */
int sb_store_answer(struct sb_store *s, const char *nonce, bool ok, int64_t n, const char *why, struct sb_err *err);

/* The copy of a card. log: what its ledger's name begins with; NULL: any that has the only card of this name. of: whose it is. out is
 * overwritten; what it holds is somebody else's word, until its hash was worked out anew. SB_EINPUT: there is none, or several. */
int sb_store_card(struct sb_store *s, const char *log, const char *id, char of[SB_LOG_ID_LEN + 1], struct sb_card *out, struct sb_err *err);

/* ---- before something is done: start.c ---- */

enum sb_store_started {
    SB_STORE_START_ERROR = -1,
    SB_STORE_STARTED, /* it is ours to start */
    SB_STORE_OURS,    /* this ledger has put it there before, for the same card: what its record says decides */
    SB_STORE_ALREADY, /* somebody else has started it: nothing may be sent */
};

/* Uses an approval's nonce up, for every host. */
enum sb_store_started sb_store_start(struct sb_store *s, const char *nonce, const char *card, int64_t n, int64_t epoch, struct sb_err *err);

/* What has to be so before a step of a plan is sent: the record up to `upto` is with a majority, and its approval is ours to start.
 * SB_ESTATE or SB_ESERVER: it is not so, nothing may be sent, and the message says why; ask again later. */
struct sb_store_step {
    const char *card, *deployment_id;
    int64_t step, upto;
    const char *nonce; /* of the approval that starts the plan; NULL: policy let it go by itself */
    int class_;        /* enum sb_step_class */
    int64_t epoch;     /* of the lease under which it is sent; 0: none is kept */
};
int sb_store_gate(struct sb_store *s, struct sb_ledger *reader, const struct sb_store_step *step, struct sb_err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * lease.h - who owns a deployment now: one document a deployment in the store's collection "leases".
 *
 *   {_id: <deployment id>, name, owner: <ledger id, "" nobody>, host, pid, boot, program, epoch, until, beat,
 *    open: {card, step, class, epoch} | null, hold: {by, reason, until} | null, forced: {...} | null}
 *
 * Everything is decided by the store in one conditional write, by its own clock ($$NOW): the clocks of hosts never count. The epoch
 * rises whenever the owner changes, and never comes back. `open` says that a step may be on its way to the deployment: a lease that
 * ended with one is not taken by itself, unless the step is idempotent (class I), in which case the next owner raises the
 * fence in the deployment before anything else. `hold` is maintenance: watched, and nothing is executed. `forced` is a person's word that an
 * owner is dead. Fields of a newer program stay as they are.
 *
 * A write whose answer was lost is read back (linearizably) before it is told as failed. Thread: that of the door; every call blocks.
 */
#ifndef SIGNALBOX_SHARED_LEASE_H
#define SIGNALBOX_SHARED_LEASE_H

#include <signalbox/base/str.h>
#include <signalbox/mongo/store_door.h>

#define SB_LEASES "leases"
#define SB_LEASE_MS 30000      /* how long one lasts, when the config does not say */
#define SB_LEASE_LEAST_MS 2000
#define SB_LEASE_MOST_MS 600000
#define SB_LEASE_TEXT 400      /* bytes of a reason */

/* A step that may be on its way. */
struct sb_lease_step {
    char card[64]; /* "" none */
    int64_t step;
    int class_;    /* enum sb_step_class; of what cannot be read the worst one */
    int64_t epoch; /* of the owner that sent it; filled in there */
    bool back;     /* it takes something back: that may be done in maintenance as well. Not kept there */
};

struct sb_lease {
    char deployment[128], name[128], owner[128], host[256], boot[64], program[32];
    int64_t pid, epoch, until, beat;
    struct sb_lease_step open;
    struct {
        char by[128], reason[SB_LEASE_TEXT];
        int64_t until; /* 0: nobody holds it */
    } hold;
    struct {
        char by[128], reason[SB_LEASE_TEXT], statement[1024], signature[4096];
        char owner[128]; /* who was said to be dead, at which epoch, with which step */
        int64_t at, epoch;
        struct sb_lease_step step;
    } forced; /* at 0: never */
};

/* Maintenance is on, by the store's clock as it stood when this was seen. */
static inline bool sb_lease_held(const struct sb_lease *l)
{
    return l->hold.until > l->beat;
}

/* Who asks. */
struct sb_lease_self {
    const char *owner, *host, *boot, *program; /* owner: a ledger's id */
    int64_t pid;
};

enum sb_leased {
    SB_LEASE_ERROR = -1, /* it is not known; err says why. Nothing may be done by it */
    SB_LEASE_MINE,       /* out is how it stands now */
    SB_LEASE_NOT,        /* out is what stands there, by somebody else; deployment "": nothing does */
};

/* Mine already, or free, or over with no step under way but an idempotent one: it is mine for lease_ms from now. name: of the deployment in the
 * config. A lease of this owner goes on with its epoch. accepted: the statement of a person's word that the caller has checked (NULL: none): over
 * with any step under way, by that word; the step is marked as left open in `forced`. */
enum sb_leased sb_lease_take(struct sb_store_door *d, const char *deployment, const char *name, const struct sb_lease_self *self, int64_t lease_ms, const char *accepted, struct sb_lease *out,
                             struct sb_err *err);

/* From now on for lease_ms, while it is this owner's at this epoch. */
enum sb_leased sb_lease_renew(struct sb_store_door *d, const char *deployment, const struct sb_lease_self *self, int64_t epoch, int64_t lease_ms, struct sb_lease *out, struct sb_err *err);

/* The same, and this step is under way from now on: before it is sent. SB_LEASE_NOT also where maintenance holds the deployment, or a former
 * owner's step is open. */
enum sb_leased sb_lease_open_step(struct sb_store_door *d, const char *deployment, const struct sb_lease_self *self, int64_t epoch, int64_t lease_ms, const struct sb_lease_step *step,
                                  struct sb_lease *out, struct sb_err *err);

/* The same after its result: rest is what else is under way (card "": nothing). */
enum sb_leased sb_lease_close_step(struct sb_store_door *d, const char *deployment, const struct sb_lease_self *self, int64_t epoch, int64_t lease_ms, const struct sb_lease_step *rest,
                                   struct sb_lease *out, struct sb_err *err);

/* Gives it back, while nothing is under way. SB_LEASE_MINE: it is free now. SB_LEASE_NOT: it is not ours, or a step is open. */
enum sb_leased sb_lease_release(struct sb_store_door *d, const char *deployment, const struct sb_lease_self *self, int64_t epoch, struct sb_lease *out, struct sb_err *err);

/* A person's word that the owner is dead: whoever accepts it may take the lease. seen: as the person saw it, so that it is about that very
 * owner, epoch and step. SB_LEASE_NOT: it is not over yet, nothing is under way, or it is another one by now. */
struct sb_lease_word {
    const char *by, *reason, *statement, *signature; /* signature NULL: unsigned */
};
enum sb_leased sb_lease_force(struct sb_store_door *d, const struct sb_lease *seen, const struct sb_lease_word *word, struct sb_lease *out, struct sb_err *err);

/* Maintenance until a moment by the store's clock (0: it ends now). Also of a deployment that nobody owns yet. */
enum sb_leased sb_lease_hold(struct sb_store_door *d, const char *deployment, const char *by, const char *reason, int64_t until, struct sb_lease *out, struct sb_err *err);

/* 1: out is how it stands; 0: there is none; -1. */
int sb_lease_read(struct sb_store_door *d, const char *deployment, struct sb_lease *out, struct sb_err *err);

/* All of them, at most `most`, by name; the caller frees the list. */
int sb_lease_list(struct sb_store_door *d, size_t most, struct sb_lease **list, size_t *n, struct sb_err *err);

/* A document of the collection, whatever it holds: texts are cut, what is of a wrong type is as if it were not there, but for `open`, of which
 * anything that cannot be read is a step of the worst class. -1: it is not a lease at all. */
int sb_lease_decode(const bson_t *doc, struct sb_lease *out);

/* The statement of a person's word, canonical JSON: what is signed, and what a taker holds against the lease. */
int sb_lease_statement(const struct sb_lease *seen, const char *by, const char *reason, struct sb_str *out, struct sb_err *err);

#endif

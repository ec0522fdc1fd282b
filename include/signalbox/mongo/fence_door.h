/* SPDX-License-Identifier: Apache-2.0
 *
 * fence_door.h - the fence in a watched deployment: which ownership of it may send commands now.
 *
 * One document, {_id: "epoch", epoch, owner}, in the collection signalbox_fence.epoch of the deployment itself. Whoever becomes
 * the owner by the store's lease raises it to the lease's epoch; each command is preceded by a confirmation. Both are
 * conditional writes with majority: one that is acknowledged was made by the primary that the majority follows, so that a
 * former owner that wakes up finds that the fence is no longer its own. MongoDB itself does not check epochs: a command that has
 * been confirmed and is on its way is stopped by nothing. That is the gap for which steps that are not idempotent need a person.
 *
 * This door writes that document and nothing else, with the executor's login, which needs readWrite on signalbox_fence. No permit
 * is wanted: it changes nothing of the operators', and its raising is on the ledger before it is made (shared/tenure.h).
 * Thread: any worker; opens a connection of its own and closes it; blocks up to about half a minute.
 */
#ifndef SIGNALBOX_MONGO_FENCE_DOOR_H
#define SIGNALBOX_MONGO_FENCE_DOOR_H

#include <signalbox/mongo/server.h>

#define SB_FENCE_DB "signalbox_fence"
#define SB_FENCE_COLL "epoch"

enum sb_fence {
    SB_FENCE_MINE,    /* a majority has it: mine, of this epoch */
    SB_FENCE_OTHERS,  /* somebody holds this epoch or a later one, or (confirming) it was never raised so far; err says which */
    SB_FENCE_UNKNOWN, /* no answer, or one without a majority, or the login may not: err says why */
};

/* What stands there. */
struct sb_fence_seen {
    int64_t epoch; /* 0: it was never raised, or not read */
    char owner[128];
};

/* Raises it to epoch (from 1) for this owner, a ledger's id. Again by the same owner for the same epoch is the same. executor_uri NULL: the
 * server's own login. deployment_id: what the connection has to be. seen: what stands in the way, where it is others'. */
enum sb_fence sb_fence_raise(const struct sb_server *s, const char *executor_uri, const char *deployment_id, int64_t epoch, const char *owner,
                             struct sb_fence_seen *seen, struct sb_err *err);

/* Is it still at exactly this epoch and this owner's? A write, so that only the primary of a majority can say yes. */
enum sb_fence sb_fence_confirm(const struct sb_server *s, const char *executor_uri, const char *deployment_id, int64_t epoch, const char *owner,
                               struct sb_fence_seen *seen, struct sb_err *err);

#endif

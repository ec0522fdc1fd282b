/* SPDX-License-Identifier: Apache-2.0
 *
 * recoverability.h - everything that is known of what could be brought back, held against what is asked of it: the backups that
 * lie there, the drills on the record, the deployment as it is now, the schedules, and the policy's limits.
 *
 * Only what was measured is told; what is not known is told as that. A drill counts for the restore time only where its level
 * counts for policy (L3 and more). What is odd is told by the median of what was seen before and by how far those lie from it.
 * A date is told where something grows or ages: it is when the limit is crossed if that goes on as it does. Reads the free space
 * and the kind of the file systems that the backups lie on; else pure. Thread: one owner.
 */
#ifndef SIGNALBOX_AGENTS_RECOVERABILITY_H
#define SIGNALBOX_AGENTS_RECOVERABILITY_H

#include <signalbox/agents/backup_guardian.h>
#include <signalbox/agents/backup_live.h>
#include <signalbox/model/entry.h>
#include <signalbox/model/recovery.h>

/* A schedule of the config, against what the record has of its runs. */
struct sb_recovery_run {
    const char *name;
    int64_t runs;
    int64_t completed_at; /* the newest that did; 0: none */
    int64_t expected_at;  /* the newest planned time that is over; 0: none */
};

/* What a policy asks; -1: nothing. */
struct sb_recovery_limits {
    int64_t loss_s, backup_age_s, drill_age_s, restore_s; /* at most */
    int64_t window_s;                                     /* of the oplog, at least */
    int64_t kept_s;                                       /* how far back the oldest reaches, at least */
    int64_t plain;                                        /* of those that are not encrypted, at most */
    int64_t places;                                       /* file systems that they lie on, at least */
};
#define SB_NO_LIMITS ((struct sb_recovery_limits){-1, -1, -1, -1, -1, -1, -1, -1})

struct sb_recovery_input {
    const char *deployment;
    int64_t now;
    char *const *paths; /* places of the config */
    size_t paths_n;
    const char *key_file;  /* of the config, for what is sealed; NULL: it names none */
    const char *key_fault; /* why it could not be read; NULL: it could */
    const struct sb_backups *backups;
    const struct sb_recovery_drill *drills; /* of this deployment, oldest first */
    size_t drills_n;
    char *const *came; /* paths of those that have come, by the record */
    size_t came_n;
    const struct sb_backup_live *live;
    const struct sb_recovery_run *runs;
    size_t runs_n;
    struct sb_recovery_limits limits;
};

/* Appends the drill that an entry of the ledger is the end of; one of another kind or deployment adds nothing. -1: out of memory. */
int sb_recovery_take_drill(struct sb_recovery_drill **drills, size_t *n, const struct sb_entry *e, const char *deployment);

/* out is overwritten. -1: out of memory, and nothing is in it. */
int sb_recoverability(const struct sb_recovery_input *in, struct sb_recovery *out, struct sb_err *err);

#endif

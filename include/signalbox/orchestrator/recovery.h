/* SPDX-License-Identifier: Apache-2.0
 *
 * recovery.h - what the record knows of drills and of schedules, and what a policy asks, for agents/recoverability.h.
 *
 * Thread: the ledger's owner.
 */
#ifndef SIGNALBOX_ORCHESTRATOR_RECOVERY_H
#define SIGNALBOX_ORCHESTRATOR_RECOVERY_H

#include <signalbox/agents/recoverability.h>
#include <signalbox/ledger/ledger.h>
#include <signalbox/orchestrator/schedule.h>
#include <signalbox/policy/policy.h>

/* Appends the drills of a deployment that have ended, oldest first; the list is the caller's also after a failure. */
int sb_recovery_drills(struct sb_ledger *l, const char *deployment, struct sb_recovery_drill **drills, size_t *n, struct sb_err *err);

/* Appends the paths of the backups of a deployment that have come, by the record, each once; the list is the caller's also after a
 * failure. */
int sb_recovery_came(struct sb_ledger *l, const char *deployment, char ***paths, size_t *n, struct sb_err *err);

/* The runs of one schedule, whose name is borrowed. */
int sb_recovery_run_of(struct sb_ledger *l, const char *deployment, const struct sb_schedule *schedule, int64_t now, struct sb_recovery_run *out, struct sb_err *err);

struct sb_recovery_limits sb_recovery_limits_of(const struct sb_policy *p);

#endif

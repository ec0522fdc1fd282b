/* SPDX-License-Identifier: Apache-2.0
 *
 * backup_plan.h (private) - the plan of a recovery, as sentences. */
#ifndef SIGNALBOX_SRC_AGENTS_BACKUP_PLAN_H
#define SIGNALBOX_SRC_AGENTS_BACKUP_PLAN_H

#include <signalbox/agents/backup_guardian.h>
#include <signalbox/agents/backup_rto.h>

/* Appends the steps with this backup, how long they take by these drills, and what would be lost. place: NULL, all of it. */
void sb_backup_plan(struct sb_str *s, const struct sb_backup *b, const char *deployment, const char *place, int64_t now, const struct sb_rto_drill *drills, size_t drills_n);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNALBOX_AGENTS_BACKUP_PLAN_H
#define SIGNALBOX_AGENTS_BACKUP_PLAN_H

#include <signalbox/agents/backup_answer.h>

struct sb_backup_plan {
    const struct sb_backup_question *q;
    const struct sb_backup *backup; /* from which, as sb_backups_best has it */
};

/* The steps as a card that asks for nothing, with the expected time and what is lost; overwritten. -1: out of memory, and nothing is
 * in it. */
int sb_backup_plan_card(const struct sb_backup_plan *p, struct sb_card *card);

#endif

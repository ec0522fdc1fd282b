/* SPDX-License-Identifier: Apache-2.0
 *
 * backup_goals.h (private) - what is asked of a deployment's backups, measured: loss, time, schedule.
 */
#ifndef SB_CLI_BACKUP_GOALS_H
#define SB_CLI_BACKUP_GOALS_H

#include "backup.h"

#include <signalbox/agents/backup_rto.h>
#include <signalbox/orchestrator/recovery.h>
#include <unistd.h>

struct sb_config_deployment;

struct sb_goals {
    struct sb_backup_live now;
    struct sb_recovery_drill *seen; /* every drill on the record, oldest first */
    size_t seen_n;
    struct sb_rto_drill *drills;    /* of those what counts for a restore's time */
    size_t drills_n;
    struct sb_rto rto;              /* of the newest backup */
    struct sb_recovery_run *schedules;
    size_t schedules_n;
    char **gone;                    /* paths that were drilled and are not there any more */
    size_t gone_n;
    char **came;                    /* paths of the backups that have come, by the record */
    size_t came_n;
    char *key_fault;                /* why the key of the config could not be read; NULL: it could, or none is named */
    struct sb_recovery recovery;    /* all of it against what is asked */
};

/* Asks the deployment (it need not answer) and reads the record. policy: the config's; NULL: the built-in one. All of g but
 * key_fault is 0 before. Release it also after a failure; the config must outlive it. */
int sb_goals_find(struct sb_goals *g, const struct sb_config_deployment *d, const char *policy, const char *state_dir, const struct sb_backups *list, struct sb_err *err);
void sb_goals_release(struct sb_goals *g);

json_t *sb_goals_json(const struct sb_goals *g, int64_t now);
void sb_goals_tell(struct sb_str *out, const struct sb_goals *g, const struct sb_backup *newest, int64_t now);

#endif

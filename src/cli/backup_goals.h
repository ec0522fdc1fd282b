/* SPDX-License-Identifier: Apache-2.0
 *
 * backup_goals.h (private) - what is asked of a deployment's backups, measured: loss, time, schedule.
 */
#ifndef SB_CLI_BACKUP_GOALS_H
#define SB_CLI_BACKUP_GOALS_H

#include "backup.h"

#include <signalbox/agents/backup_rto.h>
#include <unistd.h>

struct sb_config_deployment;

struct sb_goal_schedule {
    const char *name; /* the config's */
    int64_t runs;
    int64_t completed_at; /* wall: when the newest one that did came to its end; 0: none did */
};

struct sb_goals {
    bool live;             /* the deployment has told its oplog; else */
    char blind[400];       /* why not */
    uint64_t oplog_from, oplog_to; /* seconds << 32 | ordinal */
    uint64_t unprotected;  /* the first write in it after what the newest backup brings back; 0: none */
    bool covered;          /* it reaches back to the newest backup */
    struct sb_rto_drill *drills;
    size_t drills_n;
    struct sb_rto rto;     /* of the newest backup */
    int64_t drill_at;      /* of the last one; 0: none */
    int drill_level;       /* 0: it failed */
    char drill[400];
    struct sb_goal_schedule *schedules;
    size_t schedules_n;
    char **gone;           /* paths that were drilled and are not there any more */
    size_t gone_n;
};

/* Asks the deployment (it need not answer) and reads the record. Release it also after a failure; the config must outlive it. */
int sb_goals_find(struct sb_goals *g, const struct sb_config_deployment *d, const char *state_dir, const struct sb_backup *newest, struct sb_err *err);
void sb_goals_release(struct sb_goals *g);

json_t *sb_goals_json(const struct sb_goals *g, int64_t now);
void sb_goals_tell(struct sb_str *out, const struct sb_goals *g, const struct sb_backup *newest, int64_t now);

#endif

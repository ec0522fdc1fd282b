/* SPDX-License-Identifier: Apache-2.0
 *
 * The steps of a real recovery, for people: this program restores into throw-away deployments only. */
#include "backup_plan.h"

#include <signalbox/base/clock.h>

#include <inttypes.h>
#include <string.h>

/* The command that restores it, as far as its kind tells. */
static void add_command(struct sb_str *s, const struct sb_backup *b, const char *place)
{
    bool packed = sb_streq(b->packing, "gzip");
    switch (b->kind) {
    case SB_BACKUP_DUMP_FOLDER:
    case SB_BACKUP_DUMP_ARCHIVE:
        sb_str_addf(s, "`mongorestore --uri URI %s%s%s", b->kind == SB_BACKUP_DUMP_FOLDER ? "--dir=" : "--archive=", b->path, packed ? " --gzip" : "");
        if (place)
            sb_str_addf(s, " --nsInclude='%s%s'`%s", place, strchr(place, '.') ? "" : ".*", b->oplog_to ? ", which cannot replay the oplog: what it restores is of the moments at which it was copied" : "");
        else
            sb_str_addf(s, "%s`", b->oplog_to ? " --oplogReplay" : "");
        break;
    case SB_BACKUP_PBM:
        sb_str_addf(s, "`pbm restore %s`%s", b->name ? b->name : "NAME", b->pitr.n ? ", or `pbm restore --time=TIME` for a later moment" : "");
        break;
    default:
        sb_str_addf(s, "a volume made from the snapshot %s", b->path);
    }
}

void sb_backup_plan(struct sb_str *s, const struct sb_backup *b, const char *deployment, const char *place, int64_t now, const struct sb_rto_drill *drills, size_t drills_n)
{
    char at[SB_TIME_LEN + 1];
    int64_t point = sb_backup_point(b);
    struct sb_rto rto;
    sb_rto_estimate(drills, drills_n, b->bytes, &rto);
    sb_time_format(at, point);
    sb_str_addf(s, "Restore plan for %s%s%s from %s%s%s, by hand, for this program restores nothing into a deployment that is watched. ", deployment, place ? ", " : "", place ? place : "", b->path,
                b->name ? " " : "", b->name ? b->name : "");
    sb_str_adds(s, "1. Stop every writer (where it is sharded: the balancer, then every mongos) and write down the time. 2. Keep what is there: the old volumes, or a dump of it (`signalbox backup make PATH");
    sb_str_addf(s, "%s%s`). 3. Read every byte of the backup: `signalbox backup check %s`. 4. Start an empty deployment of the backup's version%s%s%s, not over the old one, the config server's set first where it is sharded. 5. There: ",
                place ? " " : "", place ? place : "", b->path, b->server_version ? " (" : "", b->server_version ? b->server_version : "", b->server_version ? ")" : "");
    add_command(s, b, place);
    sb_str_adds(s, ". 6. Compare counts and indexes, and run the application's own check. 7. Let the applications write there. 8. Take a new base backup at once: those from before are of another history. ");
    sb_str_adds(s, "Expected: ");
    sb_rto_text(&rto, s);
    if (point > 0 && point <= now)
        sb_str_addf(s, ". Lost: what was written since %.10s %.8s UTC, %" PRId64 " minutes of it by now.", at, at + 11, (now - point + 59999) / 60000);
    else
        sb_str_adds(s, ". Lost: not known, for nothing tells of which moment the backup is.");
}

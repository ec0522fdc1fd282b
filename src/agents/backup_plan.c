/* SPDX-License-Identifier: Apache-2.0
 *
 * The steps of a real recovery, for people: this program restores into throw-away deployments only. */
#include "backup_plan.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/json.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct step {
    const char *title;
    struct sb_str text;
};

enum { STOP, KEEP, READ, START, RESTORE, COMPARE, OPEN, AFTER, STEPS };

static void add_time(struct sb_str *s, int64_t ms)
{
    char at[SB_TIME_LEN + 1];
    sb_time_format(at, ms);
    sb_str_addf(s, "%.19s", at);
}

/* ---- the steps ---- */

/* The command that restores it, as far as its kind tells. */
static void add_command(const struct sb_backup_plan *p, struct sb_str *s)
{
    const struct sb_backup *b = p->backup;
    const char *place = p->q->place;
    bool packed = sb_streq(b->packing, "gzip");
    int64_t moment = sb_backup_reach(b, p->q->until);
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
        sb_str_adds(s, "`pbm config --set pitr.enabled=false`, then `pbm restore ");
        if (moment > b->taken_at_ms) {
            sb_str_adds(s, "--time=");
            add_time(s, moment);
            sb_str_addf(s, "%s%s", b->name ? " --base-snapshot=" : "", b->name ? b->name : "");
        } else {
            sb_str_adds(s, b->name ? b->name : "NAME");
        }
        sb_str_addf(s, "`%s", !b->type || sb_streq(b->type, "logical") ? "" : ", and when it is done restart every mongod, every pbm-agent, and `pbm config --force-resync`");
        break;
    default:
        sb_str_addf(s, "a volume made from the snapshot %s", b->path);
    }
}

static bool write_steps(const struct sb_backup_plan *p, struct step steps[STEPS])
{
    static const char *const titles[STEPS] = {
        [STOP] = "Stop every writer", [KEEP] = "Keep what is there", [READ] = "Read every byte of the backup", [START] = "Start an empty deployment", [RESTORE] = "Restore there",
        [COMPARE] = "Compare", [OPEN] = "Let the applications write there", [AFTER] = "Take a new base backup at once",
    };
    const struct sb_backup *b = p->backup;
    const char *place = p->q->place, *version = b->server_version;
    bool whole = true;
    for (int i = 0; i < STEPS; i++) {
        steps[i].title = titles[i];
        sb_str_init(&steps[i].text);
    }
    bool known = p->q->shards > 0;
    const char *where = known ? "" : "where it is sharded ";
    sb_str_addf(&steps[STOP].text, "%sthe balancer first, then every mongos; write down the time", where);
    sb_str_addf(&steps[KEEP].text, "the old volumes, or a dump of it (`signalbox backup make PATH%s%s`)", place ? " " : "", place ? place : "");
    sb_str_addf(&steps[READ].text, "`signalbox backup check %s`", b->path);
    sb_str_addf(&steps[START].text, "of the backup's version%s%s%s, not over the old one; %swith %s shards of the same names, the config server's set first, then each shard",
                version ? " (" : "", version ? version : "", version ? ")" : "", where, known ? "all" : "as many");
    add_command(p, &steps[RESTORE].text);
    sb_str_adds(&steps[COMPARE].text, "counts and indexes; then the application's own check");
    sb_str_addf(&steps[OPEN].text, "%severy mongos first, the balancer last", where);
    sb_str_addf(&steps[AFTER].text, "those from before are of another history%s", b->kind == SB_BACKUP_PBM ? ": `pbm backup`, then `pbm config --set pitr.enabled=true`" : "");
    for (int i = 0; i < STEPS; i++)
        whole &= sb_str_ok(&steps[i].text);
    return whole;
}

static void release_steps(struct step steps[STEPS])
{
    for (int i = 0; i < STEPS; i++)
        sb_str_release(&steps[i].text);
}

/* ---- what it costs ---- */

static void add_expected(const struct sb_backup_plan *p, struct sb_str *s, struct sb_rto *rto)
{
    sb_rto_estimate(p->q->drills, p->q->drills_n, p->backup->bytes, rto);
    sb_rto_text(rto, s);
}

static void add_lost(const struct sb_backup_plan *p, struct sb_str *s)
{
    char at[SB_TIME_LEN + 1];
    int64_t point = sb_backup_reach(p->backup, p->q->until), now = p->q->now, until = p->q->until && p->q->until < now ? p->q->until : now;
    sb_time_format(at, point);
    if (point <= 0 || point > now)
        sb_str_adds(s, "not known, for nothing tells of which moment the backup is");
    else if (until < now)
        sb_str_addf(s, "what was written since %.10s %.8s UTC, %" PRId64 " minutes before the moment that was asked for, and all since that moment", at, at + 11, (until - point + 59999) / 60000);
    else
        sb_str_addf(s, "what was written since %.10s %.8s UTC, %" PRId64 " minutes of it by now", at, at + 11, (now - point + 59999) / 60000);
}

static void add_title(const struct sb_backup_plan *p, struct sb_str *s)
{
    const struct sb_backup *b = p->backup;
    sb_str_addf(s, "Restore plan for %s%s%s from %s%s%s", p->q->deployment, p->q->place ? ", " : "", p->q->place ? p->q->place : "", b->path, b->name ? " " : "", b->name ? b->name : "");
}

/* ---- as a card ---- */

/* A path need not be UTF-8, and a card's text must be. Heap; NULL: out of memory. */
static char *words_of(struct sb_str *s)
{
    json_t *v = sb_str_ok(s) ? sb_json_of_bytes(s->p ? s->p : "", s->len) : NULL;
    char *text = v ? sb_format("%s", json_string_value(v)) : NULL;
    json_decref(v);
    sb_str_release(s);
    return text;
}

static int add_step_notes(const struct sb_backup_plan *p, struct sb_card *card)
{
    struct step steps[STEPS];
    int rc = write_steps(p, steps) ? 0 : -1;
    for (int i = 0; i < STEPS && rc == 0; i++) {
        char *title = sb_format("%d. %s", i + 1, steps[i].title), *text = words_of(&steps[i].text);
        rc = !title || !text || sb_side_note_add(card, title, text) ? -1 : 0;
        free(title);
        free(text);
    }
    release_steps(steps);
    return rc;
}

static int describe(const struct sb_backup_plan *p, struct sb_card *card)
{
    const struct sb_backup_question *q = p->q;
    struct sb_str title, expected, lost;
    struct sb_rto rto;
    sb_str_init(&title);
    sb_str_init(&expected);
    sb_str_init(&lost);
    add_title(p, &title);
    add_expected(p, &expected, &rto);
    add_lost(p, &lost);
    char *takes = words_of(&expected), *costs = words_of(&lost);
    card->title = words_of(&title);
    card->why = takes && costs ? sb_format("By hand, for this program restores nothing into a deployment that is watched. Expected: %s. Lost: %s.", takes, costs) : NULL;
    int rc = !card->title || !card->why || sb_evidence_add(&card->evidence, &card->evidence_n, "the drills on the record", q->place, "expected duration", takes, rto.n ? "measured" : "blind", q->taken_at) ||
                     sb_evidence_add(&card->evidence, &card->evidence_n, "the backup's own times", q->place, "lost", costs, "estimated", q->taken_at)
                 ? -1
                 : 0;
    card->blast_radius.est_duration_ms = rto.most_ms;
    free(takes);
    free(costs);
    return rc;
}

int sb_backup_plan_card(const struct sb_backup_plan *p, struct sb_card *card)
{
    const struct sb_backup_question *q = p->q;
    memset(card, 0, sizeof *card);
    card->revision = 1;
    card->kind = SB_KIND_ADVISORY;
    card->environment = q->environment;
    card->simulated = q->simulated;
    card->risk = SB_HIGH;
    card->confidence_ppm = 1000000;
    if (describe(p, card) || add_step_notes(p, card) || sb_str_set(&card->id, q->card_id) || sb_str_set(&card->case_id, q->case_id) || sb_str_set(&card->deployment, q->deployment) ||
        sb_str_set(&card->deployment_id, q->deployment_id) || sb_str_set(&card->target, q->place ? q->place : q->deployment) || sb_str_set(&card->requested_by, q->requested_by) ||
        sb_str_set(&card->author, sb_name(&sb_specialists, SB_BY_BACKUP_GUARDIAN)) ||
        (q->place && sb_strs_push(&card->blast_radius.namespaces, &card->blast_radius.namespaces_n, q->place))) {
        sb_card_release(card);
        return -1;
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Having the Backup Guardian look at the deployment's backups. A worker reads what lies there, and no server is asked, so that
 * there is an answer also when none is in reach. A disk that does not answer holds up one worker and no more: one look at a time. */
#include "private.h"

#include <signalbox/agents/backup_answer.h>

#include <inttypes.h>
#include <string.h>

struct look {
    struct sb_orchestrator *o;
    struct errand way;
    struct sb_backup_question q; /* its texts point at ours, its paths at the options' */
    char *case_id, *deployment, *place, *card_id, *deployment_id, *requested_by;
    struct sb_rto_drill *drills;
    struct sb_backup_said said;
    struct sb_err err;
};

static void free_look(void *p)
{
    struct look *l = p;
    free(l->case_id);
    free(l->deployment);
    free(l->place);
    free(l->card_id);
    free(l->deployment_id);
    free(l->requested_by);
    free(l->drills);
    sb_backup_said_release(&l->said);
    free(l);
}

static void back(struct sb_orchestrator *o, void *p)
{
    struct look *l = p;
    struct held_case *held = sb_o_case(o, l->case_id);
    o->looking_at_backups = false;
    if (l->err.code == SB_OK && !l->place && sb_str_set(&o->backups_said, l->said.text) == 0)
        o->backups_said_at = sb_origin_wall_ms(o->opt.origin);
    if (held && l->err.code == SB_OK && l->said.card.id)
        sb_o_advise(o, &l->said.card, "steps for people: nothing is decided by them here", &l->err);
    if (held && (l->err.code != SB_OK ||
                 sb_o_hand_over(o, held, &(struct handing){.from = SB_BY_BACKUP_GUARDIAN, .to = SB_BY_ORCHESTRATOR, .back = true, .why = "the backups were looked at; what was found is the answer",
                                                           .risk = l->said.good ? "level 1 is no restore: damage inside the data is not seen by it" : "what is lost cannot be brought back from here",
                                                           .evidence = l->said.evidence, .n = l->said.evidence_n}, &l->err)))
        sb_o_finish_consult(o, held, NULL, &l->err, "");
    else if (held)
        sb_o_finish_look(o, held, l->said.good, l->said.text);
    free_look(l);
}

static void look(void *p)
{
    struct look *l = p;
    sb_backup_answer(&l->q, &l->said, &l->err);
    sb_o_post_done(l->o, &l->way, back, l, free_look);
}

/* What a plan needs beside what a look does. */
static int prepare_plan(struct look *l, const struct held_case *held, const char *time, struct sb_err *err)
{
    struct sb_orchestrator *o = l->o;
    int64_t until = 0;
    if (time && sb_time_parse(time, strlen(time), &until))
        until = 0; /* "last night" is no moment: as late as can be */
    l->card_id = sb_format("C-%06" PRId64, o->last_card + 1);
    if (!l->card_id || sb_str_set(&l->deployment_id, o->facts.id) || sb_str_set(&l->requested_by, held->case_.requested_by))
        return sb_fail_nomem(err);
    l->q.until = until;
    l->q.card_id = l->card_id;
    l->q.case_id = l->case_id;
    l->q.deployment_id = l->deployment_id;
    l->q.requested_by = l->requested_by;
    l->q.environment = o->opt.environment;
    l->q.simulated = o->facts.simulated;
    return sb_o_drill_rates(o, &l->drills, &l->q.drills_n, err);
}

int sb_o_consult_backup(struct sb_orchestrator *o, struct held_case *held, const char *place, bool plan, struct sb_err *err)
{
    if (o->looking_at_backups)
        return sb_fail(err, SB_ESTATE, "The backups are being looked at for another request: ask again when that is answered.");
    struct look *l = calloc(1, sizeof *l);
    if (!l)
        return sb_fail_nomem(err);
    l->o = o;
    if (sb_str_set(&l->case_id, held->case_.id) || sb_str_set(&l->deployment, o->deployment) || sb_str_set(&l->place, place)) {
        free_look(l);
        return sb_fail_nomem(err);
    }
    l->q = (struct sb_backup_question){.deployment = l->deployment, .place = l->place, .paths = o->opt.backups, .paths_n = o->opt.backups_n, .key_file = o->opt.backup_key_file, .shards = o->facts.hello.is_mongos ? o->facts.shards_n : 0,
                                       .now = sb_origin_wall_ms(o->opt.origin), .taken_at = sb_o_deployment_now(o), .plan = plan};
    if (plan && prepare_plan(l, held, held->case_.reading.slots.time, err)) {
        free_look(l);
        return -1;
    }
    l->q.drills = l->drills;
    o->last_card += plan;
    held->consulting = o->looking_at_backups = true;
    if (!sb_o_work(o, &l->way, look, l, free_look)) {
        held->consulting = o->looking_at_backups = false;
        return sb_fail_nomem(err);
    }
    return 0;
}

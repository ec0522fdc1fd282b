/* SPDX-License-Identifier: Apache-2.0
 *
 * A closer look at a collection: a worker reads how the profiler stands, and a card proposes to switch it on for a while. */
#include "private.h"

#include <inttypes.h>
#include <string.h>

#define WINDOW_S 300

struct look {
    struct sb_orchestrator *o;
    struct errand way;
    struct sb_profile_question q; /* its texts point at ours */
    char *case_id, *card_id, *ns, *deployment, *deployment_id, *requested_by;
    struct sb_card card;
    bool proposes;
    struct sb_err err;
};

static void free_look(void *p)
{
    struct look *l = p;
    free(l->case_id);
    free(l->card_id);
    free(l->ns);
    free(l->deployment);
    free(l->deployment_id);
    free(l->requested_by);
    sb_card_release(&l->card);
    free(l);
}

static void back(struct sb_orchestrator *o, void *p)
{
    struct look *l = p;
    struct held_case *held = sb_o_case(o, l->case_id);
    if (held) {
        char *text = NULL;
        if (l->err.code == SB_OK && l->proposes && sb_o_propose(o, &l->card, "proposed by the Anomaly Detector", &l->err) == 0)
            text = sb_format("%s: %s", l->card_id, l->card.title);
        sb_o_finish_consult(o, held, NULL, &l->err, text ? text : "nothing was proposed");
        free(text);
    }
    free_look(l);
}

static void read_settings(void *p)
{
    struct look *l = p;
    char db[64], coll[192];
    struct sb_conn *conn = NULL;
    if (!sb_ns_split(l->ns, db, coll))
        sb_fail(&l->err, SB_EINPUT, "\"%s\" is not a collection; write it as database.collection", l->ns);
    else if ((conn = sb_conn_to_primary(l->o->opt.server, SB_LANE_CONTROL, &l->err)) && sb_profile_read(conn, db, &l->q.now, &l->err) == 0)
        l->proposes = sb_profile_card(&l->q, &l->card, &l->err) == 0;
    sb_conn_close(conn);
    sb_o_post_done(l->o, &l->way, back, l, free_look);
}

int sb_o_consult_profile(struct sb_orchestrator *o, struct held_case *held, const char *ns, struct sb_err *err)
{
    if (!o->connected)
        return sb_fail(err, SB_ESERVER, "not connected yet: %s", o->connect_note ? o->connect_note : "connecting");
    struct look *l = calloc(1, sizeof *l);
    if (!l)
        return sb_fail_nomem(err);
    l->o = o;
    l->card_id = sb_format("C-%06" PRId64, o->last_card + 1);
    if (!l->card_id || sb_str_set(&l->case_id, held->case_.id) || sb_str_set(&l->ns, ns) || sb_str_set(&l->deployment, o->deployment) ||
        sb_str_set(&l->deployment_id, o->facts.id) || sb_str_set(&l->requested_by, held->case_.requested_by)) {
        free_look(l);
        return sb_fail_nomem(err);
    }
    l->q = (struct sb_profile_question){.ns = l->ns, .window_s = WINDOW_S, .card_id = l->card_id, .case_id = l->case_id, .deployment = l->deployment,
                                        .deployment_id = l->deployment_id, .requested_by = l->requested_by, .environment = o->opt.environment,
                                        .simulated = o->facts.simulated, .at = o->have_strip ? o->strip.at : 0};
    o->last_card++;
    held->consulting = true;
    if (!sb_o_work(o, &l->way, read_settings, l, free_look)) {
        held->consulting = false;
        return sb_fail_nomem(err);
    }
    return 0;
}

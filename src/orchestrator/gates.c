/* SPDX-License-Identifier: Apache-2.0
 *
 * What has to be true before each phase of a plan that has not begun, read for a screen. It is the same reading as before a start,
 * and decides nothing: before a phase begins it is read again. One plan at a time. */
#include "private.h"

#define PHASES_MOST 16 /* of one case that are read */

struct gates {
    struct sb_orchestrator *o;
    struct errand way;
    int64_t seat, seq;
    char *case_id;
    struct checking *of[PHASES_MOST];
    size_t n;
};

static void free_gates(void *p)
{
    struct gates *g = p;
    for (size_t i = 0; i < g->n; i++)
        sb_o_checking_free(g->of[i]);
    free(g->case_id);
    free(g);
}

static int add_facts(struct sb_plan_gates *told, const struct checking *c)
{
    for (size_t i = 0; i < c->checks_n; i++) {
        struct sb_gate_fact *f = SB_PUSH(told->facts);
        if (!f || sb_str_set(&f->card, c->card_id) || sb_str_set(&f->check, c->checks[i].check) || sb_str_set(&f->result, sb_o_truth_name(c->results[i].truth)) ||
            sb_str_set(&f->text, c->results[i].text))
            return -1;
    }
    return 0;
}

static void back(struct sb_orchestrator *o, void *p)
{
    struct gates *g = p;
    struct sb_err err = SB_ERR_INIT;
    struct sb_plan_gates told = {.at = sb_origin_wall_ms(o->opt.origin)};
    int rc = sb_str_set(&told.case_id, g->case_id);
    o->gating = false;
    for (size_t i = 0; i < g->n && rc == 0; i++)
        rc = add_facts(&told, g->of[i]);
    if (rc)
        sb_fail_nomem(&err);
    else
        sb_o_tell(o, g->seat, sb_message_copy_of(SB_NEWS_PLAN, g->seq, &told));
    sb_o_answer(o, g->seat, g->seq, &err, NULL, NULL, "The gates of %s were measured", g->case_id);
    sb_record_release(&sb_plan_gates_schema, &told);
    free_gates(g);
}

static void read_gates(void *p)
{
    struct gates *g = p;
    for (size_t i = 0; i < g->n; i++)
        sb_o_read_checks(g->of[i]);
    sb_o_post_done(g->o, &g->way, back, g, free_gates);
}

/* It has not begun, and may. */
static bool waits(const struct sb_orchestrator *o, const struct sb_card *c)
{
    return sb_card_open(c) && c->steps_n && c->state <= SB_SCHEDULED && c->state != SB_ADVISORY && sb_streq(c->deployment_id, o->facts.id);
}

static int add_card(struct sb_orchestrator *o, struct gates *g, const char *id, struct sb_err *err)
{
    const struct held_card *held = sb_o_card(o, id);
    struct sb_card read;
    if (!held && sb_ledger_card(o->ledger, id, &read, err))
        return -1;
    const struct sb_card *c = held ? &held->card : &read;
    int rc = 0;
    if (waits(o, c) && g->n < PHASES_MOST) {
        g->of[g->n] = sb_o_checking_new(o, c, c->steps[0].check_before, c->steps[0].check_before_n);
        rc = g->of[g->n] ? 0 : sb_fail_nomem(err);
        g->n += rc == 0;
    }
    if (!held)
        sb_card_release(&read);
    return rc;
}

/* NULL with err. */
static struct gates *new_gates(struct sb_orchestrator *o, const char *id, struct sb_err *err)
{
    struct sb_case k;
    struct gates *g = calloc(1, sizeof *g);
    if (!g || sb_str_set(&g->case_id, id)) {
        free(g);
        sb_fail_nomem(err);
        return NULL;
    }
    g->o = o;
    int rc = sb_ledger_case(o->ledger, id, &k, err);
    if (rc == 0) {
        for (size_t i = 0; rc == 0 && i < k.cards_n; i++)
            rc = add_card(o, g, k.cards[i], err);
        sb_case_release(&k);
    }
    if (rc == 0)
        return g;
    free_gates(g);
    return NULL;
}

void sb_o_ask_plan(struct sb_orchestrator *o, int64_t seat, int64_t seq, const char *id)
{
    struct sb_err err = SB_ERR_INIT;
    struct gates *g = NULL;
    if (!id || !id[0])
        sb_fail(&err, SB_EINPUT, "of which case?");
    else if (!o->connected)
        sb_fail(&err, SB_ESERVER, "there is no connection yet: %s", o->connect_note ? o->connect_note : "connecting");
    else if (o->gating)
        sb_fail(&err, SB_ESTATE, "the gates of another plan are being measured; ask again in a moment");
    else
        g = new_gates(o, id, &err);
    if (!g) {
        sb_o_answer(o, seat, seq, &err, NULL, NULL, "%s", id ? id : "");
        return;
    }
    g->seat = seat;
    g->seq = seq;
    o->gating = sb_o_work(o, &g->way, read_gates, g, free_gates);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * An index was hidden, and its watch window has passed: a worker reads its collection's catalogue, the telemetry thread makes the card
 * that drops it, and the orchestrator proposes it in the case of the card that hid it. When that is so, and what comes of it if not, is
 * drop_due.c's. */
#include "private.h"

#include <signalbox/agents/index_drop.h>

#include <inttypes.h>
#include <string.h>

#define USUAL_MS 300000 /* how far back it is measured what is usual */

struct dropping {
    struct sb_orchestrator *o;
    struct errand way;
    struct drop_due of;
    char *card_id;
    char **members;
    size_t members_n;
    char *primary;
    struct sb_catalogue catalogue;
    bool have, replicated;
    struct sb_card draft;
    int made; /* enum sb_drop_word */
    char why[240];
    struct sb_err err;
};

static void free_dropping(void *p)
{
    struct dropping *d = p;
    for (size_t i = 0; i < d->members_n; i++)
        free(d->members[i]);
    free(d->members);
    free(d->primary);
    free(d->card_id);
    if (d->have)
        sb_catalogue_release(&d->catalogue);
    sb_card_release(&d->draft);
    sb_o_release_drop(&d->of);
    free(d);
}

/* ---- 3. back on the orchestrator's thread ---- */

/* A stale one gives way; any other one that is open stands. */
static bool gives_way(const struct dropping *d, const struct held_card *twin)
{
    return d->of.cards && twin->card.state == SB_STALE && sb_streq(twin->card.id, d->of.before.id) && !sb_o_in_use(twin);
}

/* 1: it is proposed; 0: not yet; 2: it is not to be, and out says why; -1. */
static int propose(struct sb_orchestrator *o, struct held_case *c, struct dropping *d, struct sb_str *out)
{
    const struct held_card *twin = sb_o_twin(o, &d->draft);
    if (twin && !gives_way(d, twin)) {
        sb_str_addf(out, "%s proposes this already", twin->card.id);
        return 0;
    }
    int rc = sb_o_declined_before(o, &d->draft, out, &d->err);
    rc = rc ? rc : sb_o_heed_failure(o, &d->draft, out, &d->err);
    if (rc)
        return rc > 0 ? 2 : -1;
    struct held_card *stale = twin ? sb_o_card(o, twin->card.id) : NULL;
    if (stale && sb_o_move(o, stale, SB_EV_SUPERSEDE, NULL, "its facts had changed; another card takes its place", &d->err))
        return -1;
    c->drop.due = false; /* before policy is asked: what it says may make it due again */
    return sb_o_propose(o, &d->draft, "proposed by the Index Optimizer", &d->err) ? -1 : 1;
}

static void back(struct sb_orchestrator *o, void *p)
{
    struct dropping *d = p;
    const struct sb_card *hidden = &d->of.hidden;
    struct held_case *c = sb_o_case(o, hidden->case_id);
    struct sb_str out;
    if (!c) {
        free_dropping(d);
        return;
    }
    sb_str_init(&out);
    c->drop.away = false;
    for (size_t i = 0; d->have && i < d->catalogue.commands_n; i++)
        sb_o_record(o, SB_ENTRY_COMMAND, NULL, &(struct refs){.case_ = c}, json_pack("{s:s?,s:o}", "member", d->primary, "command", sb_o_words(d->catalogue.commands[i])), NULL);
    int rc = d->err.code != SB_OK ? -1 : d->made == SB_DROP_YES ? propose(o, c, d, &out) : d->made == SB_DROP_NEVER ? 2 : 0;
    const char *why = rc < 0 ? d->err.msg : out.len ? out.p : d->why;
    if (rc == 2)
        sb_o_drop_never(o, c, hidden, why);
    else if (rc != 1)
        sb_o_drop_later(o, c, hidden, why);
    sb_str_release(&out);
    free_dropping(d);
}

/* ---- 2. on the telemetry thread ---- */

static void make_card(void *p, const struct sb_view *view)
{
    struct dropping *d = p;
    int64_t now = sb_view_now(view);
    struct sb_drop_question q = {.hidden = &d->of.hidden, .before = d->of.cards ? &d->of.before : NULL, .catalogue = &d->catalogue, .workload = sb_view_workload(view), .history = sb_view_history(view), .from = now - USUAL_MS, .now = now,
                                 .replicated = d->replicated, .card_id = d->card_id};
    d->made = sb_index_drop(&q, &d->draft, d->why, sizeof d->why, &d->err);
    sb_o_post_done(d->o, &d->way, back, d, free_dropping);
}

/* ---- 1. on a worker ---- */

static void read_collection(void *p)
{
    struct dropping *d = p;
    struct sb_members m = {(const char *const *)d->members, d->members_n, d->primary};
    d->have = sb_catalogue_read(d->o->opt.server, &m, d->of.hidden.target, &d->catalogue, &d->err) == 0;
    if (d->have)
        sb_o_view(d->o, &d->way, make_card, d, free_dropping);
    else
        sb_o_post_done(d->o, &d->way, back, d, free_dropping);
}

void sb_o_consult_drop(struct sb_orchestrator *o, struct held_case *c, struct drop_due *due)
{
    struct dropping *d = calloc(1, sizeof *d);
    if (!d)
        return; /* at the next tick */
    d->o = o;
    d->of = *due;
    memset(due, 0, sizeof *due);
    d->replicated = sb_hello_replicated(&o->facts.hello);
    d->card_id = sb_format("C-%06" PRId64, o->last_card + 1);
    if (!d->card_id || sb_o_members(o, &d->members, &d->members_n, &d->primary)) {
        free_dropping(d);
        return;
    }
    o->last_card++; /* a number that leads to no card is left out, never given twice */
    c->drop.away = true;
    sb_o_work(o, &d->way, read_collection, d, free_dropping);
}

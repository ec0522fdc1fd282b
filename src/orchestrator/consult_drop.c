/* SPDX-License-Identifier: Apache-2.0
 *
 * An index was hidden, and its watch window has passed: a worker reads its collection's catalogue, the telemetry thread makes the card
 * that drops it, and only when that is on the record does the card that hid it end. Whoever takes over before that does it anew. */
#include "private.h"

#include <signalbox/agents/index_drop.h>

#include <inttypes.h>
#include <string.h>

#define USUAL_MS 300000 /* how far back it is measured what is usual */

struct dropping {
    struct sb_orchestrator *o;
    struct errand way;
    struct sb_card hidden; /* a copy */
    char *card_id;
    char **members;
    size_t members_n;
    char *primary;
    struct sb_catalogue catalogue;
    bool have, replicated;
    struct sb_card draft;
    int made; /* sb_index_drop's word */
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
    sb_card_release(&d->hidden);
    free(d);
}

/* ---- 3. back on the orchestrator's thread ---- */

/* Why it is not proposed after all: 1, and out says so. */
static int passed_over(struct sb_orchestrator *o, struct dropping *d, struct sb_str *out)
{
    const struct held_card *same = sb_o_twin(o, &d->draft);
    if (same)
        sb_str_addf(out, "%s proposes this already", same->card.id);
    int rc = same ? 1 : sb_o_declined_before(o, &d->draft, out, &d->err);
    return rc ? rc : sb_o_heed_failure(o, &d->draft, out, &d->err);
}

static void back(struct sb_orchestrator *o, void *p)
{
    struct dropping *d = p;
    struct held_card *hidden = sb_o_card(o, d->hidden.id);
    struct sb_str over;
    sb_str_init(&over);
    if (!hidden || hidden->card.state != SB_WATCHING) { /* somebody has taken it back meanwhile */
        free_dropping(d);
        return;
    }
    hidden->watch.away = false;
    for (size_t i = 0; d->have && i < d->catalogue.commands_n; i++)
        sb_o_record(o, SB_ENTRY_COMMAND, NULL, &(struct refs){.card = hidden}, json_pack("{s:s?,s:o}", "member", d->primary, "command", sb_o_words(d->catalogue.commands[i])), NULL);
    if (d->err.code == SB_OK && d->made == 1 && passed_over(o, d, &over) == 0)
        sb_o_propose(o, &d->draft, "proposed by the Index Optimizer", &d->err);
    const char *why = d->err.code != SB_OK ? d->err.msg : over.len ? over.p : d->made != 1 ? d->why : NULL;
    if (why)
        sb_o_notice(o, SB_MEDIUM, "%s: that %s is dropped now is not proposed: %s", d->hidden.id, d->hidden.index_name, why);
    if ((hidden = sb_o_card(o, d->hidden.id))) { /* the proposal may have moved the cards */
        hidden->watch.followed = true;
        sb_o_follow_verdict(o, hidden);
    }
    sb_str_release(&over);
    free_dropping(d);
}

/* ---- 2. on the telemetry thread ---- */

static void make_card(void *p, const struct sb_view *view)
{
    struct dropping *d = p;
    int64_t now = sb_view_now(view);
    struct sb_drop_question q = {.hidden = &d->hidden, .catalogue = &d->catalogue, .workload = sb_view_workload(view), .history = sb_view_history(view), .from = now - USUAL_MS, .now = now,
                                 .replicated = d->replicated, .card_id = d->card_id};
    d->made = sb_index_drop(&q, &d->draft, d->why, sizeof d->why, &d->err);
    sb_o_post_done(d->o, &d->way, back, d, free_dropping);
}

/* ---- 1. on a worker ---- */

static void read_collection(void *p)
{
    struct dropping *d = p;
    struct sb_members m = {(const char *const *)d->members, d->members_n, d->primary};
    d->have = sb_catalogue_read(d->o->opt.server, &m, d->hidden.target, &d->catalogue, &d->err) == 0;
    if (d->have)
        sb_o_view(d->o, &d->way, make_card, d, free_dropping);
    else
        sb_o_post_done(d->o, &d->way, back, d, free_dropping);
}

void sb_o_consult_drop(struct sb_orchestrator *o, struct held_card *hidden)
{
    struct dropping *d = calloc(1, sizeof *d);
    if (!d)
        return; /* at the next tick */
    d->o = o;
    d->replicated = sb_hello_replicated(&o->facts.hello);
    d->card_id = sb_format("C-%06" PRId64, o->last_card + 1);
    if (!d->card_id || sb_record_copy(&sb_card_schema, &d->hidden, &hidden->card) || sb_o_members(o, &d->members, &d->members_n, &d->primary)) {
        free_dropping(d);
        return;
    }
    o->last_card++; /* a number that leads to no card is left out, never given twice */
    hidden->watch.away = true;
    sb_o_work(o, &d->way, read_collection, d, free_dropping);
}

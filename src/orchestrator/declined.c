/* SPDX-License-Identifier: Apache-2.0
 *
 * What people have declined stays declined until the workload has changed. The record is the source: what was declined before a
 * restart, or by whoever owned the ledger then, counts as well. Read once, then only what has been added. */
#include "private.h"

#include <string.h>

#define REACH_MS (INT64_C(365) * 86400000)
#define MUCH_MORE 2 /* times what it would have saved, for it to be said again */

struct decision {
    int64_t at;
    bool declined; /* else it was approved, and what was declined before is history */
    char *by, *reason;
    struct sb_card card; /* as it was decided on */
};

struct sb_declined {
    int64_t next_seq;
    struct decision *items;
    size_t items_n;
};

/* ---- reading the record ---- */

static bool wants(const char *bytes, size_t n)
{
    return sb_o_says(bytes, n, "\"kind\":\"state\"") && (sb_o_says(bytes, n, "\"to\":\"rejected\"") || sb_o_says(bytes, n, "\"to\":\"approved\""));
}

/* "rejected by alice: too large" is what a person wrote behind the colon. */
static const char *reason_in(const char *note, const char *by)
{
    size_t n = by ? strlen(by) : 0;
    if (!note || !by || !sb_starts_with(note, "rejected by ") || strncmp(note + 12, by, n) != 0 || strncmp(note + 12 + n, ": ", 2) != 0)
        return note;
    return note + 14 + n;
}

static int take(struct sb_orchestrator *o, int64_t seq, struct sb_err *err)
{
    struct sb_entry e;
    if (sb_ledger_entry(o->ledger, seq, &e, err))
        return -1;
    int rc = 0;
    const char *to = sb_json_str(e.body, "to");
    bool ours = e.kind == SB_ENTRY_STATE && e.plan.card && e.plan.simulated == o->facts.simulated && (sb_streq(to, "rejected") || sb_streq(to, "approved"));
    struct decision d = {.at = e.ts, .declined = sb_streq(to, "rejected")};
    if (ours && sb_ledger_card(o->ledger, e.plan.card, &d.card, NULL) == 0) {
        struct decision *slot = d.card.index_key ? SB_PUSH(o->declined->items) : NULL;
        rc = d.card.index_key && (!slot || sb_str_set(&d.by, e.actor.principal) || sb_str_set(&d.reason, reason_in(sb_json_str(e.body, "note"), e.actor.principal))) ? sb_fail_nomem(err) : 0;
        if (slot)
            *slot = d;
        else
            sb_card_release(&d.card);
    }
    sb_entry_release(&e);
    return rc;
}

static int catch_up(struct sb_orchestrator *o, struct sb_err *err)
{
    if (!o->declined && !(o->declined = calloc(1, sizeof *o->declined)))
        return sb_fail_nomem(err);
    return sb_o_follow(o, &o->declined->next_seq, REACH_MS, wants, take, err);
}

void sb_o_free_declined(struct sb_orchestrator *o)
{
    for (size_t i = 0; o->declined && i < o->declined->items_n; i++) {
        free(o->declined->items[i].by);
        free(o->declined->items[i].reason);
        sb_card_release(&o->declined->items[i].card);
    }
    if (o->declined)
        free(o->declined->items);
    free(o->declined);
    o->declined = NULL;
}

/* ---- has the workload changed? ---- */

static bool same_proposal(const struct sb_card *a, const struct sb_card *b)
{
    return a->kind == b->kind && sb_streq(a->deployment_id, b->deployment_id) && sb_streq(a->target, b->target) && sb_streq(a->index_key, b->index_key) &&
           sb_streq(a->index_options, b->index_options);
}

/* What it would save, in a measure of its own: documents a second; of an index that is to go, its bytes. */
static int64_t gain_of(const struct sb_card *c)
{
    return c->kind == SB_KIND_CREATE_INDEX ? c->impact.docs_saved : c->impact.bytes;
}

static bool serves_another(const struct sb_card *now, const struct sb_card *then)
{
    for (size_t i = 0; i < now->shapes_n; i++)
        if (!sb_strs_has(then->shapes, then->shapes_n, now->shapes[i]))
            return true;
    return false;
}

static bool is_much_more(int64_t now, int64_t then)
{
    return now / MUCH_MORE >= (then > 0 ? then : 1);
}

/* Of an index that is to be made both: a rate that is told by few operations leaps, but their time does not. */
static bool has_changed(const struct sb_card *now, const struct sb_card *then)
{
    bool time = now->kind != SB_KIND_CREATE_INDEX || is_much_more(now->impact.time_ms, then->impact.time_ms);
    return (is_much_more(gain_of(now), gain_of(then)) && time) || serves_another(now, then);
}

int sb_o_declined_before(struct sb_orchestrator *o, const struct sb_card *draft, struct sb_str *out, struct sb_err *err)
{
    if (catch_up(o, err))
        return -1;
    for (size_t i = o->declined->items_n; i-- > 0;) {
        const struct decision *d = &o->declined->items[i];
        char at[SB_TIME_LEN + 1];
        if (!same_proposal(draft, &d->card))
            continue;
        if (!d->declined || has_changed(draft, &d->card))
            return 0;
        sb_time_format(at, d->at);
        double then = (double)gain_of(&d->card), now = (double)gain_of(draft);
        sb_str_addf(out, "%s declined it on %.10s at %.5sZ (%s): %s. It is proposed again when ", d->by ? d->by : "somebody", at, at + 11, d->card.id, d->reason ? d->reason : "no reason was given");
        if (draft->kind == SB_KIND_CREATE_INDEX)
            sb_str_addf(out, "it would save %d times the documents and the time of then (%.1f documents a second, %.1f s; now %.1f and %.1f s), or serves a shape that it did not serve then; whoever names its key gets it at once",
                        MUCH_MORE, then / 1000, (double)d->card.impact.time_ms / 1000, now / 1000, (double)draft->impact.time_ms / 1000);
        else
            sb_str_addf(out, "it has grown to %d times its size of then (%.0f bytes; now it is %.0f)", MUCH_MORE, then, now);
        return sb_str_ok(out) ? 1 : sb_fail_nomem(err);
    }
    return 0;
}

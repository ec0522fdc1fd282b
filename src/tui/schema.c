/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening what the documents of a collection look like, and turning the knobs of a step that goes in batches. */
#include "state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DOCS_MOST 10000
#define DELAY_MOST 60000
#define DELAY_LEAST 10 /* the first step up from none at all */

/* The collection that is selected or open; NULL: none is. */
static const char *ns_in_focus(const struct sb_tui *t)
{
    const struct view *v = top_view_of(t);
    const struct sb_anomaly *a = anomaly_in_focus(t);
    const struct sb_card *c = card_in_focus(t);
    const char *ns = v->kind == VIEW_SCHEMA ? v->id : a && a->namespaces_n ? a->namespaces[0] : c ? c->target : NULL;
    return ns && strchr(ns, '.') ? ns : NULL;
}

static void open_schema(struct sb_tui *t, struct sb_effects *fx)
{
    const char *ns = ns_in_focus(t);
    if (t->veil) { /* what others look at comes here too */
        if (t->look.ns && top_view(t)->kind != VIEW_SCHEMA)
            view_open(t, VIEW_SCHEMA, t->look.ns, fx);
        names_veiled(t);
        return;
    }
    if (!ns) {
        say(t, false, "No collection is selected. Of any: \"review the schema of shop.orders\", then this key.");
        if (t->look.ns)
            view_open(t, VIEW_SCHEMA, t->look.ns, fx);
        return;
    }
    char *text = sb_format("review the schema of %s", ns), *id = sb_format("%s", ns);
    if (text && id) {
        if (top_view(t)->kind != VIEW_SCHEMA)
            view_open(t, VIEW_SCHEMA, id, fx);
        fx_ask_text(t, fx, SB_ASK_REQUEST, text);
    }
    free(text);
    free(id);
}

/* ---- knobs ---- */

static int64_t turned(int64_t now, bool up, int64_t least, int64_t first, int64_t most)
{
    int64_t to = up ? (now ? 2 * now : first) : now / 2;
    return to < least ? least : to > most ? most : to;
}

static void turn(struct sb_tui *t, enum sb_action action, struct sb_effects *fx)
{
    const struct sb_card *c = card_in_focus(t);
    bool docs = action == SB_ACT_LARGER_BATCHES || action == SB_ACT_SMALLER_BATCHES, up = action == SB_ACT_LARGER_BATCHES || action == SB_ACT_LONGER_PAUSES;
    if (!c)
        return;
    const struct sb_progress *g = &c->progress;
    int64_t now = docs ? g->batch_docs : g->batch_delay_ms, to = docs ? turned(now, up, 1, 1, DOCS_MOST) : turned(now, up, 0, DELAY_LEAST, DELAY_MOST);
    if (!docs && !up && now <= DELAY_LEAST)
        to = 0;
    struct sb_message *m = sb_message_new(SB_ASK_EDIT, 0);
    struct sb_edit *e = m ? m->body : NULL;
    struct sb_set *set = e ? SB_PUSH(e->sets) : NULL;
    if (set)
        set->value = sb_format("%" PRId64, to);
    if (!set || !set->value || sb_str_set(&e->card, c->id) || sb_str_set(&set->key, docs ? "batch_docs" : "batch_delay_ms")) {
        sb_message_free(m);
        say(t, true, "Out of memory: nothing was sent.");
        return;
    }
    e->revision = c->revision;
    if (to == now) {
        sb_message_free(m);
        say(t, false, "It stands at its end already: %" PRId64 "%s.", now, docs ? " documents a batch" : " ms");
    } else if (fx_ask(t, fx, m)) {
        say(t, false, docs ? "Sent: batches of %" PRId64 " documents for %.100s." : "Sent: %" PRId64 " ms between two batches of %.100s.", to, c->id);
    }
}

bool act_on_schema(struct sb_tui *t, enum sb_action action, struct sb_effects *fx)
{
    if (action == SB_ACT_SCHEMA)
        open_schema(t, fx);
    else if (is_knob(action))
        turn(t, action, fx);
    else
        return false;
    return true;
}

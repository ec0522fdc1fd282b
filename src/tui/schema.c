/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening what the documents of a collection look like, and turning the knobs of a step that goes in batches. */
#include "state.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

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

static const struct knob {
    enum sb_action up, down;
    const char *key, *unit, *said;
    size_t at; /* of its place in struct sb_progress */
    int64_t least, first, most; /* first: the first step up from none at all */
} knobs[] = {
    {SB_ACT_LARGER_BATCHES, SB_ACT_SMALLER_BATCHES, "batch_docs", " documents a batch", "documents a batch", offsetof(struct sb_progress, batch_docs), 1, 1, 10000},
    {SB_ACT_LONGER_PAUSES, SB_ACT_SHORTER_PAUSES, "batch_delay_ms", " ms", "ms between two batches", offsetof(struct sb_progress, batch_delay_ms), 0, 10, 60000},
    {SB_ACT_MORE_AT_ONCE, SB_ACT_FEWER_AT_ONCE, "batches_at_once", " at once", "batches at once", offsetof(struct sb_progress, batches_at_once), 1, 1, 8},
};

static int64_t turned(const struct knob *k, int64_t now, bool up)
{
    int64_t to = up ? (now ? 2 * now : k->first) : k->least == 0 && now <= k->first ? 0 : now / 2;
    return to < k->least ? k->least : to > k->most ? k->most : to;
}

static void turn(struct sb_tui *t, enum sb_action action, struct sb_effects *fx)
{
    const struct sb_card *c = card_in_focus(t);
    const struct knob *k = knobs;
    while (k->up != action && k->down != action)
        k++;
    if (!c)
        return;
    int64_t now = *(const int64_t *)((const char *)&c->progress + k->at), to = turned(k, now, action == k->up);
    struct sb_message *m = sb_message_new(SB_ASK_EDIT, 0);
    struct sb_edit *e = m ? m->body : NULL;
    struct sb_set *set = e ? SB_PUSH(e->sets) : NULL;
    if (set)
        set->value = sb_format("%" PRId64, to);
    if (!set || !set->value || sb_str_set(&e->card, c->id) || sb_str_set(&set->key, k->key)) {
        sb_message_free(m);
        say(t, true, "Out of memory: nothing was sent.");
        return;
    }
    e->revision = c->revision;
    if (to == now) {
        sb_message_free(m);
        say(t, false, "It stands at its end already: %" PRId64 "%s.", now, k->unit);
    } else if (fx_ask(t, fx, m)) {
        say(t, false, "Sent: %" PRId64 " %s, for %.100s.", to, k->said, c->id);
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

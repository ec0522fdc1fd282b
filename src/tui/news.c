/* SPDX-License-Identifier: Apache-2.0
 *
 * What the orchestrator tells: into the store, and to the person where it matters. */
#include "state.h"

#include <stdlib.h>
#include <string.h>

#define STRIP_MS 30000 /* on a slow line */
#define YEAR_MS INT64_C(31556952000)

/* What a plan has come to is said wherever one is looking, and in the place of what was said of it on the way. */
static void tell_outcome(struct sb_tui *t, const struct sb_card *c)
{
    bool judged = c->report.verdict != SB_VERDICT_NONE && (c->state == SB_DONE || c->state == SB_FAILED);
    bool ended = c->state == SB_DONE || c->state == SB_FAILED || c->state == SB_ROLLED_BACK || c->state == SB_IN_DOUBT || c->state == SB_STALE || c->state == SB_EXPIRED;
    const char *why = judged ? c->report.reason : c->note;
    char state[64];
    fmt_words(state, sb_name(&sb_states, c->state));
    if (ended)
        say(t, c->state != SB_ROLLED_BACK && (c->state != SB_DONE || (judged && c->report.verdict != SB_VERDICT_PASS)), "%s is %s%s%s%s%s", c->id, state,
            judged ? ": " : "", judged ? sb_name(&sb_verdicts, c->report.verdict) : "", why && why[0] ? ": " : "", why ? why : "");
}

#define NOTICE_MS 10000

/* To somebody who looks elsewhere: which one it is and what it waits for, nothing of the database. What is there at the beginning comes
 * within the first ten seconds, and is on the screen already. */
static void notice(struct sb_tui *t, const char *id, const char *what, struct sb_effects *fx)
{
    int64_t since = gap(t->noticed, t->wall);
    if (!t->notices || (since >= 0 && since < NOTICE_MS))
        return;
    t->noticed = t->wall;
    fx_add(fx, SB_FX_NOTICE, NULL, sb_format("%s %s", id ? id : "", what));
}

static const char *worth_a_notice(int state)
{
    return state == SB_AWAITING_APPROVAL ? "awaits approval" : state == SB_FAILED ? "has failed" : state == SB_IN_DOUBT ? "is in doubt" : NULL;
}

/* What one wants to know at once, also on a slow line: a member's state, the ledger, what stands in the way. */
static bool strip_matters(const struct sb_strip *old, const struct sb_strip *fresh)
{
    bool matters = old->members_n != fresh->members_n || old->ledger_ok != fresh->ledger_ok || old->obstacle != fresh->obstacle || !sb_streq(old->note, fresh->note);
    for (size_t i = 0; i < fresh->members_n && !matters; i++)
        matters = old->members[i].healthy != fresh->members[i].healthy || !sb_streq(old->members[i].state, fresh->members[i].state);
    return matters;
}

void strip_show(struct sb_tui *t, bool now)
{
    int64_t since = gap(t->strip_shown, t->wall);
    if (!t->have_late || (!now && since >= 0 && since < STRIP_MS))
        return;
    sb_record_release(sb_message_schema(SB_NEWS_STRIP), &t->strip);
    t->strip = t->late;
    memset(&t->late, 0, sizeof t->late);
    t->have_late = false;
    t->strip_shown = t->wall;
}

enum listing {
    LIST_NOW,
    LIST_LATER, /* new and open: nothing that is listed moves by it; thousands of them may come at once, and are listed together */
    LIST_AUDIT, /* only entries have come */
    LISTED,     /* the rest of a card whose row is there, as it is */
};

/* A card that is being looked at was changed by somebody else: typeahead was meant for the old one. */
static enum listing card_news(struct sb_tui *t, struct sb_card *fresh, struct sb_effects *fx)
{
    const struct view *v = top_view_of(t);
    const struct held_card *old = find_card(t, fresh->id);
    bool open = (v->kind == VIEW_CARD || v->kind == VIEW_EDIT) && sb_streq(v->id, fresh->id);
    enum listing listing = !old && sb_card_open(fresh) ? LIST_LATER : old && !old->card && old->pane == PANE_APPROVALS ? LISTED : LIST_NOW;
    if (open && old && (old->card ? !sb_streq(old->card->hash, fresh->hash) : old->row.revision != fresh->revision)) {
        say(t, true, "%s has changed: this is revision %lld. Read it again before you decide.", fresh->id, (long long)fresh->revision);
        fx_add(fx, SB_FX_FLUSH, NULL, NULL);
    } else if (open && old && old->row.state != fresh->state) {
        fx_add(fx, SB_FX_FLUSH, NULL, NULL);
    }
    if (old && old->row.state != fresh->state)
        tell_outcome(t, fresh);
    if ((!old || old->row.state != fresh->state) && worth_a_notice(fresh->state))
        notice(t, fresh->id, worth_a_notice(fresh->state), fx);
    if (store_take_card(t, fresh) && listing == LISTED)
        listing = LIST_NOW;
    confirm_check(t);
    return listing;
}

static void answer_news(struct sb_tui *t, int64_t seq, const struct sb_answer *a)
{
    if (a->text && a->text[0])
        say(t, !a->ok, "%s", a->text);
    if (seq && seq == t->page_asked)
        t->note_waits = a->ok;
}

/* "It is being looked at" is no longer true. */
static void page_came(struct sb_tui *t)
{
    if (t->note_waits)
        t->note_shown = t->note_waits = false;
}

void take_news(struct sb_tui *t, struct sb_message *m, struct sb_effects *fx)
{
    enum listing listing = LIST_NOW;
    if (t->veil && veil_message(t->veil, m, (int)(1970 + t->wall / YEAR_MS))) {
        sb_message_free(m);
        say(t, true, "Out of memory: something that came cannot be shown.");
        return;
    }
    switch (m->type) {
    case SB_NEWS_WELCOME:
        sb_record_release(sb_message_schema(m->type), &t->welcome);
        t->welcome = *(struct sb_welcome *)m->body;
        memset(m->body, 0, sizeof t->welcome);
        t->welcomed = true;
        break;
    case SB_NEWS_STRIP:
        sb_record_release(sb_message_schema(m->type), &t->late);
        t->late = *(struct sb_strip *)m->body;
        memset(m->body, 0, sizeof t->late);
        t->have_late = true;
        strip_show(t, !t->slow || !t->have_strip || strip_matters(&t->strip, &t->late));
        t->have_strip = true;
        break;
    case SB_NEWS_RECOVERY:
        sb_record_release(&sb_recovery_schema, &t->recovery);
        t->recovery = *(struct sb_recovery *)m->body;
        memset(m->body, 0, sizeof t->recovery);
        page_came(t);
        listing = LISTED;
        break;
    case SB_NEWS_OPS: running_take(t, m->seq, m->body); break;
    case SB_NEWS_REPLAY: replay_take(t, m->seq, m->body); break;
    case SB_NEWS_LOOKS: company_take(t, m->body); break;
    case SB_NEWS_SCHEMA:
        sb_record_release(&sb_schema_look_schema, &t->look);
        t->look = *(struct sb_schema_look *)m->body;
        memset(m->body, 0, sizeof t->look);
        break;
    case SB_NEWS_PLAN:
        sb_record_release(&sb_plan_gates_schema, &t->gates);
        t->gates = *(struct sb_plan_gates *)m->body;
        memset(m->body, 0, sizeof t->gates);
        break;
    case SB_NEWS_REPORT:
        sb_record_release(&sb_report_page_schema, &t->report);
        t->report = *(struct sb_report_page *)m->body;
        memset(m->body, 0, sizeof t->report);
        page_came(t);
        listing = LISTED;
        break;
    case SB_NEWS_DOCTOR:
        doctor_take(t, m->body);
        listing = LISTED;
        break;
    case SB_NEWS_HUSHES:
        sb_record_release(&sb_hushes_schema, &t->hushes);
        t->hushes = *(struct sb_hushes *)m->body;
        memset(m->body, 0, sizeof t->hushes);
        break;
    case SB_NEWS_ANOMALY: {
        const struct sb_anomaly *a = m->body;
        if (!a->to && !a->hushed && !find_anomaly(t, a->id))
            notice(t, a->id, "is a new anomaly", fx);
        store_take_anomaly(t, m->body);
        break;
    }
    case SB_NEWS_CARD: {
        char *id = sb_format("%s", ((const struct sb_card *)m->body)->id ? ((const struct sb_card *)m->body)->id : "");
        listing = card_news(t, m->body, fx);
        whole_answered(t, m->seq, id);
        free(id);
        break;
    }
    case SB_NEWS_CARDS:
        store_take_rows(t, m->body);
        confirm_check(t);
        listing = LIST_LATER;
        break;
    case SB_NEWS_CASE: store_take_case(t, m->body); break;
    case SB_NEWS_AUDIT:
        audit_page(t, m->seq, m->body);
        listing = LIST_AUDIT;
        break;
    case SB_NEWS_ENTRY:
        audit_entry(t, m->body);
        listing = LIST_AUDIT;
        break;
    case SB_NEWS_NOTICE: {
        const struct sb_notice *n = m->body;
        say(t, n->severity != SB_LOW, "%s", n->text ? n->text : "");
        break;
    }
    case SB_NEWS_ANSWER:
        audit_failed(t, m->seq);
        whole_answered(t, m->seq, NULL);
        if (!running_failed(t, m->seq, ((const struct sb_answer *)m->body)->text))
            answer_news(t, m->seq, m->body);
        batch_answer(t, m->seq, ((const struct sb_answer *)m->body)->ok);
        break;
    case SB_NEWS_BYE: {
        const struct sb_text *why = m->body;
        t->bye = true;
        say(t, true, "The orchestrator has ended%s%s. What is on the screen stays; %s leaves.", why->text && why->text[0] ? ": " : "", why->text ? why->text : "",
            sb_keymap_keys(t->keymap, SB_IN_MAIN, SB_ACT_QUIT) ? sb_keymap_keys(t->keymap, SB_IN_MAIN, SB_ACT_QUIT) : "q");
        break;
    }
    default:
        break; /* asks are not for us */
    }
    sb_message_free(m);
    if (listing == LIST_LATER)
        t->unlisted = true;
    else if (listing == LIST_NOW)
        panes_relist(t, fx);
    else if (listing == LIST_AUDIT)
        panes_settle(t, PANE_AUDIT, fx);
}

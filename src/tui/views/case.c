/* SPDX-License-Identifier: Apache-2.0
 *
 * A case: its page, and the hand-offs on its way, which a tab of each of its cards shows too. */
#include "../state.h"

/* Who called whom and when; below it why that one, the risk that was seen, and the facts that were passed on. */
static void handoff(const struct sb_tui *t, const struct sb_handoff *h, struct sb_page *p)
{
    char when[TEXT_MAX], from[TEXT_MAX], to[TEXT_MAX];
    fmt_when(when, h->at, t->wall);
    fmt_words(from, sb_name(&sb_specialists, h->from));
    fmt_words(to, sb_name(&sb_specialists, h->to));
    sb_page_line(p);
    sb_page_textf(p, SB_ROLE_DIM, "%s ", when);
    sb_page_textf(p, SB_ROLE_STRONG, "%s ", from);
    sb_page_mark(p, SB_ROLE_DIM, SB_MARK_ARROW, 1);
    sb_page_textf(p, SB_ROLE_STRONG, " %s", to);
    view_label(p, "Why");
    sb_page_wrap(p, SB_ROLE_TEXT, LABEL, h->why && h->why[0] ? h->why : "no reason was given");
    view_label(p, "Risk");
    bool risk = h->risk && h->risk[0];
    sb_page_wrap(p, risk ? SB_ROLE_DOUBT : SB_ROLE_DIM, LABEL, risk ? h->risk : "none was seen");
    if (h->otherwise) {
        view_label(p, "Else");
        sb_page_wrap(p, SB_ROLE_DIM, LABEL, h->otherwise);
    }
    view_label(p, "Passed on");
    if (h->evidence_n)
        sb_page_textf(p, SB_ROLE_TEXT, "%zu fact%s", h->evidence_n, h->evidence_n == 1 ? "" : "s");
    else
        sb_page_text(p, SB_ROLE_DIM, "nothing");
    view_facts(t, h->evidence, h->evidence_n, p);
}

static void handoffs(const struct sb_tui *t, const struct sb_case *c, struct sb_page *p)
{
    for (size_t i = 0; i < c->handoffs_n; i++) {
        if (i)
            sb_page_line(p);
        handoff(t, &c->handoffs[i], p);
    }
    if (c->handoffs_n == 0) {
        sb_page_line(p);
        sb_page_text(p, SB_ROLE_DIM, "No specialist was called after another.");
    }
}

void view_handoffs(const struct sb_tui *t, const struct sb_card *card, struct sb_page *p)
{
    const struct sb_case *c = find_case(t, card->case_id);
    sb_page_line(p);
    if (!card->case_id || !card->case_id[0]) {
        sb_page_text(p, SB_ROLE_DIM, "This card belongs to no case: nobody was called for it.");
    } else if (!c) {
        sb_page_wrapf(p, SB_ROLE_DOUBT, 0, "Case %s was asked for and has not come yet.", card->case_id);
    } else {
        sb_page_textf(p, SB_ROLE_TITLE, "Hand-offs in case %s", c->id ? c->id : "");
        handoffs(t, c, p);
    }
}

void view_case(const struct sb_tui *t, const struct sb_case *c, struct sb_page *p)
{
    char when[TEXT_MAX], share[TEXT_MAX];
    view_label(p, "Request");
    sb_page_wrapf(p, SB_ROLE_STRONG, LABEL, "%s", c->text ? c->text : "");
    fmt_when(when, c->opened_at, t->wall);
    view_label(p, "Asked");
    sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "%s by %s", when, c->requested_by ? c->requested_by : "?");
    fmt_ppm(share, c->reading.confidence_ppm);
    view_label(p, "Read as");
    sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "%s (%s)", sb_name(&sb_intents, c->reading.intent), share);
    if (c->reading.runner_up_ppm) {
        fmt_ppm(share, c->reading.runner_up_ppm);
        sb_page_wrapf(p, SB_ROLE_DIM, LABEL, ", else %s (%s)", sb_name(&sb_intents, c->reading.runner_up), share);
    }
    if (c->reading.reason)
        sb_page_wrapf(p, SB_ROLE_DIM, LABEL, ": %s", c->reading.reason);
    if (c->reading.warning)
        sb_page_wrapf(p, SB_ROLE_DOUBT, LABEL, "; %s", c->reading.warning);
    const struct sb_slots *s = &c->reading.slots;
    const char *const slots[][2] = {{"namespace", s->ns}, {"database", s->database}, {"field", s->field}, {"new name", s->new_field}, {"type", s->type}, {"key", s->key}, {"index", s->index},
                                    {"time", s->time}, {"target", s->target}, {"deployment", s->deployment}, {"application", s->app}, {"duration", s->duration},
                                    {"number", s->number}, {"operation", s->opid}};
    for (size_t i = 0; i < SB_COUNT(slots); i++)
        if (slots[i][1] && slots[i][1][0]) {
            view_label(p, "");
            sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "%s: %s", slots[i][0], slots[i][1]);
        }
    view_label(p, "Outcome");
    if (c->outcome)
        sb_page_wrap(p, SB_ROLE_STRONG, LABEL, c->outcome);
    else
        sb_page_text(p, SB_ROLE_DOUBT, "open");
    view_heading(p, "Cards");
    for (size_t i = 0; i < c->cards_n; i++) {
        const struct held_card *held = find_card(t, c->cards[i]);
        char state[TEXT_MAX];
        fmt_words(state, held ? sb_name(&sb_states, held->row.state) : "not loaded");
        sb_page_line(p);
        sb_page_link(p, (int)i + 1);
        sb_page_text(p, SB_ROLE_TEXT, " ");
        sb_page_field(p, SB_ROLE_ID, 10, c->cards[i]);
        sb_page_field(p, held ? state_role(held->row.state) : SB_ROLE_DIM, 18, state);
        sb_page_field(p, SB_ROLE_TEXT, p->width - sb_page_column(p), held ? held->row.title : "");
    }
    if (c->cards_n == 0) {
        sb_page_line(p);
        sb_page_text(p, SB_ROLE_DIM, " none");
    }
    if (c->anomaly) {
        view_heading(p, "Anomaly that asked");
        sb_page_line(p);
        sb_page_link(p, (int)c->cards_n + 1);
        const struct held_anomaly *a = find_anomaly(t, c->anomaly);
        sb_page_textf(p, SB_ROLE_ID, " %s  ", c->anomaly);
        sb_page_field(p, SB_ROLE_TEXT, p->width - sb_page_column(p), a ? a->anomaly.title : "");
    }
    view_heading(p, "Hand-offs");
    handoffs(t, c, p);
    view_heading(p, "Ledger entries, the newest first");
    view_entries(t, NULL, c->id, p);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Decisions about a card: whether one can be made now, why not, and how it is begun. The orchestrator checks everything
 * again; what is refused here is refused early and in words. */
#include "state.h"

#include <stdio.h>
#include <string.h>

/* What the life-cycle table calls the action; -1: it is not in the table. Pausing a paused card resumes it. */
static int event_of(enum sb_action action, const struct sb_card *c)
{
    switch (action) {
    case SB_ACT_APPROVE: return SB_EV_APPROVE;
    case SB_ACT_REJECT: return SB_EV_REJECT;
    case SB_ACT_EDIT: case SB_ACT_EDIT_TEXT: return SB_EV_EDIT;
    case SB_ACT_ROLLBACK: return SB_EV_ROLLBACK;
    case SB_ACT_PAUSE: return c->state == SB_PAUSED ? SB_EV_RESUME : SB_EV_PAUSE;
    case SB_ACT_STOP: return SB_EV_STOP;
    case SB_ACT_REFRESH: return SB_EV_REFRESH;
    case SB_ACT_CLOSE: return SB_EV_CLOSE;
    default: return -1;
    }
}

static int ask_of(enum sb_action action, const struct sb_card *c)
{
    switch (action) {
    case SB_ACT_PAUSE: return c->state == SB_PAUSED ? SB_ASK_RESUME : SB_ASK_PAUSE;
    case SB_ACT_REFRESH: return SB_ASK_REFRESH;
    case SB_ACT_PROVE: return SB_ASK_WHAT_IF;
    default: return -1;
    }
}

static void capital(char *text)
{
    if (text[0] >= 'a' && text[0] <= 'z')
        text[0] = (char)(text[0] - 'a' + 'A');
}

/* Approving is refused until the summary and every command have been on the screen. */
static bool unread(const struct sb_tui *t, const struct sb_card *c, char out[512])
{
    static const char *const what[2] = {"the summary (tab 1)", "the commands (tab 2)"};
    bool same = sb_streq(t->read_card, c->id) && sb_streq(t->read_hash, c->hash);
    bool missing[2] = {!same || !t->read[0].done, !same || !t->read[1].done};
    if (!missing[0] && !missing[1])
        return false;
    snprintf(out, 512, "Not yet: %s%s%s %s not been on the screen to the end.", missing[0] ? what[0] : "", missing[0] && missing[1] ? " and " : "",
             missing[1] ? what[1] : "", missing[1] ? "have" : "has");
    capital(out);
    return true;
}

/* What the orchestrator would say to an approval by whoever sits here. */
static bool not_by_you(const struct sb_tui *t, const struct sb_card *c, char out[512])
{
    const char *you = t->welcome.actor;
    if (!you)
        return false;
    if (c->policy.requires.not_author && sb_streq(c->author, you)) {
        snprintf(out, 512, "%.100s wrote this revision of %.100s: somebody else has to approve it.", you, c->id);
        return true;
    }
    for (size_t i = 0; i < c->approvals_n; i++) {
        const struct sb_approval *a = &c->approvals[i];
        if (!a->voided && a->revision == c->revision && sb_streq(a->by, you)) {
            snprintf(out, 512, "%.100s has approved %.100s already: another person is needed.", you, c->id);
            return true;
        }
    }
    return false;
}

bool refused(const struct sb_tui *t, enum sb_action action, char out[512])
{
    bool batch = action == SB_ACT_APPROVE && batch_meant(t);
    return decision_refused(t, action, card_in_focus(t), out) || (batch && batch_refused(t, out));
}

bool is_knob(enum sb_action action)
{
    return action >= SB_ACT_LARGER_BATCHES && action <= SB_ACT_FEWER_AT_ONCE;
}

/* Of one of a verdict's groups: "2 of dba", or "dba" for one. */
static const char *group_name(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return digits && strncmp(text + digits, " of ", 4) == 0 ? text + digits + 4 : text;
}

/* Every approval that the card wants is one of a group, and whoever sits here is in none of them: theirs would be taken and
 * change nothing. Once one was given this is not told any more: for which group it counts is not on the card. */
static bool wants_others(const struct sb_tui *t, const struct sb_card *c)
{
    const struct sb_requires *r = &c->policy.requires;
    struct sb_card of_groups = *c;
    of_groups.policy.requires.approvals = 0;
    if (!t->welcome.groups_known || r->groups_n == 0 || sb_card_approvals(c) || r->approvals > sb_card_approvals_wanted(&of_groups))
        return false;
    for (size_t i = 0; i < r->groups_n; i++)
        if (sb_strs_has(t->welcome.groups, t->welcome.groups_n, group_name(r->groups[i])))
            return false;
    return true;
}

bool offered(const struct sb_tui *t, enum sb_action action)
{
    char why[512];
    const struct sb_card *c = card_in_focus(t);
    if (!c || decision_ruled_out(t, action, c, why))
        return false;
    return action != SB_ACT_APPROVE || (batch_meant(t) ? !batch_ruled_out(t) : !wants_others(t, c));
}

bool decision_refused(const struct sb_tui *t, enum sb_action action, const struct sb_card *c, char out[512])
{
    return decision_ruled_out(t, action, c, out) || (c && action == SB_ACT_APPROVE && top_view_of(t)->kind == VIEW_CARD && unread(t, c, out));
}

bool decision_ruled_out(const struct sb_tui *t, enum sb_action action, const struct sb_card *c, char out[512])
{
    if (!(sb_actions[action].flags & SB_DANGEROUS))
        return false;
    if (t->welcomed && t->welcome.read_only) {
        snprintf(out, 512, "This console is read-only: %s is not available.", sb_actions[action].name);
        return true;
    }
    if (t->veil && action != SB_ACT_REJECT && action != SB_ACT_PAUSE && action != SB_ACT_STOP) {
        snprintf(out, 512, "This screen shows pseudonyms: %s needs the card as it is, on another console or with signalbox cards.", sb_actions[action].name);
        return true;
    }
    if (t->bye || !t->welcomed) {
        snprintf(out, 512, t->bye ? "The orchestrator has ended: nothing can be decided any more." : "Not connected yet: nothing can be decided.");
        return true;
    }
    if (!c) {
        const char *awaited = whole_awaited(t);
        snprintf(out, 512, awaited ? "%.100s was asked for and has not come yet: once more." : "No card is selected.", awaited);
        return true;
    }
    bool indexes = c->kind == SB_KIND_CREATE_INDEX, changes = c->kind == SB_KIND_BACKFILL || c->kind == SB_KIND_CONTRACT;
    if (action == SB_ACT_PROVE && (!(indexes || changes) || !sb_card_open(c))) {
        snprintf(out, 512, "%.100s %s: only an index that is still to be built, or documents that are still to be changed, can be tried out.", c->id, indexes || changes ? "is past that" : "does neither");
        return true;
    }
    bool runs = c->state == SB_EXECUTING || c->state == SB_PAUSED || c->state == SB_ROLLING_BACK;
    if (is_knob(action) && !(runs && c->progress.batch_docs > 0)) {
        snprintf(out, 512, "%.100s has no step that goes in batches just now: there is nothing to turn.", c->id);
        return true;
    }
    int event = event_of(action, c);
    if (event < 0)
        return false;
    if (event == SB_EV_CLOSE && c->closed) {
        snprintf(out, 512, "%.100s is closed already.", c->id);
        return true;
    }
    if (!sb_lifecycle_next((enum sb_state)c->state, (enum sb_event)event)) {
        sb_lifecycle_reason(out, 512, (enum sb_state)c->state, (enum sb_event)event);
        capital(out);
        size_t n = strlen(out);
        snprintf(out + n, 512 - n, ".");
        return true;
    }
    return event == SB_EV_APPROVE && not_by_you(t, c, out);
}

static void post(struct sb_tui *t, int ask, const struct sb_card *c, const char *reason, struct sb_effects *fx)
{
    struct sb_message *m = sb_message_new(ask, 0);
    struct sb_decision_on *d = m ? m->body : NULL;
    if (!d || sb_str_set(&d->card, c->id) || sb_str_set(&d->reason, reason)) {
        sb_message_free(m);
        say(t, true, "Out of memory: nothing was sent.");
        return;
    }
    d->revision = c->revision;
    if (fx_ask(t, fx, m))
        say(t, false, "Sent: %s %s.", sb_message_name(ask), c->id);
}

void decide_with(struct sb_tui *t, int ask, const char *card, const char *reason, struct sb_effects *fx)
{
    const struct sb_card *c = whole_card(t, card);
    if (c)
        post(t, ask, c, reason, fx);
}

void decide(struct sb_tui *t, enum sb_action action, struct sb_effects *fx)
{
    const struct sb_card *c = card_in_focus(t);
    if (!c)
        return;
    switch (action) {
    case SB_ACT_APPROVE:
        if (batch_meant(t)) {
            batch_open(t, fx);
        } else if (top_view(t)->kind != VIEW_CARD) { /* what is approved must be read first */
            view_open(t, VIEW_CARD, c->id, fx);
            say(t, false, "Read the summary and the commands first, then approve here.");
        } else {
            confirm_open(t, CONFIRM_APPROVE, c, fx);
        }
        break;
    case SB_ACT_STOP: confirm_open(t, CONFIRM_STOP, c, fx); break;
    case SB_ACT_ROLLBACK: confirm_open(t, CONFIRM_ROLLBACK, c, fx); break;
    case SB_ACT_REJECT: line_open(t, LINE_REJECT, c->id, ""); break;
    case SB_ACT_CLOSE: line_open(t, LINE_CLOSE, c->id, ""); break;
    case SB_ACT_EDIT: edit_open(t, c, fx); break;
    case SB_ACT_EDIT_TEXT: {
        if (top_view(t)->kind != VIEW_EDIT)
            edit_open(t, c, fx);
        struct sb_str text;
        sb_str_init(&text);
        edit_as_text(t, &text);
        fx_add(fx, SB_FX_EDITOR, NULL, sb_str_take(&text));
        break;
    }
    case SB_ACT_SEND_EDIT:
        if (edit_changes(&t->edit) == 0)
            say(t, true, "Nothing is changed yet: open a value to change it.");
        else
            confirm_open(t, CONFIRM_EDIT, c, fx);
        break;
    default: {
        int ask = ask_of(action, c);
        if (ask >= 0)
            post(t, ask, c, NULL, fx);
    }
    }
}

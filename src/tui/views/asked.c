/* SPDX-License-Identifier: Apache-2.0
 *
 * What asks the person: the question before something is done, the values of an edit, the palette. */
#include "../state.h"

#include <inttypes.h>

/* ---- the question ---- */

static void commands(const struct sb_card *c, bool undo, struct sb_page *p)
{
    for (size_t i = 0; i < c->steps_n; i++) {
        const struct sb_step *s = &c->steps[undo ? c->steps_n - 1 - i : i];
        sb_page_line(p);
        sb_page_textf(p, SB_ROLE_DIM, "%s %" PRId64 " ", undo ? "undo of step" : "step", s->n);
        const char *text = undo ? s->undo : s->action;
        if (text)
            sb_page_exact(p, undo ? SB_ROLE_UNDO : SB_ROLE_COMMAND, 2, text);
        else
            sb_page_text(p, SB_ROLE_BAD, "cannot be undone");
    }
    if (c->steps_n == 0) {
        sb_page_line(p);
        sb_page_text(p, SB_ROLE_DIM, "no command");
    }
}

static void environment(const struct sb_card *c, struct sb_page *p)
{
    bool prod = c->environment == SB_ENV_PROD;
    sb_page_line(p);
    sb_page_wrap(p, prod ? SB_ROLE_ENV_PROD : SB_ROLE_ENV_OTHER, 0, prod ? "[ PROD ]" : sb_name(&sb_environments, c->environment));
    if (c->simulated) {
        sb_page_text(p, SB_ROLE_DIALOG, " ");
        sb_page_wrap(p, SB_ROLE_SIMULATED, 0, "[ SIMULATED ]");
    }
    sb_page_wrapf(p, SB_ROLE_STRONG, 0, " %s ", c->target && c->target[0] ? c->target : "");
    sb_page_wrapf(p, SB_ROLE_DIALOG, 0, "on %s", c->deployment ? c->deployment : "?");
}

static void answer(const struct sb_tui *t, struct sb_page *p)
{
    const struct confirm *q = &t->confirm;
    const char *yes = sb_keymap_keys(t->keymap, SB_IN_CONFIRM, SB_ACT_CONFIRM), *submit = sb_keymap_keys(t->keymap, SB_IN_LINE, SB_ACT_SUBMIT);
    sb_page_line(p);
    sb_page_line(p);
    if (!q->target) {
        sb_page_textf(p, SB_ROLE_KEY, "%s", yes ? yes : "?");
        sb_page_wrap(p, SB_ROLE_DIALOG, 0, " does it, Escape does not.");
    } else if (q->by_hash) {
        sb_page_wrap(p, SB_ROLE_DIALOG, 0, "The target's name holds characters that cannot be typed as they are shown. Type the first 12 digits of the hash instead, ");
        sb_page_wrap(p, SB_ROLE_STRONG, 0, q->target);
        sb_page_wrapf(p, SB_ROLE_DIALOG, 0, ", then %s. Escape leaves.", submit ? submit : "?");
    } else {
        sb_page_wrap(p, SB_ROLE_DIALOG, 0, "Type ");
        sb_page_wrap(p, SB_ROLE_STRONG, 0, q->target);
        sb_page_wrapf(p, SB_ROLE_DIALOG, 0, " exactly, then %s. Escape leaves.", submit ? submit : "?");
    }
}

static void edit_difference(const struct sb_tui *t, const struct sb_card *c, struct sb_page *p)
{
    for (size_t i = 0; i < edit_keys(); i++) {
        if (!t->edit.changed[i])
            continue;
        sb_page_line(p);
        sb_page_textf(p, SB_ROLE_DIM, "%s", sb_edit_keys[i].key);
        view_difference(p, 0, t->edit.now[i], t->edit.changed[i]);
    }
    sb_page_line(p);
    sb_page_line(p);
    size_t given = sb_card_approvals(c);
    if (given)
        sb_page_wrapf(p, SB_ROLE_DANGER, 0, "The %zu approval%s given so far become%s void.", given, given == 1 ? "" : "s", given == 1 ? "s" : "");
    else
        sb_page_wrap(p, SB_ROLE_DIALOG, 0, "The card becomes a new revision, is checked again, and has to be approved as it is then.");
}

/* What people changed since it was proposed, so that nobody signs an edit that he has not seen as one. */
static void edited(const struct sb_tui *t, const struct sb_card *c, struct sb_page *p)
{
    if (c->revision < 2)
        return;
    sb_page_line(p);
    sb_page_text(p, SB_ROLE_DANGER, "Edited since it was proposed:");
    sb_page_line(p);
    view_edits(t, c, 0, p);
    sb_page_line(p);
}

/* Every one of them, whole: what it is, where, and what is signed. */
static void batch(const struct sb_tui *t, struct sb_page *p)
{
    const struct confirm *q = &t->confirm;
    sb_page_line(p);
    sb_page_wrapf(p, SB_ROLE_DIALOG, 0, "%zu cards of one class, each approved by its own hash; policy lets them be approved together.", q->batch_n);
    for (size_t i = 0; i < q->batch_n; i++) {
        const struct sb_card *c = whole_card(t, q->batch[i].card);
        if (!c)
            continue;
        sb_page_line(p);
        sb_page_line(p);
        sb_page_wrapf(p, SB_ROLE_DIALOG, 0, "%zu. %s revision %" PRId64 "  ", i + 1, q->batch[i].card, q->batch[i].revision);
        sb_page_wrap(p, SB_ROLE_STRONG, 0, c->title);
        environment(c, p);
        edited(t, c, p);
        sb_page_line(p);
        sb_page_exact(p, SB_ROLE_STRONG, 0, q->batch[i].hash);
    }
}

void view_confirm(const struct sb_tui *t, struct sb_page *p)
{
    const struct confirm *q = &t->confirm;
    const struct sb_card *c = q->card ? whole_card(t, q->card) : NULL;
    static const char *const titles[] = {
        [CONFIRM_APPROVE] = "Approve", [CONFIRM_STOP] = "Stop where it stands", [CONFIRM_ROLLBACK] = "Roll back",
        [CONFIRM_EDIT] = "Send the edit", [CONFIRM_QUIT] = "Leave while a plan is carried out?", /* or watched, see below */
        [CONFIRM_BATCH] = "Approve the marked cards",
    };
    sb_page_line(p);
    bool watched = q->what == CONFIRM_QUIT && !sb_tui_executing(t);
    sb_page_textf(p, SB_ROLE_DIALOG_TITLE, " %s ", watched ? "Leave while a plan is watched?" : titles[q->what]);
    if (q->card)
        sb_page_textf(p, SB_ROLE_DIALOG, "  %s revision %" PRId64, q->card, q->revision);
    if (c) {
        sb_page_line(p);
        sb_page_wrap(p, SB_ROLE_STRONG, 0, c->title);
        environment(c, p);
        sb_page_line(p);
    }
    if (q->what == CONFIRM_APPROVE && c) {
        edited(t, c, p);
        sb_page_line(p);
        sb_page_text(p, SB_ROLE_DIALOG, "These commands, exactly:");
        commands(c, false, p);
        sb_page_line(p);
        sb_page_line(p);
        sb_page_text(p, SB_ROLE_DIALOG, "What is signed, SHA-256:");
        sb_page_line(p);
        sb_page_exact(p, SB_ROLE_STRONG, 0, q->hash);
    } else if (q->what == CONFIRM_ROLLBACK && c) {
        sb_page_line(p);
        sb_page_text(p, SB_ROLE_DIALOG, "Of what was done, these commands take back, the last step first:");
        commands(c, true, p);
    } else if (q->what == CONFIRM_STOP && c) {
        sb_page_line(p);
        sb_page_wrap(p, SB_ROLE_DIALOG, 0, "No further step is begun; the running one is ended where it can be ended. What was done stays until it is rolled back.");
    } else if (q->what == CONFIRM_EDIT && c) {
        edit_difference(t, c, p);
    } else if (q->what == CONFIRM_BATCH) {
        batch(t, p);
    } else if (watched) {
        sb_page_line(p);
        sb_page_wrap(p, SB_ROLE_DIALOG, 0, "If this console owns the ledger, nobody measures when it is gone, and a window that was not observed ends INCONCLUSIVE. "
                                           "`signalbox serve`, started right after leaving, goes on with it and needs no terminal. If it is attached to another, nothing changes.");
    } else if (q->what == CONFIRM_QUIT) {
        sb_page_line(p);
        sb_page_wrap(p, SB_ROLE_DIALOG, 0, "What is being carried out is not waited for. If this console owns the ledger, the plan goes on to its next safe point, "
                                           "and the next console or `serve` takes it up there. If it is attached to another, nothing changes.");
    }
    answer(t, p);
}

/* ---- edit ---- */

void view_edit(const struct sb_tui *t, const struct sb_card *c, struct sb_page *p)
{
    const char *open = sb_keymap_keys(t->keymap, SB_IN_EDIT, SB_ACT_OPEN), *send = sb_keymap_keys(t->keymap, SB_IN_EDIT, SB_ACT_SEND_EDIT);
    sb_page_line(p);
    sb_page_wrapf(p, SB_ROLE_DIM, 0, "%s changes a value, %s shows the difference and sends it. The card is checked again; approvals become void.", open ? open : "?", send ? send : "?");
    sb_page_line(p);
    for (size_t i = 0; i < edit_keys(); i++) {
        const char *now = t->edit.now[i], *changed = t->edit.changed[i];
        if (!sb_edit_key_is_for(&sb_edit_keys[i], c->kind))
            continue;
        sb_page_line(p);
        sb_page_link(p, (int)i + 1);
        sb_page_text(p, SB_ROLE_TEXT, " ");
        sb_page_field(p, SB_ROLE_STRONG, 16, sb_edit_keys[i].key);
        sb_page_wrap(p, changed ? SB_ROLE_REMOVED : SB_ROLE_TEXT, 17, now && now[0] ? now : "(none)");
        if (changed) {
            sb_page_line(p);
            sb_page_tab(p, 14);
            sb_page_mark(p, SB_ROLE_ADDED, SB_MARK_ARROW, 1);
            sb_page_tab(p, 17);
            sb_page_wrap(p, SB_ROLE_ADDED, 17, changed[0] ? changed : "(none)");
        }
        sb_page_line(p);
        sb_page_tab(p, 17);
        sb_page_wrap(p, SB_ROLE_DIM, 17, sb_edit_keys[i].help);
    }
    if (c->revision != t->edit.revision) {
        sb_page_line(p);
        sb_page_line(p);
        sb_page_wrap(p, SB_ROLE_BAD, 0, "The card has changed since: leave this page and edit the new revision.");
    }
}

/* ---- palette ---- */

void view_palette(const struct sb_tui *t, struct sb_page *p, size_t rows)
{
    enum sb_action matches[SB_ACTIONS];
    size_t n = palette_matches(t, matches), at = (size_t)t->palette_at, top = at >= rows ? at - rows + 1 : 0;
    char why[512];
    enum sb_context context = context_behind(t); /* where the action would be done */
    for (size_t i = top; i < n && i < top + rows; i++) {
        enum sb_action action = matches[i];
        const char *keys = sb_keymap_keys(t->keymap, context, action);
        bool applies = sb_action_applies(action, context);
        bool here = applies && !refused(t, action, why);
        sb_page_line(p);
        sb_page_text(p, i == at ? SB_ROLE_CURSOR : SB_ROLE_TEXT, i == at ? "> " : "  ");
        sb_page_field(p, here ? SB_ROLE_STRONG : SB_ROLE_DIM, 18, sb_actions[action].name);
        sb_page_field(p, SB_ROLE_KEY, 10, keys && applies ? keys : "");
        sb_page_field(p, here ? SB_ROLE_TEXT : SB_ROLE_DIM, p->width - sb_page_column(p), applies && !here ? why : sb_actions[action].help);
    }
    if (n == 0) {
        sb_page_line(p);
        sb_page_text(p, SB_ROLE_DOUBT, "  no action fits");
    }
}

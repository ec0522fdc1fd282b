/* SPDX-License-Identifier: Apache-2.0
 *
 * The single lines: header, status, request, footer; and what all pages share. */
#include "../state.h"

#include <string.h>

void view_label(struct sb_page *p, const char *label)
{
    sb_page_line(p);
    sb_page_text(p, SB_ROLE_DIM, label);
    sb_page_tab(p, LABEL);
}

void view_heading(struct sb_page *p, const char *text)
{
    if (p->row_n)
        sb_page_line(p);
    sb_page_line(p);
    sb_page_text(p, SB_ROLE_TITLE, text);
}

void view_badge(struct sb_page *p, const char *coverage)
{
    const char *text = coverage && coverage[0] ? coverage : "unknown";
    enum sb_role role = sb_starts_with(text, "measured") ? SB_ROLE_BADGE : sb_starts_with(text, "sampled") || sb_starts_with(text, "estimated") ? SB_ROLE_BADGE_WEAK : SB_ROLE_BADGE_STALE;
    sb_page_textf(p, role, "[%s]", text);
}

/* ---- header ---- */

static void flag(struct sb_page *p, enum sb_role role, const char *text)
{
    sb_page_text(p, SB_ROLE_HEADER, " ");
    sb_page_textf(p, role, "[ %s ]", text);
}

/* For some card, right now: everybody who looks on is to know. */
static bool glass_is_broken(const struct sb_tui *t)
{
    for (size_t i = 0; i < t->cards; i++)
        if (t->wall >= t->card[i]->row.glass_from && t->wall < t->card[i]->row.glass_until)
            return true;
    return false;
}

void view_header(const struct sb_tui *t, struct sb_page *p)
{
    const struct sb_welcome *w = &t->welcome;
    char clock[TEXT_MAX], text[TEXT_MAX];
    fmt_clock(clock, t->wall);
    clock[t->slow ? strlen("hh:mm") : strlen(clock)] = '\0';
    p->fill = SB_ROLE_HEADER;
    sb_page_line(p);
    sb_page_text(p, SB_ROLE_HEADER, p->width >= 72 ? " signalbox  " : " ");
    if (!t->welcomed) {
        sb_page_textf(p, SB_ROLE_HEADER, "connecting to %s", t->connecting ? t->connecting : "the orchestrator");
    } else {
        /* the flags come before everything that may be cut */
        int room = p->width - sb_page_column(p) - 10 - 12 - (w->simulated ? 18 : 0) - (w->read_only ? 14 : 0) - (t->veil ? 14 : 0) - (t->replay.on ? 20 : 0);
        int want = sb_text_width(w->deployment, t->ascii);
        sb_page_field(p, SB_ROLE_HEADER, want < room ? want : room > 8 ? room : 8, w->deployment);
        bool prod = w->environment == SB_ENV_PROD;
        flag(p, prod ? SB_ROLE_ENV_PROD : SB_ROLE_ENV_OTHER, prod ? "PROD" : sb_name(&sb_environments, w->environment));
        if (w->simulated && w->speed > 1)
            snprintf(text, sizeof text, "SIMULATED x%lld", (long long)w->speed);
        else
            snprintf(text, sizeof text, "SIMULATED");
        if (w->simulated)
            flag(p, SB_ROLE_SIMULATED, text);
        if (w->read_only)
            flag(p, SB_ROLE_READ_ONLY, "READ-ONLY");
        if (t->veil)
            flag(p, SB_ROLE_READ_ONLY, "PRESENTER");
        if (t->have_strip && !t->strip.ledger_ok)
            flag(p, SB_ROLE_ENV_PROD, "LEDGER STOPPED");
        if (t->replay.on) {
            fmt_when(text, t->replay.of.at, t->wall);
            sb_page_text(p, SB_ROLE_HEADER, " ");
            sb_page_textf(p, SB_ROLE_ENV_PROD, "[ REPLAY %sZ ]", text);
        }
        if (glass_is_broken(t))
            flag(p, SB_ROLE_ENV_PROD, "BREAK-GLASS");
        if (t->bye)
            flag(p, SB_ROLE_ENV_PROD, "ENDED");
        if (p->width >= 110) {
            sb_page_textf(p, SB_ROLE_HEADER, "  set %s", w->set_name ? w->set_name : "?");
            if (w->server_version)
                sb_page_textf(p, SB_ROLE_HEADER, "  MongoDB %s", w->server_version);
        }
    }
    int64_t apart = deployment_now(t) ? gap(t->strip.wall, deployment_now(t)) : 0;
    char both[2 * TEXT_MAX];
    snprintf(both, sizeof both, "%sZ ", clock);
    if (apart > 2000 || apart < -2000) { /* a simulated deployment lives in its own time */
        fmt_clock(text, deployment_now(t));
        text[t->slow ? strlen("hh:mm") : strlen(text)] = '\0';
        snprintf(both, sizeof both, "there %sZ  here %sZ ", text, clock);
        if (sb_page_column(p) + (int)strlen(both) > p->width)
            snprintf(both, sizeof both, "%sZ ", clock);
    }
    sb_page_right(p, SB_ROLE_HEADER, both);
}

/* ---- status ---- */

static void message(const struct sb_tui *t, struct sb_page *p)
{
    const struct note *n = &t->note[t->notes - 1];
    p->fill = n->bad ? SB_ROLE_NOTICE_BAD : SB_ROLE_NOTICE;
    sb_page_text(p, p->fill, n->bad ? " ! " : "   ");
    sb_page_wrap(p, p->fill, 3, n->text);
}

static void item(struct sb_page *p, enum sb_role role, const char *text)
{
    int width = sb_text_width(text, p->ascii);
    bool first = sb_page_column(p) <= 1;
    if (sb_page_column(p) + width + (first ? 0 : 3) > p->width)
        return; /* what is left of the line shows the more important ones */
    if (!first)
        sb_page_text(p, SB_ROLE_STATUS, "   ");
    sb_page_text(p, role, text);
}

static void itemf(struct sb_page *p, enum sb_role role, const char *fmt, ...) SB_PRINTF(3, 4);
static void itemf(struct sb_page *p, enum sb_role role, const char *fmt, ...)
{
    struct sb_str text;
    sb_str_init(&text);
    va_list ap;
    va_start(ap, fmt);
    sb_str_vaddf(&text, fmt, ap);
    va_end(ap);
    item(p, role, text.p);
    sb_str_release(&text);
}

void view_status(const struct sb_tui *t, struct sb_page *p)
{
    const struct sb_strip *s = &t->strip;
    char text[TEXT_MAX];
    sb_page_line(p);
    if (t->overlay == OVER_LINE && t->line_for == LINE_FILTER && t->filter_wrong) {
        p->fill = SB_ROLE_NOTICE_BAD;
        sb_page_text(p, p->fill, " ! ");
        sb_page_wrap(p, p->fill, 3, t->filter_wrong);
        return;
    }
    if (t->note_shown && t->notes) {
        message(t, p);
        return;
    }
    p->fill = SB_ROLE_STATUS;
    sb_page_text(p, SB_ROLE_STATUS, " ");
    if (t->count)
        itemf(p, SB_ROLE_STATUS, "%lld times", (long long)t->count);
    if (t->pending_n) {
        char name[SB_KEY_NAME_MAX];
        sb_key_name(name, &t->pending[0]);
        itemf(p, SB_ROLE_STATUS, "%s ...", name);
    }
    if (t->have_strip && !s->ledger_ok)
        itemf(p, SB_ROLE_NOTICE_BAD, "! nothing executes: %s", s->ledger_note ? s->ledger_note : "the ledger cannot be written");
    if (t->have_strip) {
        fmt_count(text, t->audit.head > s->ledger_head ? t->audit.head : s->ledger_head); /* entries come sooner than strips */
        itemf(p, SB_ROLE_STATUS, "ledger #%s", text);
        if (s->warmup_done < s->warmup_need)
            itemf(p, SB_ROLE_STATUS, "warm-up %lld of %lld samples", (long long)s->warmup_done, (long long)s->warmup_need);
        fmt_milli(text, s->commands_per_s_milli, "/s");
        itemf(p, SB_ROLE_STATUS, "own load %s", text);
    }
    if (t->slow && t->answers_ms)
        itemf(p, SB_ROLE_STATUS, "slow line: %lld ms", (long long)t->answers_ms);
    if (t->have_strip) {
        if (s->log_gaps)
            itemf(p, SB_ROLE_STATUS, "%lld log lines unseen", (long long)s->log_gaps);
        if (s->dropped)
            itemf(p, SB_ROLE_STATUS, "%lld frames skipped", (long long)s->dropped);
    }
    if (t->welcomed) {
        if (t->welcome.actor)
            itemf(p, SB_ROLE_STATUS, "you are %s", t->welcome.actor);
        if (t->welcome.policy)
            itemf(p, SB_ROLE_STATUS, "policy %s", t->welcome.policy);
        if (t->welcome.version)
            itemf(p, SB_ROLE_STATUS, "signalbox %s", t->welcome.version);
    }
}

/* ---- request ---- */

void view_request(const struct sb_tui *t, struct sb_page *p, int *cursor)
{
    const char *key = sb_keymap_keys(t->keymap, SB_IN_MAIN, SB_ACT_REQUEST);
    sb_page_line(p);
    if (t->overlay != OVER_LINE && t->overlay != OVER_PALETTE) {
        sb_page_text(p, SB_ROLE_REQUEST, " Request: ");
        sb_page_textf(p, SB_ROLE_DIM, "%s%s", key ? key : "", key ? " asks in plain language, for example: orders is slow" : "");
        return;
    }
    if (t->overlay == OVER_PALETTE)
        sb_page_text(p, SB_ROLE_KEY, " :");
    else if (t->line_for == LINE_REQUEST)
        sb_page_text(p, SB_ROLE_REQUEST, " Request: ");
    else if (t->line_for == LINE_SEARCH)
        sb_page_text(p, SB_ROLE_KEY, " /");
    else if (t->line_for == LINE_FILTER)
        sb_page_textf(p, SB_ROLE_KEY, " Filter %s: ", pane_name(t->focus));
    else if (t->line_for == LINE_DIVIDE)
        sb_page_text(p, SB_ROLE_KEY, " Before and after (2026-11-23, 30d): ");
    else if (t->line_for == LINE_RUNNING)
        sb_page_text(p, SB_ROLE_KEY, " Filter what runs: ");
    else if (t->line_for == LINE_EXPORT)
        sb_page_text(p, SB_ROLE_REQUEST, " Export as text, json, svg or plots: ");
    else if (t->line_for == LINE_REMARK)
        sb_page_textf(p, SB_ROLE_REQUEST, " Note on %s: ", t->line_card ? t->line_card : "");
    else if (t->line_for == LINE_DECISION)
        sb_page_textf(p, SB_ROLE_REQUEST, " %s was ", t->line_card ? t->line_card : "");
    else if (t->line_for == LINE_BLACKOUT)
        sb_page_text(p, SB_ROLE_REQUEST, " Blackout, how long and why (30m index build): ");
    else if (t->line_for == LINE_VALUE)
        sb_page_textf(p, SB_ROLE_REQUEST, " %s: ", t->line_card ? t->line_card : "");
    else {
        sb_page_text(p, SB_ROLE_REQUEST, t->line_for == LINE_REJECT ? " Reject " : " Leave as it is ");
        int room = p->width - 60 > 10 ? p->width - 60 : 10, want = sb_text_width(t->line_card, t->ascii);
        sb_page_field(p, SB_ROLE_REQUEST, want < room ? want : room, t->line_card);
        sb_page_text(p, SB_ROLE_REQUEST, ", because: ");
    }
    int room = p->width - sb_page_column(p) - 1;
    line_show(&t->line, p, room > 1 ? room : 1, t->ascii, cursor);
}

/* ---- footer ---- */

/* Appends one key with its label when there is room for it and for what must stay. */
bool view_footer_key(struct sb_page *p, const char *keys, const char *label, int reserve)
{
    if (!keys || !label[0])
        return true;
    int width = sb_text_width(keys, p->ascii) + 1 + (int)strlen(label) + 2;
    if (sb_page_column(p) + width > p->width - reserve)
        return false;
    sb_page_text(p, SB_ROLE_KEY, keys);
    sb_page_textf(p, SB_ROLE_FOOTER, " %s  ", label);
    return true;
}

void view_footer(const struct sb_tui *t, struct sb_page *p)
{
    static const enum sb_action always[] = {SB_ACT_BACK, SB_ACT_HELP, SB_ACT_QUIT};
    enum sb_context context = context_of(t);
    sb_page_line(p);
    sb_page_text(p, SB_ROLE_FOOTER, " ");
    if (context == SB_IN_LINE || context == SB_IN_PALETTE) {
        bool filter = context == SB_IN_LINE && t->line_for == LINE_FILTER;
        view_footer_key(p, sb_keymap_keys(t->keymap, context, SB_ACT_SUBMIT), context == SB_IN_PALETTE ? "does it" : filter ? "keeps the filter" : "takes the line", 0);
        view_footer_key(p, sb_keymap_keys(t->keymap, context, SB_ACT_BACK), filter ? "leaves it as it was   ! in front: rows that do not match" : "leaves it", 0);
        if (context == SB_IN_PALETTE || t->line_for == LINE_REQUEST)
            view_footer_key(p, sb_keymap_keys(t->keymap, context, SB_ACT_UP), context == SB_IN_PALETTE ? "and Down choose" : "brings back an earlier request", 0);
        return;
    }
    if (context == SB_IN_CONFIRM) {
        if (t->confirm.target)
            view_footer_key(p, sb_keymap_keys(t->keymap, SB_IN_LINE, SB_ACT_SUBMIT), "signs, once the name is typed", 0);
        else
            view_footer_key(p, sb_keymap_keys(t->keymap, context, SB_ACT_CONFIRM), "yes, do it", 0);
        view_footer_key(p, sb_keymap_keys(t->keymap, context, SB_ACT_BACK), "no, go back", 0);
        view_footer_key(p, sb_keymap_keys(t->keymap, context, SB_ACT_PAGE_DOWN), "read on", 0);
        return;
    }
    bool opened = top_view_of(t)->kind != VIEW_PANES;
    int reserve = 0;
    for (size_t i = !opened; i < SB_COUNT(always); i++) {
        const char *keys = sb_keymap_keys(t->keymap, context, always[i]);
        reserve += keys ? sb_text_width(keys, t->ascii) + (int)strlen(sb_actions[always[i]].label) + 3 : 0;
    }
    const struct sb_card *card = card_in_focus(t);
    for (int a = SB_ACT_NONE + 1; a < SB_ACTIONS; a++) {
        enum sb_action action = (enum sb_action)a;
        if (a == SB_ACT_BACK || a == SB_ACT_HELP || a == SB_ACT_QUIT || !sb_action_applies(action, context))
            continue;
        if ((sb_actions[a].flags & SB_DANGEROUS) && !offered(t, action))
            continue; /* only what this person can do to this card now */
        bool of_row = action == SB_ACT_OPEN || action == SB_ACT_CASE || action == SB_ACT_ACKNOWLEDGE;
        if (action == SB_ACT_EDIT_TEXT && context != SB_IN_EDIT)
            continue; /* beside "edit" it would only take room */
        if (of_row && !opened && pane_count(t, t->focus) == 0)
            continue;
        const struct sb_anomaly *opened_one = action == SB_ACT_ACKNOWLEDGE && opened ? anomaly_in_focus(t) : NULL;
        if (opened_one && opened_one->acked_by)
            continue; /* somebody has it; in the pane it stays, where moving from row to row would paint the footer anew */
        const char *label = a == SB_ACT_PAUSE && card && card->state == SB_PAUSED ? "resume" : a == SB_ACT_FOLLOW && t->pane[t->focus].frozen ? "follow" : sb_actions[a].label;
        if (!view_footer_key(p, sb_keymap_keys(t->keymap, context, action), label, reserve))
            break;
    }
    for (size_t i = !opened; i < SB_COUNT(always); i++)
        view_footer_key(p, sb_keymap_keys(t->keymap, context, always[i]), sb_actions[always[i]].label, 0);
}

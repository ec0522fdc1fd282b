/* SPDX-License-Identifier: Apache-2.0
 *
 * What a person says of an anomaly: taken, useful, noise, known; a note; a blackout of what it is about; and all of it taken
 * back. What is not to be announced is listed on a page of its own. */
#include "state.h"

#include <stdlib.h>
#include <string.h>

const struct sb_anomaly *anomaly_in_focus(const struct sb_tui *t)
{
    const struct view *v = top_view_of(t);
    const struct held_anomaly *held = v->kind == VIEW_ANOMALY ? find_anomaly(t, v->id) : NULL;
    return held ? &held->anomaly : v->kind == VIEW_PANES ? pane_anomaly(t) : NULL;
}

const struct sb_hush *said_of(const struct sb_tui *t, const char *anomaly)
{
    for (size_t i = 0; i < t->hushes.list_n; i++)
        if (sb_streq(t->hushes.list[i].anomaly, anomaly))
            return &t->hushes.list[i];
    return NULL;
}

static void acknowledge(struct sb_tui *t, const struct sb_anomaly *a, struct sb_effects *fx)
{
    if (a->acked_by)
        say(t, false, "%s was taken by %s already.", a->id, a->acked_by);
    else
        fx_ask_text(t, fx, SB_ASK_ACK, a->id);
}

static void judge(struct sb_tui *t, const struct sb_anomaly *a, int mark, struct sb_effects *fx)
{
    struct sb_message *m = sb_message_new(SB_ASK_FEEDBACK, 0);
    struct sb_feedback *f = m ? m->body : NULL;
    if (!f || sb_str_set(&f->anomaly, a->id)) {
        sb_message_free(m);
        say(t, true, "Out of memory: nothing was sent.");
        return;
    }
    f->mark = mark;
    fx_ask(t, fx, m);
}

static void ask_on(struct sb_tui *t, int type, const char *id, const char *text, struct sb_effects *fx)
{
    struct sb_message *m = sb_message_new(type, 0);
    struct sb_remark_on *r = m ? m->body : NULL;
    if (!r || sb_str_set(&r->id, id) || sb_str_set(&r->text, text)) {
        sb_message_free(m);
        say(t, true, "Out of memory: nothing was sent.");
        return;
    }
    fx_ask(t, fx, m);
}

void remark_send(struct sb_tui *t, const char *id, const char *text, struct sb_effects *fx)
{
    ask_on(t, SB_ASK_REMARK, id, text, fx);
}

/* What a blackout of it is about: its collection, or its member. */
const char *blackout_scope(const struct sb_anomaly *a)
{
    return a->namespaces_n ? a->namespaces[0] : a->members_n ? a->members[0] : "";
}

/* "30m building an index": 0, or -1 with what is wrong said. */
static int read_blackout(struct sb_tui *t, const char *text, int64_t *ms, const char **reason)
{
    char *end;
    long n = strtol(text, &end, 10);
    int64_t unit = *end == 'm' ? 60000 : *end == 'h' ? 3600000 : *end == 'd' ? 86400000 : 0;
    *reason = end + (unit != 0) + strspn(end + (unit != 0), " ");
    if (n <= 0 || !unit || n > SB_HUSH_MOST_MS / unit || end[1] != ' ' || !**reason) {
        say(t, true, "A blackout is written as how long and why: 30m building an index (m, h or d; a week at most). Nothing was sent.");
        return -1;
    }
    *ms = n * unit;
    return 0;
}

void blackout_send(struct sb_tui *t, const char *id, const char *text, struct sb_effects *fx)
{
    const struct held_anomaly *held = find_anomaly(t, id);
    int64_t ms;
    const char *reason;
    if (!held || read_blackout(t, text, &ms, &reason))
        return;
    struct sb_message *m = sb_message_new(SB_ASK_BLACKOUT, 0);
    struct sb_hush *h = m ? m->body : NULL;
    const struct sb_anomaly *a = &held->anomaly;
    if (!h || sb_str_set(&h->reason, reason) || (a->namespaces_n && sb_str_set(&h->ns, a->namespaces[0])) ||
        (!a->namespaces_n && a->members_n && sb_str_set(&h->member, a->members[0]))) {
        sb_message_free(m);
        say(t, true, "Out of memory: nothing was sent.");
        return;
    }
    h->until = t->wall + ms;
    fx_ask(t, fx, m);
}

/* On the page of what is silent the selected line is lifted; elsewhere what was said of the anomaly. */
static void take_back(struct sb_tui *t, const struct sb_anomaly *a, struct sb_effects *fx)
{
    const struct view *v = top_view_of(t);
    bool listed = v->kind == VIEW_HUSHES && v->link > 0 && (size_t)v->link <= t->hushes.list_n;
    const char *id = listed ? t->hushes.list[v->link - 1].id : a && said_of(t, a->id) ? a->id : NULL;
    if (id)
        ask_on(t, SB_ASK_LIFT, id, "taken back", fx);
    else
        say(t, false, a ? "Nothing was said of %s." : "Nothing is selected.", a ? a->id : "");
}

static void export_md(struct sb_tui *t, char *text, struct sb_effects *fx)
{
    if (text)
        fx_add(fx, SB_FX_EXPORT_MD, NULL, text);
    else
        say(t, true, "Out of memory: nothing was exported.");
}

bool act_on_anomaly(struct sb_tui *t, enum sb_action action, struct sb_effects *fx)
{
    const struct sb_anomaly *a = anomaly_in_focus(t);
    switch (action) {
    case SB_ACT_ACKNOWLEDGE: case SB_ACT_USEFUL: case SB_ACT_NOISE: case SB_ACT_KNOWN: case SB_ACT_REMARK: case SB_ACT_BLACKOUT: case SB_ACT_POST_MORTEM:
        if (a)
            break;
        say(t, false, "No anomaly is selected.");
        return true;
    case SB_ACT_TAKE_BACK: take_back(t, a, fx); return true;
    case SB_ACT_HUSHES: view_open(t, VIEW_HUSHES, NULL, fx); return true;
    case SB_ACT_HAND_OVER: export_md(t, sb_tui_hand_over(t), fx); return true;
    default: return false;
    }
    switch (action) {
    case SB_ACT_ACKNOWLEDGE: acknowledge(t, a, fx); break;
    case SB_ACT_USEFUL: judge(t, a, SB_HUSH_USEFUL, fx); break;
    case SB_ACT_NOISE: judge(t, a, SB_HUSH_NOISE, fx); break;
    case SB_ACT_KNOWN: judge(t, a, SB_HUSH_KNOWN, fx); break;
    case SB_ACT_REMARK: line_open(t, LINE_REMARK, a->id, ""); break;
    case SB_ACT_BLACKOUT:
        if (!names_veiled(t))
            line_open(t, LINE_BLACKOUT, a->id, "");
        break;
    default: export_md(t, md_post_mortem(t, a), fx);
    }
    return true;
}

void view_hushes(const struct sb_tui *t, struct sb_page *p)
{
    char until[TEXT_MAX];
    sb_page_line(p);
    sb_page_wrap(p, SB_ROLE_DIM, 0, "Recorded and not announced. Never silenced: data that may be lost, a member further behind than the oplog reaches back, failed backups, and what is worse than what was judged.");
    for (size_t i = 0; i < t->hushes.list_n; i++) {
        const struct sb_hush *h = &t->hushes.list[i];
        fmt_when(until, h->until, t->wall);
        sb_page_line(p);
        sb_page_link(p, (int)i + 1);
        sb_page_field(p, SB_ROLE_ID, 8, h->id);
        sb_page_field(p, h->kind == SB_HUSH_USEFUL ? SB_ROLE_GOOD : SB_ROLE_STRONG, 10, sb_name(&sb_hush_kinds, h->kind));
        sb_page_wrapf(p, SB_ROLE_TEXT, 20, "%s, by %s until %sZ", h->kind == SB_HUSH_BLACKOUT ? (h->ns ? h->ns : h->member ? h->member : "everything") : h->like ? h->like : "?",
                      h->by ? h->by : "?", until);
        if (h->reason && h->reason[0])
            sb_page_wrapf(p, SB_ROLE_DIM, 20, ": %s", h->reason);
    }
    if (t->hushes.list_n == 0) {
        sb_page_line(p);
        sb_page_text(p, SB_ROLE_DIM, "Nothing is silenced.");
    }
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What is seen, for others: the data behind it as JSON here; text and picture are made by the caller of the cells it shows. */
#include "state.h"

#include <stdlib.h>
#include <string.h>

/* The record inside a message of this type, as JSON. New reference or NULL. */
static json_t *record_json(int type, const void *record)
{
    struct sb_message *m = sb_message_copy_of(type, 0, record);
    json_t *whole = m ? sb_message_to_json(m) : NULL;
    json_t *body = whole ? json_incref(json_object_get(whole, "body")) : NULL;
    json_decref(whole);
    sb_message_free(m);
    return body;
}

static json_t *row_json(const struct sb_tui *t, int pane, size_t row)
{
    const struct pane *p = &t->pane[pane];
    if (pane == PANE_AUDIT)
        return record_json(SB_NEWS_ENTRY, audit_row(t, row));
    if (pane == PANE_ANOMALIES)
        return record_json(SB_NEWS_ANOMALY, &t->anomaly[p->list[row]]->anomaly);
    const struct held_card *held = t->card[p->list[row]]; /* whole where it is; else what is seen of it */
    return held->card ? record_json(SB_NEWS_CARD, held->card) : sb_record_to_json(&sb_card_row_schema, &held->row);
}

/* The rows of the pane that are on the screen. */
static json_t *pane_json(const struct sb_tui *t)
{
    const struct pane *p = &t->pane[t->focus];
    size_t n = pane_count(t, t->focus);
    json_t *rows = json_array();
    for (size_t row = p->top; row < n && row < p->top + p->rows; row++)
        if (json_array_append_new(rows, row_json(t, t->focus, row))) {
            json_decref(rows);
            return NULL;
        }
    return rows;
}

static json_t *page_json(const struct sb_tui *t)
{
    const struct sb_page *p = &t->frame.body;
    json_t *lines = json_array();
    struct sb_str line;
    sb_str_init(&line);
    for (size_t i = 0; i < p->row_n && lines; i++) {
        sb_str_clear(&line);
        sb_page_row_text(p, i, &line);
        if (!sb_str_ok(&line) || json_array_append_new(lines, json_string(line.p))) {
            json_decref(lines);
            lines = NULL;
        }
    }
    sb_str_release(&line);
    return lines;
}

static json_t *seen(const struct sb_tui *t)
{
    const struct view *v = top_view_of(t);
    const struct sb_card *card = v->kind == VIEW_CARD ? whole_card(t, v->id) : NULL;
    const struct held_anomaly *anomaly = v->kind == VIEW_ANOMALY ? find_anomaly(t, v->id) : NULL;
    const struct sb_case *c = v->kind == VIEW_CASE ? find_case(t, v->id) : NULL;
    return v->kind == VIEW_PANES ? pane_json(t) : card ? record_json(SB_NEWS_CARD, card) : anomaly ? record_json(SB_NEWS_ANOMALY, &anomaly->anomaly)
           : c                   ? record_json(SB_NEWS_CASE, c)
                                 : page_json(t);
}

void export_as(struct sb_tui *t, const char *form, struct sb_effects *fx)
{
    static const struct {
        const char *name;
        enum sb_effect_kind kind;
    } forms[] = {{"text", SB_FX_EXPORT_TEXT}, {"json", SB_FX_EXPORT_JSON}, {"svg", SB_FX_EXPORT_SVG}};
    for (size_t i = 0; i < SB_COUNT(forms); i++) {
        if (!sb_streq(form, forms[i].name))
            continue;
        if (forms[i].kind != SB_FX_EXPORT_JSON) {
            fx_add(fx, forms[i].kind, NULL, NULL);
            return;
        }
        json_t *what = seen(t);
        json_t *whole = what ? json_pack("{s:s, s:o}", "seen", sb_contexts[context_behind(t)].name, "content", what) : NULL;
        char *text = whole ? json_dumps(whole, JSON_INDENT(1)) : NULL;
        json_decref(whole);
        if (text)
            fx_add(fx, SB_FX_EXPORT_JSON, NULL, text);
        else
            say(t, true, "Out of memory: nothing was exported.");
        return;
    }
    const struct sb_anomaly *a = sb_streq(form, "plots") ? anomaly_in_focus(t) : NULL;
    if (a && a->plots_n) {
        char *text = plots_svg(a);
        if (text)
            fx_add(fx, SB_FX_EXPORT_PLOTS, NULL, text);
        else
            say(t, true, "Out of memory: nothing was exported.");
    } else if (sb_streq(form, "plots")) {
        say(t, false, a ? "%s has no series to be drawn." : "Plots are of an anomaly: none is selected.", a ? a->id : "");
    } else {
        say(t, true, "Nothing is exported as \"%s\": there are text, json, svg and, of an anomaly, plots.", form);
    }
}

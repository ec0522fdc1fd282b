/* SPDX-License-Identifier: Apache-2.0
 *
 * Filters of the panes. A row is matched against all it says, uncut and as it came. What is typed takes effect at once;
 * while it is no regular expression, the rows stay as the last good one left them and the screen says what is wrong.
 * Without an upper-case letter in it, an expression matches in both cases. Rows on which the expression runs into its
 * limits are listed, because nobody knows; after a few of them it is given up, so that no expression holds up the screen. */
#include "state.h"

#include <stdlib.h>
#include <string.h>

#define UNDECIDED_MOST 8

/* ---- what a row says ---- */

static void word(struct sb_str *out, const char *text)
{
    if (text && text[0])
        sb_str_addf(out, "%s%s", out->len ? "  " : "", text);
}

static void card_words(const struct sb_card_row *c, struct sb_str *out)
{
    char state[TEXT_MAX];
    fmt_words(state, sb_name(&sb_states, c->state));
    word(out, c->id);
    word(out, state);
    word(out, sb_name(&sb_levels, c->risk));
    word(out, c->target);
    word(out, c->title);
    word(out, c->author);
    word(out, c->case_id);
}

static void anomaly_words(const struct sb_anomaly *a, struct sb_str *out)
{
    word(out, a->id);
    word(out, sb_name(&sb_levels, a->severity));
    word(out, sb_name(&sb_anomaly_classes, a->class_));
    word(out, a->title);
    word(out, a->to ? "over" : NULL);
    if (a->acked_by)
        sb_str_addf(out, "  taken by %s", a->acked_by);
    word(out, a->case_id);
}

void row_words(const struct sb_tui *t, int pane, size_t row, struct sb_str *out)
{
    const struct pane *p = &t->pane[pane];
    if (row >= pane_count(t, pane))
        return;
    if (pane == PANE_AUDIT)
        sb_audit_row_words(audit_row(t, row), out);
    else if (pane == PANE_ANOMALIES)
        anomaly_words(&t->anomaly[p->list[row]]->anomaly, out);
    else
        card_words(&t->card[p->list[row]]->row, out);
}

/* ---- whether it fits ---- */

bool filter_on(const struct sb_tui *t, int pane)
{
    return t->pane[pane].filter.re != NULL;
}

bool filter_given_up(const struct filter *f)
{
    return f->undecided >= UNDECIDED_MOST;
}

bool filter_fits(struct filter *f, const struct sb_str *words)
{
    if (filter_given_up(f) || !sb_str_ok(words))
        return true;
    int rc = sb_regex_match(f->re, words->p, words->len, NULL, 0, NULL);
    if (rc < 0) {
        f->undecided++;
        return true;
    }
    return (rc == 1) != f->without;
}

static bool ask_again(const struct filter *f, const struct sieved *s)
{
    return s->filter != f->number;
}

bool filter_fits_card(struct sb_tui *t, int pane, struct held_card *held)
{
    struct filter *f = &t->pane[pane].filter;
    if (f->re && ask_again(f, &held->sieved)) {
        struct sb_str words;
        sb_str_init(&words);
        card_words(&held->row, &words);
        held->sieved = (struct sieved){f->number, filter_fits(f, &words)};
        sb_str_release(&words);
    }
    return !f->re || held->sieved.fits;
}

bool filter_fits_anomaly(struct sb_tui *t, struct held_anomaly *held)
{
    struct filter *f = &t->pane[PANE_ANOMALIES].filter;
    if (f->re && ask_again(f, &held->sieved)) {
        struct sb_str words;
        sb_str_init(&words);
        anomaly_words(&held->anomaly, &words);
        held->sieved = (struct sieved){f->number, filter_fits(f, &words)};
        sb_str_release(&words);
    }
    return !f->re || held->sieved.fits;
}

bool filter_fits_entry(struct sb_tui *t, const struct sb_audit_row *row)
{
    struct sb_str words;
    sb_str_init(&words);
    sb_audit_row_words(row, &words);
    bool yes = filter_fits(&t->pane[PANE_AUDIT].filter, &words);
    sb_str_release(&words);
    return yes;
}

/* ---- changing it ---- */

void filter_release(struct filter *f)
{
    sb_regex_free(f->re);
    free(f->text);
    *f = (struct filter){.text = NULL};
}

static bool has_upper(const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p == '\\' && p[1]) /* \W is no letter that was meant */
            p++;
        else if (*p >= 'A' && *p <= 'Z')
            return true;
    }
    return false;
}

static bool is_none(const char *text)
{
    return !text || text[strspn(text, " ")] == '\0' || sb_streq(text, "!");
}

int filter_parse(struct sb_tui *t, const char *text, struct filter *out, struct sb_err *err)
{
    bool none = is_none(text), without = !none && text[0] == '!';
    *out = (struct filter){.number = ++t->filters, .without = without};
    if (none)
        return 0;
    out->caseless = !has_upper(text + without);
    out->re = sb_regex_new(text + without, out->caseless ? SB_REGEX_CASELESS : 0, err);
    if (!out->re)
        return -1;
    set_text(&out->text, text);
    if (out->text)
        return 0;
    filter_release(out);
    return sb_fail_nomem(err);
}

/* Makes this the filter of a pane; NULL or nothing but blanks: none. -1: it is no regular expression, nothing has changed. */
static int set(struct sb_tui *t, int pane, const char *text, struct sb_effects *fx, struct sb_err *err)
{
    struct filter *f = &t->pane[pane].filter, fresh;
    if (is_none(text) ? !f->text : sb_streq(f->text, text))
        return 0;
    if (filter_parse(t, text, &fresh, err))
        return -1;
    filter_release(f);
    *f = fresh;
    if (pane == PANE_AUDIT)
        found_start(t);
    t->filtering = true;
    panes_relist(t, fx);
    t->filtering = false;
    return 0;
}

/* Keeps what the filter was, for undoing. */
static void keep(struct sb_tui *t, int pane, const char *text)
{
    if (t->past_filters == FILTERS_KEPT) {
        free(t->past_filter[0].text);
        memmove(&t->past_filter[0], &t->past_filter[1], --t->past_filters * sizeof t->past_filter[0]);
    }
    struct past_filter *past = &t->past_filter[t->past_filters++];
    *past = (struct past_filter){.pane = pane};
    set_text(&past->text, text);
}

void filter_open(struct sb_tui *t)
{
    const char *now = t->pane[t->focus].filter.text;
    set_text(&t->filter_before, now);
    set_text(&t->filter_wrong, NULL);
    line_open(t, LINE_FILTER, NULL, now ? now : "");
}

void filter_typed(struct sb_tui *t, struct sb_effects *fx)
{
    struct sb_err err = SB_ERR_INIT;
    set_text(&t->filter_wrong, set(t, t->focus, t->line.text.p, fx, &err) ? err.msg : NULL);
}

static void told(struct sb_tui *t)
{
    if (filter_given_up(&t->pane[t->focus].filter))
        say(t, true, "This expression takes too much work: it was given up after %zu rows, and what was not decided is listed.", t->pane[t->focus].filter.undecided);
}

bool filter_submit(struct sb_tui *t)
{
    if (t->filter_wrong)
        return false;
    if (!sb_streq(t->filter_before, t->pane[t->focus].filter.text))
        keep(t, t->focus, t->filter_before);
    told(t);
    return true;
}

void filter_leave(struct sb_tui *t, struct sb_effects *fx)
{
    set(t, t->focus, t->filter_before, fx, NULL);
    set_text(&t->filter_wrong, NULL);
}

void filter_clear(struct sb_tui *t, struct sb_effects *fx)
{
    keep(t, t->focus, t->pane[t->focus].filter.text);
    set(t, t->focus, NULL, fx, NULL);
}

void filter_undo(struct sb_tui *t, struct sb_effects *fx)
{
    if (t->past_filters == 0) {
        say(t, false, "No filter was changed: there is nothing to take back.");
        return;
    }
    struct past_filter past = t->past_filter[--t->past_filters];
    set(t, past.pane, past.text, fx, NULL);
    pane_focus(t, past.pane);
    if (past.text)
        say(t, false, "%s is filtered by %s again.", pane_name(past.pane), past.text);
    else
        say(t, false, "%s is not filtered any more.", pane_name(past.pane));
    free(past.text);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What a watch window waits for besides what it measures: entries of the ledger that come after it was opened. Looked for
 * again from there after a restart, so that nothing is missed and nothing is kept but what the report says. */
#include "private.h"

#include <stdlib.h>
#include <string.h>

struct hunt {
    struct held_card *card;
    int64_t *seqs;
    size_t seqs_n;
};

static size_t events_of(const struct sb_card *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->watch.criteria_n; i++)
        n += sb_criterion_is_event(&c->watch.criteria[i]);
    return n;
}

static const struct sb_watch_reading *reading_of(const struct sb_card *c, size_t i)
{
    return i < c->report.readings_n ? &c->report.readings[i] : NULL;
}

bool sb_o_events_open(const struct sb_card *c)
{
    for (size_t i = 0; i < c->watch.criteria_n; i++)
        if (sb_criterion_is_event(&c->watch.criteria[i]) && !(reading_of(c, i) && reading_of(c, i)->measured))
            return true;
    return false;
}

bool sb_o_event_missed(const struct sb_card *c)
{
    for (size_t i = 0; i < c->watch.criteria_n; i++)
        if (sb_criterion_is_event(&c->watch.criteria[i]) && reading_of(c, i) && reading_of(c, i)->measured && reading_of(c, i)->breached)
            return true;
    return false;
}

void sb_o_forget_events(struct held_card *card)
{
    for (size_t i = 0; i < SB_EVENTS_MAX; i++) {
        free(card->watch.run[i]);
        card->watch.run[i] = NULL;
    }
    card->watch.opened_seq = 0;
}

/* Before the first measures are taken there are no readings; an event may have come by then. */
static int make_room(struct sb_card *c)
{
    while (c->report.readings_n < c->watch.criteria_n)
        if (!SB_PUSH(c->report.readings))
            return -1;
    return 0;
}

/* ---- where the window was opened ---- */

static int is_opening(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    (void)bytes;
    (void)n;
    (void)err;
    struct held_card *card = ctx;
    const char *at = e->kind == SB_ENTRY_WATCH ? sb_json_str(json_object_get(e->body, "report"), "opened_at") : NULL;
    int64_t opened;
    if (!at || sb_time_parse(at, strlen(at), &opened) || opened != card->card.report.opened_at)
        return 0;
    card->watch.opened_seq = e->seq;
    card->watch.opened_ts = e->ts;
    card->watch.next_seq = e->seq + 1;
    return 1;
}

static bool know_opening(struct sb_orchestrator *o, struct held_card *card)
{
    if (!card->watch.opened_seq)
        sb_ledger_by_ref(o->ledger, card->card.id, is_opening, card, NULL);
    return card->watch.opened_seq != 0;
}

/* ---- what came after it ---- */

static bool says_kind(const char *bytes, size_t n, const char *kind)
{
    char text[64];
    snprintf(text, sizeof text, "\"kind\":\"%.40s\"", kind);
    return memmem(bytes, n, text, strlen(text)) != NULL;
}

static int look(void *ctx, int64_t seq, const char *bytes, size_t n, struct sb_err *err)
{
    struct hunt *h = ctx;
    const struct sb_watch *w = &h->card->card.watch;
    bool wanted = false;
    for (size_t i = 0; i < w->criteria_n && !wanted; i++) {
        const struct sb_criterion *c = &w->criteria[i];
        if (sb_criterion_is_event(c))
            wanted = sb_starts_with(c->subject, SB_O_SCHEDULE) ? says_kind(bytes, n, "request") || says_kind(bytes, n, "case.close") : says_kind(bytes, n, c->subject);
    }
    if (!wanted)
        return 0;
    int64_t *slot = SB_PUSH(h->seqs);
    if (!slot)
        return sb_fail_nomem(err);
    *slot = seq;
    return 0;
}

static void note(struct sb_watch_reading *r, const struct sb_criterion *c, int64_t value, bool failed, const char *words)
{
    r->measured = true;
    r->value = value < 0 ? 0 : value;
    r->samples = 1;
    r->breached = failed || r->value > c->limit;
    int ignored = sb_str_set(&r->note, words); /* out of memory: it counts without a word as well */
    (void)ignored;
}

/* By the record, and by the clock of the deployment, which nobody sets: the smaller counts. */
static int64_t seconds_until(const struct sb_orchestrator *o, const struct held_card *card, const struct sb_entry *e)
{
    int64_t by_record = (e->ts - card->watch.opened_ts) * o->facts.speed / 1000, by_now = (sb_o_deployment_now(o) - card->card.report.opened_at) / 1000;
    return by_record < by_now ? by_record : by_now;
}

static bool take(struct sb_orchestrator *o, struct held_card *card, const struct sb_entry *e)
{
    struct sb_card *c = &card->card;
    bool news = false;
    size_t event = 0;
    for (size_t i = 0; i < c->watch.criteria_n && event < SB_EVENTS_MAX; i++) {
        const struct sb_criterion *k = &c->watch.criteria[i];
        if (!sb_criterion_is_event(k))
            continue;
        char **run = &card->watch.run[event++];
        struct sb_watch_reading *r = &c->report.readings[i];
        enum sb_event_seen seen = r->measured ? SB_EVENT_NOT : sb_event_look(k, e, *run);
        char words[64];
        snprintf(words, sizeof words, "entry %lld%s", (long long)e->seq, seen == SB_EVENT_FAILED ? ": it failed" : "");
        if (seen == SB_EVENT_BEGAN && sb_str_set(run, e->plan.case_id))
            return news; /* out of memory: that run is not followed, and the next one is */
        if (seen == SB_EVENT_PASSED || seen == SB_EVENT_FAILED) {
            note(r, k, seconds_until(o, card, e), seen == SB_EVENT_FAILED, words);
            news = true;
        }
    }
    return news;
}

static bool look_at_new(struct sb_orchestrator *o, struct held_card *card)
{
    struct hunt h = {.card = card};
    int64_t head = sb_ledger_head(o->ledger);
    bool news = false;
    int rc = card->watch.next_seq > head ? 0 : sb_ledger_bytes(o->ledger, card->watch.next_seq, head, look, &h, NULL);
    for (size_t i = 0; rc == 0 && i < h.seqs_n; i++) {
        struct sb_entry e;
        rc = sb_ledger_entry(o->ledger, h.seqs[i], &e, NULL);
        if (rc == 0 && sb_streq(e.plan.deployment, card->card.deployment) && e.plan.simulated == card->card.simulated)
            news |= take(o, card, &e);
        if (rc == 0)
            sb_entry_release(&e);
        card->watch.next_seq = rc ? h.seqs[i] : h.seqs[i] + 1;
    }
    if (rc == 0)
        card->watch.next_seq = head + 1;
    free(h.seqs);
    return news;
}

bool sb_o_look_for_events(struct sb_orchestrator *o, struct held_card *card)
{
    struct sb_card *c = &card->card;
    if (!events_of(c) || !sb_o_events_open(c) || make_room(c) || !know_opening(o, card))
        return false;
    bool news = look_at_new(o, card);
    int64_t gone = (sb_o_deployment_now(o) - c->report.opened_at) / 1000;
    for (size_t i = 0; i < c->watch.criteria_n; i++) {
        const struct sb_criterion *k = &c->watch.criteria[i];
        if (sb_criterion_is_event(k) && !c->report.readings[i].measured && gone > k->limit) {
            note(&c->report.readings[i], k, gone, true, "it has not come in time");
            news = true;
        }
    }
    return news;
}

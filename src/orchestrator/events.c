/* SPDX-License-Identifier: Apache-2.0
 *
 * What a watch window waits for besides what it measures: entries of the ledger that come after it was opened, looked for
 * again from there after a restart, so that nothing is missed and nothing is kept but what the report says; and backups of a
 * moment behind its opening, by the look that is taken now and then at where they lie. */
#include "private.h"

#include <stdlib.h>
#include <string.h>

#define LOOK_AGAIN_MS (5 * 60 * 1000) /* between two looks while a backup is awaited, and */
#define LOOK_SOON_MS 30000           /* when its time is over */
#define QUIET_S 60                   /* a dump whose files were touched less than so long before a look may still be written */

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

/* It came, or was missed, or nobody will ever know. */
static bool settled(const struct sb_watch_reading *r)
{
    return r && (r->measured || r->note);
}

bool sb_o_events_open(const struct sb_card *c)
{
    for (size_t i = 0; i < c->watch.criteria_n; i++)
        if (sb_criterion_is_event(&c->watch.criteria[i]) && !settled(reading_of(c, i)))
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
        if (sb_criterion_is_event(c) && !sb_criterion_is_backup(c))
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

/* ---- what lies where backups are kept ---- */

/* A moment of a backup, behind the window's opening: in seconds of the deployment's time, or -1. What is ahead of us is in the
 * faster time of a simulated deployment; a file's time is ours. */
static int64_t seconds_behind(const struct sb_orchestrator *o, const struct held_card *card, int64_t at)
{
    bool theirs = at > o->recovery.at;
    int64_t opened = theirs ? card->card.report.opened_at : card->watch.opened_ts;
    return at <= opened ? -1 : theirs ? (at - opened) / 1000 : (at - opened) * o->facts.speed / 1000;
}

static bool at_rest(const struct sb_orchestrator *o, const struct sb_recovery_backup *b)
{
    int64_t age = o->recovery.at - b->from;
    return !sb_starts_with(b->kind, "mongodump") || age < 0 || age * o->facts.speed >= QUIET_S * 1000;
}

static void look_soon(struct sb_orchestrator *o, int64_t ms)
{
    int64_t at = sb_mono_ms() + ms;
    if (o->regard_again_ms > at)
        o->regard_again_ms = at;
}

/* The first that came, of those that can be used. */
static bool take_backup(struct sb_orchestrator *o, struct held_card *card, const struct sb_criterion *k, struct sb_watch_reading *r)
{
    const struct sb_recovery_backup *first = NULL;
    int64_t least = 0;
    for (size_t i = 0; i < o->recovery.backups_n; i++) {
        const struct sb_recovery_backup *b = &o->recovery.backups[i];
        int64_t s = b->usable && at_rest(o, b) ? seconds_behind(o, card, b->from) : -1;
        if (s >= 0 && (!first || s < least)) {
            first = b;
            least = s;
        }
    }
    if (!first) {
        look_soon(o, LOOK_AGAIN_MS);
        return false;
    }
    char words[64], at[SB_TIME_LEN + 1];
    sb_time_format(at, first->from);
    snprintf(words, sizeof words, "a backup of %s", at);
    note(r, k, least, false, words);
    return true;
}

/* Its time is over. What came until then is seen by a look that begins now; one that cannot be taken everywhere proves nothing. */
static bool miss_backup(struct sb_orchestrator *o, struct held_card *card, const struct sb_criterion *k, struct sb_watch_reading *r, int64_t gone)
{
    const char *blind = !o->opt.backups_n ? "the config names no place where backups lie" : NULL, *fault = NULL;
    if (!blind && !card->watch.look_wanted && !o->regarding) {
        card->watch.look_wanted = true;
        card->watch.looked_at = o->recovery.at;
        look_soon(o, 0);
    }
    if (!blind && (!card->watch.look_wanted || o->recovery.at == card->watch.looked_at)) {
        look_soon(o, LOOK_SOON_MS);
        return false;
    }
    if (!blind && o->recovery.unreadable_n)
        blind = "not every place where backups lie could be looked at";
    if (blind)
        return sb_str_set(&r->note, blind) == 0;
    for (size_t i = 0; i < o->recovery.backups_n && !fault; i++)
        if (!o->recovery.backups[i].usable && seconds_behind(o, card, o->recovery.backups[i].from) >= 0)
            fault = o->recovery.backups[i].fault;
    char *raw = fault ? sb_format("it has not come in time; what came cannot be used: %.200s", fault) : NULL;
    json_t *words = raw ? sb_o_words(raw) : NULL;
    note(r, k, gone, true, json_is_string(words) ? json_string_value(words) : "it has not come in time");
    json_decref(words);
    free(raw);
    return true;
}

/* ---- all of it ---- */

bool sb_o_look_for_events(struct sb_orchestrator *o, struct held_card *card)
{
    struct sb_card *c = &card->card;
    if (!events_of(c) || !sb_o_events_open(c) || make_room(c) || !know_opening(o, card))
        return false;
    bool news = look_at_new(o, card);
    int64_t gone = (sb_o_deployment_now(o) - c->report.opened_at) / 1000;
    for (size_t i = 0; i < c->watch.criteria_n; i++) {
        const struct sb_criterion *k = &c->watch.criteria[i];
        struct sb_watch_reading *r = &c->report.readings[i];
        if (!sb_criterion_is_event(k) || settled(r))
            continue;
        if (sb_criterion_is_backup(k)) {
            news |= take_backup(o, card, k, r) || (gone > k->limit + QUIET_S && miss_backup(o, card, k, r, gone));
        } else if (gone > k->limit) {
            note(r, k, gone, true, "it has not come in time");
            news = true;
        }
    }
    return news;
}

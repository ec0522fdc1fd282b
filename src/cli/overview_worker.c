/* SPDX-License-Identifier: Apache-2.0
 *
 * One thread: a look at the store when it tells of a change, or every two seconds where it does not, and what the opened deployment is asked in between. */
#include "overview_worker.h"

#include "store_look.h"

#include <signalbox/base/array.h>
#include <signalbox/base/clock.h>
#include <signalbox/bus/pool.h>
#include <signalbox/ledger/entry_code.h>
#include <signalbox/shared/view_read.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOK_MS 2000      /* between two looks */
#define LOOK_TOLD_MS 10000 /* and where the store tells: beats are not told */
#define GAP_MS 250        /* between two in any case, however much is told */
#define LATE_MS 60000
#define LISTENER_MS 1000     /* that the listener is given to end */
#define AUDIT_MOST 500

enum { MAIL_OPEN, MAIL_CLOSE, MAIL_ASK, MAIL_WAKE, MAIL_STOP };

/* What was told of a card or an incident of the opened deployment. */
struct told {
    char id[SB_STORE_ITEM_ID + 1];
    int64_t n;
    bool card, seen; /* seen: in the look that is going on */
};

/* A decision that its owner has not answered yet. */
struct pending {
    char nonce[65], card[SB_STORE_ITEM_ID + 1];
    int64_t seq;
    struct sb_queue *news; /* of the deployment that was open then; NULL: it was closed */
};

struct opened {
    char log[SB_LOG_ID_LEN + 1];
    struct sb_queue *news;
    int welcomed; /* whose copy it is was said: 1 a fresh one, 2 an old one; 0 not yet */
};

struct sb_overview_worker {
    pthread_t thread;
    struct sb_queue *asks, *snapshots;
    struct sb_store *store;
    struct sb_listener *listener; /* NULL: there is none, and the clock is all */
    atomic_bool waking;     /* its mail is on the way */
    const struct sb_viewer *viewer;
    struct opened open; /* news NULL: nothing is */
    struct told *told;
    size_t told_n;
    struct pending *pending;
    size_t pending_n;
    struct sb_overview_owner owner; /* of the opened one, as the last look had it; borrowed from nobody */
    int64_t now;
    char note[400];
    bool note_bad;
};

void sb_overview_snapshot_free(void *snapshot)
{
    struct sb_overview_snapshot *s = snapshot;
    sb_overview_release(&s->overview);
    free(s);
}

static void free_message(void *m)
{
    sb_message_free(m);
}

static void tell(struct sb_overview_worker *w, struct sb_message *m)
{
    if (m && w->open.news)
        sb_queue_post(w->open.news, 0, m, free_message);
    else
        sb_message_free(m);
}

static void answer(struct sb_queue *news, int64_t seq, bool ok, int status, const char *card, const char *fmt, ...) SB_PRINTF(6, 7);

static void answer(struct sb_queue *news, int64_t seq, bool ok, int status, const char *card, const char *fmt, ...)
{
    struct sb_message *m = sb_message_new(SB_NEWS_ANSWER, seq);
    struct sb_answer *a = m ? m->body : NULL;
    struct sb_str text;
    va_list ap;
    sb_str_init(&text);
    va_start(ap, fmt);
    sb_str_vaddf(&text, fmt, ap);
    va_end(ap);
    if (a && sb_str_set(&a->text, text.p ? text.p : "") == 0 && sb_str_set(&a->card, card) == 0) {
        a->ok = ok;
        a->status = status;
        sb_queue_post(news, 0, m, free_message);
    } else {
        sb_message_free(m);
    }
    sb_str_release(&text);
}

/* ---- the opened deployment ---- */

static void release_owner(struct sb_overview_owner *o)
{
    char *const all[] = {o->log, o->host, o->program, o->deployment, o->deployment_id, o->team, o->class_};
    for (size_t i = 0; i < SB_COUNT(all); i++)
        free(all[i]);
    memset(o, 0, sizeof *o);
}

static void note_owner(struct sb_overview_worker *w, const struct sb_overview *o)
{
    for (size_t i = 0; i < o->owners_n; i++) {
        const struct sb_overview_owner *from = &o->owners[i];
        if (!sb_streq(from->log, w->open.log))
            continue;
        struct sb_overview_owner fresh = {.environment = from->environment, .pid = from->pid, .beat = from->beat, .head = from->head, .draining = from->draining};
        if (sb_str_set(&fresh.log, from->log) || sb_str_set(&fresh.host, from->host) || sb_str_set(&fresh.program, from->program) || sb_str_set(&fresh.deployment, from->deployment) ||
            sb_str_set(&fresh.deployment_id, from->deployment_id) || sb_str_set(&fresh.team, from->team) || sb_str_set(&fresh.class_, from->class_)) {
            release_owner(&fresh);
            return;
        }
        release_owner(&w->owner);
        w->owner = fresh;
        return;
    }
}

static bool is_late(const struct sb_overview_worker *w)
{
    return !w->owner.beat || w->now - w->owner.beat > LATE_MS;
}

/* The line about the members says in their place whose copy this is, and how old. Where there is no room for it a message does, at the
 * beginning and when the copy grows old. */
static void tell_strip(struct sb_overview_worker *w, const char *wrong)
{
    const struct sb_overview_owner *o = &w->owner;
    struct sb_message *m = sb_message_new(SB_NEWS_STRIP, 0);
    struct sb_strip *s = m ? m->body : NULL;
    struct sb_str text;
    sb_str_init(&text);
    if (s) {
        s->wall = sb_wall_ms();
        s->ledger_head = o->head;
        s->ledger_ok = true;
        sb_str_addf(&text, "A copy out of the store: %s owns it (process %" PRId64 "%s); ", o->host ? o->host : "a host without a row", o->pid, o->draining ? ", draining" : "");
        if (wrong[0])
            sb_str_addf(&text, "the store cannot be read: %s", wrong);
        else if (o->beat)
            sb_str_addf(&text, "its last beat is %" PRId64 " s ago, at entry %" PRId64, w->now > o->beat ? (w->now - o->beat) / 1000 : 0, o->head);
        else
            sb_str_adds(&text, "it has not beaten");
        if (w->viewer->cannot)
            sb_str_addf(&text, ". You may not decide: %s", w->viewer->cannot);
        if (w->open.welcomed != (is_late(w) ? 2 : 1) && sb_str_ok(&text)) {
            struct sb_message *notice = sb_message_new(SB_NEWS_NOTICE, 0);
            if (notice && sb_str_set(&((struct sb_notice *)notice->body)->text, text.p) == 0)
                tell(w, notice);
            else
                sb_message_free(notice);
            w->open.welcomed = is_late(w) ? 2 : 1;
        }
        s->obstacle = wrong[0] ? SB_OBSTACLE_AWAY : SB_OBSTACLE_NONE;
        s->note = sb_str_take(&text);
    }
    sb_str_release(&text);
    tell(w, m);
}

static void tell_welcome(struct sb_overview_worker *w, int64_t seq)
{
    const struct sb_viewer *v = w->viewer;
    const struct sb_overview_owner *o = &w->owner;
    struct sb_message *m = sb_message_new(SB_NEWS_WELCOME, seq);
    struct sb_welcome *to = m ? m->body : NULL;
    int rc = to ? 0 : -1;
    if (to) {
        to->environment = o->environment;
        to->read_only = v->cannot != NULL;
        to->speed = 1;
        to->groups_known = true;
        char *name = sb_format("%s, a copy from %s", o->deployment ? o->deployment : "?", o->host ? o->host : "?");
        rc = !name || sb_str_set(&to->version, SIGNALBOX_VERSION) || sb_str_set(&to->deployment, name) || sb_str_set(&to->deployment_id, o->deployment_id) ||
             sb_str_set(&to->set_name, o->deployment) || sb_str_set(&to->actor, v->who) || sb_str_set(&to->policy, "that of its owner");
        free(name);
        for (size_t i = 0; rc == 0 && i < v->groups_n; i++)
            rc = sb_strs_push(&to->groups, &to->groups_n, v->groups[i]);
    }
    if (rc)
        sb_message_free(m);
    else
        tell(w, m);
}

static struct told *told_of(struct sb_overview_worker *w, const char *id, bool card)
{
    for (size_t i = 0; i < w->told_n; i++)
        if (w->told[i].card == card && strcmp(w->told[i].id, id) == 0)
            return &w->told[i];
    struct told *t = SB_PUSH(w->told);
    if (t) {
        *t = (struct told){.card = card};
        snprintf(t->id, sizeof t->id, "%s", id);
    }
    return t;
}

static void tell_card(struct sb_overview_worker *w, struct sb_card *c)
{
    struct sb_message *m = sb_message_new(SB_NEWS_CARD, 0);
    if (!m) {
        sb_card_release(c);
        return;
    }
    *(struct sb_card *)m->body = *c;
    tell(w, m);
}

static bool on_card(void *ctx, const struct sb_store_item_row *row)
{
    struct sb_overview_worker *w = ctx;
    struct sb_card c;
    struct told *t = told_of(w, row->id, true);
    if (!t)
        return false;
    t->seen = true;
    if (t->n == row->n || sb_overview_card_of(row, &c, NULL))
        return true; /* what is no card is counted on the page of all deployments */
    t->n = row->n;
    tell_card(w, &c);
    return true;
}

static bool on_incident(void *ctx, const struct sb_store_item_row *row)
{
    struct sb_overview_worker *w = ctx;
    struct sb_anomaly a;
    struct told *t = told_of(w, row->id, false);
    if (!t)
        return false;
    t->seen = true;
    if (t->n == row->n || sb_overview_incident_of(row, &a, NULL))
        return true;
    struct sb_message *m = sb_message_new(SB_NEWS_ANOMALY, 0);
    t->n = row->n;
    if (m)
        *(struct sb_anomaly *)m->body = a;
    else
        sb_anomaly_release(&a);
    tell(w, m);
    return true;
}

/* A card that was open and is not any more: it is told once, as it ended. */
static void tell_ended(struct sb_overview_worker *w, struct told *t)
{
    char of[SB_LOG_ID_LEN + 1];
    struct sb_card c;
    struct sb_err err = SB_ERR_INIT;
    int rc = t->card ? sb_store_card(w->store, w->open.log, t->id, of, &c, &err) : -1;
    if (rc == 0 || !t->card || err.code == SB_EINPUT)
        t->n = 0; /* else the store did not answer, or memory was short: the next look asks again */
    if (rc)
        return;
    char *said = c.hash; /* what is shown has the hash of its own bytes */
    c.hash = NULL;
    bool same = sb_card_seal(&c, &err) == 0 && sb_streq(said, c.hash);
    free(said);
    if (same)
        tell_card(w, &c);
    else
        sb_card_release(&c);
}

static void look_at_opened(struct sb_overview_worker *w)
{
    struct sb_err err = SB_ERR_INIT;
    for (size_t i = 0; i < w->told_n; i++)
        w->told[i].seen = false;
    int64_t cards = sb_store_cards(w->store, w->open.log, true, on_card, w, NULL, &err);
    int64_t incidents = cards < 0 ? -1 : sb_store_incidents(w->store, w->open.log, false, on_incident, w, NULL, &err);
    for (size_t i = 0; incidents >= 0 && i < w->told_n; i++)
        if (!w->told[i].seen && w->told[i].n)
            tell_ended(w, &w->told[i]);
    tell_strip(w, incidents < 0 ? err.msg : "");
}

/* ---- its record ---- */

struct paging {
    struct sb_audit_page *page;
    bool nomem;
};

static bool on_entry(void *ctx, const struct sb_store_entry_row *row)
{
    struct paging *p = ctx;
    struct sb_entry e;
    struct sb_audit_row *to = SB_PUSH(p->page->rows);
    int rc = to ? 0 : -1;
    if (to && sb_entry_decode(row->bytes, row->len, 2, &e, NULL) == 0) {
        rc = sb_entry_row(&e, to);
        sb_entry_release(&e);
    } else if (to) {
        rc = sb_str_set(&to->kind, "?") || sb_str_set(&to->actor, "?") || sb_str_set(&to->text, "of a kind that this program does not know") ? -1 : 0;
    }
    if (to) {
        to->seq = row->n;
        rc = rc || sb_str_set(&to->hash, row->hash) ? -1 : 0;
    }
    p->nomem |= rc != 0;
    return rc == 0;
}

static void tell_audit(struct sb_overview_worker *w, int64_t seq, const struct sb_audit_ask *ask)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_message *m = sb_message_new(SB_NEWS_AUDIT, seq);
    struct paging p = {.page = m ? m->body : NULL};
    int64_t limit = ask->limit < 1 ? 1 : ask->limit > AUDIT_MOST ? AUDIT_MOST : ask->limit, head = 0;
    int rc = m ? 0 : sb_fail_nomem(&err);
    if (rc == 0 && ask->match)
        rc = sb_fail(&err, SB_EPOLICY, "a copy is not searched from here: signalbox audit export --fleet, or its owner's console");
    if (rc == 0)
        rc = sb_store_head(w->store, w->open.log, &head, &err);
    int64_t to = ask->before ? ask->before - 1 : head, from = to > limit ? to - limit + 1 : 1;
    if (rc == 0 && to >= from)
        rc = sb_store_entries(w->store, w->open.log, from, to, on_entry, &p, NULL, &err) < 0 ? -1 : 0;
    if (rc == 0 && p.nomem)
        rc = sb_fail_nomem(&err);
    if (rc) {
        sb_message_free(m);
        answer(w->open.news, seq, false, 4, NULL, "%s", err.msg);
        return;
    }
    for (size_t i = 0; i < p.page->rows_n / 2; i++) { /* newest first */
        struct sb_audit_row swap = p.page->rows[i];
        p.page->rows[i] = p.page->rows[p.page->rows_n - 1 - i];
        p.page->rows[p.page->rows_n - 1 - i] = swap;
    }
    p.page->before = ask->before;
    p.page->head = head;
    p.page->at_start = from <= 1;
    tell(w, m);
}

/* ---- decisions ---- */

static void decide(struct sb_overview_worker *w, int64_t seq, bool approves, const struct sb_decision_on *d)
{
    struct sb_err err = SB_ERR_INIT;
    json_t *s = d->statement ? sb_json_parse(d->statement, strlen(d->statement), "the statement", SB_JSON_STRICT, &err) : NULL;
    const char *nonce = sb_json_str(s, "nonce"), *by = sb_json_str(s, "by");
    if (!d->statement || !d->signature)
        sb_fail(&err, SB_EPOLICY, "what is decided from here is signed, and the config names no signing_key");
    struct sb_store_approval a = {.nonce = (char *)(uintptr_t)nonce, .log = w->open.log, .card = d->card, .sha256 = d->hash, .revision = s ? sb_json_int(s, "rev") : 0,
                                  .what = (char *)(uintptr_t)(approves ? "approve" : "reject"), .statement = d->statement, .signature = d->signature, .by = (char *)(uintptr_t)by,
                                  .reason = approves ? NULL : d->reason, .target = d->target};
    struct pending *p = err.code == SB_OK ? SB_PUSH(w->pending) : NULL;
    if (err.code == SB_OK && !p)
        sb_fail_nomem(&err);
    if (p)
        *p = (struct pending){.seq = seq, .news = w->open.news};
    if (err.code == SB_OK && sb_store_approve(w->store, &a, &err) == 0) {
        struct sb_message *m = sb_message_new(SB_NEWS_NOTICE, 0);
        snprintf(p->nonce, sizeof p->nonce, "%s", nonce);
        snprintf(p->card, sizeof p->card, "%s", d->card);
        char *text = sb_format("%s: it is signed and in the store; its owner answers.", d->card);
        if (m)
            ((struct sb_notice *)m->body)->text = text;
        else
            free(text);
        tell(w, m);
    } else {
        w->pending_n -= p != NULL;
        answer(w->open.news, seq, false, 4, d->card, "%s: %s", d->card, err.msg);
    }
    json_decref(s);
}

static void look_for_answers(struct sb_overview_worker *w)
{
    for (size_t i = 0; i < w->pending_n;) {
        struct pending *p = &w->pending[i];
        struct sb_store_approval a;
        struct sb_err err = SB_ERR_INIT;
        int answered = sb_store_approval_read(w->store, p->nonce, &a, &err);
        if (answered > 0 && p->news && p->news == w->open.news)
            answer(p->news, p->seq, a.ok, a.ok ? 0 : 4, p->card, a.ok ? "%s: its owner took it: %s" : "%s: its owner refused it: %s", p->card, a.why ? a.why : "it gave no reason");
        else if (answered > 0) {
            snprintf(w->note, sizeof w->note, "%s: its owner %s: %s", p->card, a.ok ? "took it" : "refused it", a.why ? a.why : "it gave no reason");
            w->note_bad = !a.ok;
        }
        sb_store_approval_release(&a);
        if (answered > 0)
            *p = w->pending[--w->pending_n];
        else
            i++;
    }
}

/* ---- asks ---- */

static void take_ask(struct sb_overview_worker *w, const struct sb_message *m)
{
    const char *host = w->owner.host ? w->owner.host : "its host";
    switch (m->type) {
    case SB_ASK_HELLO:
        tell_welcome(w, m->seq);
        look_at_opened(w);
        break;
    case SB_ASK_AUDIT: tell_audit(w, m->seq, m->body); break;
    case SB_ASK_APPROVE: case SB_ASK_REJECT: decide(w, m->seq, m->type == SB_ASK_APPROVE, m->body); break;
    case SB_ASK_LOOK: case SB_ASK_CASE: answer(w->open.news, m->seq, true, 0, NULL, "%s", ""); break; /* a copy has neither: nothing is to be said each time */
    case SB_ASK_BYE: break;
    case SB_NEWS_DOCTOR: tell(w, sb_message_copy_of(m->type, 0, m->body)); break;
    default: answer(w->open.news, m->seq, false, 4, NULL, "This is a copy: only the console on %s does that.", host); break;
    }
}

static void close_opened(struct sb_overview_worker *w)
{
    struct sb_queue *news = w->open.news;
    for (size_t i = 0; i < w->pending_n; i++)
        if (w->pending[i].news == news)
            w->pending[i].news = NULL;
    w->told_n = 0;
    w->open.news = NULL;
    if (news)
        sb_queue_free(news);
}

/* ---- the thread ---- */

static void look(struct sb_overview_worker *w)
{
    struct sb_overview_snapshot *s = calloc(1, sizeof *s);
    struct sb_err err = SB_ERR_INIT;
    const char *why;
    if (!s)
        return;
    enum sb_store_state state = sb_store_check(w->store, NULL, &why);
    if (state != SB_STORE_WELL)
        snprintf(s->wrong, sizeof s->wrong, "%s", why);
    if ((state == SB_STORE_WELL || state == SB_STORE_HELD) && sb_overview_read(w->store, w->viewer, &s->overview, &err) == 0) {
        s->read = true;
        w->now = s->overview.now;
        note_owner(w, &s->overview);
        look_for_answers(w);
    } else if (!s->wrong[0]) {
        snprintf(s->wrong, sizeof s->wrong, "%s", err.msg);
    }
    s->read_ms = sb_wall_ms();
    memcpy(s->note, w->note, sizeof s->note);
    s->note_bad = w->note_bad;
    w->note[0] = '\0';
    if (w->open.news && s->read)
        look_at_opened(w);
    else if (w->open.news)
        tell_strip(w, s->wrong);
    sb_queue_post(w->snapshots, 0, s, sb_overview_snapshot_free);
}

/* On the listener's thread. */
static void wake(void *ctx)
{
    struct sb_overview_worker *w = ctx;
    if (!atomic_exchange(&w->waking, true))
        sb_queue_post(w->asks, MAIL_WAKE, NULL, NULL);
}

static int64_t after_look(const struct sb_overview_worker *w)
{
    return sb_mono_ms() + (w->listener && sb_listener_tells(w->listener) ? LOOK_TOLD_MS : LOOK_MS);
}

static void *run(void *ctx)
{
    struct sb_overview_worker *w = ctx;
    int64_t next = sb_mono_ms(), last = next - GAP_MS;
    for (bool stops = false; !stops;) {
        struct sb_mail mail;
        int64_t left = next - sb_mono_ms();
        bool got = sb_queue_wait(w->asks, &mail, (int)(left > 0 ? left : 0));
        if (got && mail.kind == MAIL_STOP) {
            stops = true;
        } else if (got && mail.kind == MAIL_OPEN) {
            w->open = *(struct opened *)mail.payload;
            free(mail.payload);
            release_owner(&w->owner);
            look(w); /* a fresh one: whose it is is known by the time that it says hello */
            last = sb_mono_ms();
            next = after_look(w);
        } else if (got && mail.kind == MAIL_WAKE) {
            atomic_store(&w->waking, false);
            next = last + GAP_MS < next ? last + GAP_MS : next;
        } else if (got && mail.kind == MAIL_CLOSE) {
            close_opened(w);
        } else if (got) {
            if (w->open.news)
                take_ask(w, mail.payload);
            sb_message_free(mail.payload);
        }
        if (!stops && sb_mono_ms() >= next) {
            look(w);
            last = sb_mono_ms();
            next = after_look(w);
        }
    }
    return NULL;
}

struct sb_overview_worker *sb_overview_worker_start(struct sb_store *s, const struct sb_viewer *v, const struct sb_config *config, struct sb_err *err)
{
    struct sb_overview_worker *w = calloc(1, sizeof *w);
    int rc = w ? 0 : sb_fail_nomem(err);
    if (w) {
        w->store = s;
        w->viewer = v;
        w->asks = sb_queue_new(16, err);
        w->snapshots = w->asks ? sb_queue_new(16, err) : NULL;
        rc = w->snapshots ? 0 : -1;
        struct sb_err none = SB_ERR_INIT;
        w->listener = rc == 0 ? sb_store_listener_at_hand(config, wake, w, &none) : NULL;
    }
    if (rc == 0 && sb_thread_start(&w->thread, run, w, "store", err) == 0)
        return w;
    if (w && !sb_listener_halt(w->listener, LISTENER_MS)) /* it goes on to use w */
        return NULL;
    if (w)
        sb_listener_free(w->listener);
    if (w && w->asks)
        sb_queue_free(w->asks);
    if (w && w->snapshots)
        sb_queue_free(w->snapshots);
    free(w);
    sb_store_close(s);
    return NULL;
}

bool sb_overview_worker_stop(struct sb_overview_worker *w, int64_t grace_ms)
{
    struct timespec until;
    sb_queue_post(w->asks, MAIL_STOP, NULL, NULL);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += grace_ms / 1000;
    if (pthread_timedjoin_np(w->thread, NULL, &until) || !sb_listener_halt(w->listener, LISTENER_MS))
        return false;
    sb_listener_free(w->listener);
    close_opened(w);
    sb_store_close(w->store);
    sb_queue_free(w->asks);
    sb_queue_free(w->snapshots);
    release_owner(&w->owner);
    free(w->told);
    free(w->pending);
    free(w);
    return true;
}

struct sb_queue *sb_overview_worker_snapshots(struct sb_overview_worker *w)
{
    return w->snapshots;
}

void sb_overview_worker_open(struct sb_overview_worker *w, const struct sb_overview_owner *owner, struct sb_queue *news)
{
    struct opened *o = calloc(1, sizeof *o);
    if (!o)
        return;
    snprintf(o->log, sizeof o->log, "%s", owner->log);
    o->news = news;
    sb_queue_post(w->asks, MAIL_OPEN, o, free);
}

void sb_overview_worker_close(struct sb_overview_worker *w)
{
    sb_queue_post(w->asks, MAIL_CLOSE, NULL, NULL);
}

void sb_overview_worker_ask(void *worker, struct sb_message *m)
{
    struct sb_overview_worker *w = worker;
    sb_queue_post(w->asks, MAIL_ASK, m, free_message);
}

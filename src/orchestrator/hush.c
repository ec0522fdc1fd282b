/* SPDX-License-Identifier: Apache-2.0
 *
 * What people say about anomalies: that one is taken, what they think of it, what they note, and what is not to be announced for a
 * while. All of it goes on the record first; what is in force follows from the entries, also after a restart. */
#include "private.h"

#include <signalbox/agents/anomaly_detector.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PIECE 10000         /* entries that are looked through at a time */
#define WEEK_MIN (7 * 24 * 60)

void sb_o_tell_hushes(struct sb_orchestrator *o, int64_t seat)
{
    if (seat)
        sb_o_tell(o, seat, sb_message_copy_of(SB_NEWS_HUSHES, 0, &o->hushes));
    else
        sb_o_tell_all(o, SB_NEWS_HUSHES, &o->hushes);
}

static void drop(struct sb_orchestrator *o, size_t i)
{
    sb_record_release(&sb_hush_schema, &o->hushes.list[i]);
    memmove(&o->hushes.list[i], &o->hushes.list[i + 1], (o->hushes.list_n - i - 1) * sizeof *o->hushes.list);
    o->hushes.list_n--;
}

/* Takes the content. */
static int put(struct sb_orchestrator *o, struct sb_hush *h)
{
    struct sb_hush *slot = SB_PUSH(o->hushes.list);
    if (!slot)
        return -1;
    *slot = *h;
    return 0;
}

static size_t find(const struct sb_orchestrator *o, const char *id)
{
    size_t i = 0;
    while (i < o->hushes.list_n && !sb_streq(o->hushes.list[i].id, id))
        i++;
    return i;
}

void sb_o_tick_hushes(struct sb_orchestrator *o)
{
    int64_t now = sb_origin_wall_ms(o->opt.origin);
    bool any = false;
    for (size_t i = o->hushes.list_n; i-- > 0;)
        if (now >= o->hushes.list[i].until) {
            if (o->hushes.list[i].kind == SB_HUSH_BLACKOUT)
                sb_o_notice(o, SB_LOW, "The blackout %s is over: %s", o->hushes.list[i].id, o->hushes.list[i].reason ? o->hushes.list[i].reason : "");
            drop(o, i);
            any = true;
        }
    if (any)
        sb_o_tell_hushes(o, 0);
}

/* ---- after a start ---- */

static int take_entry(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct sb_orchestrator *o = ctx;
    struct sb_hush h;
    (void)bytes;
    (void)n;
    if (!sb_streq(e->plan.deployment, o->deployment))
        return 0;
    if (e->kind == SB_ENTRY_HUSH && sb_record_from_json(&sb_hush_schema, &h, json_object_get(e->body, "hush"), err) == 0) {
        if (h.until > sb_origin_wall_ms(o->opt.origin) && o->hushes.list_n < SB_HUSHES_MOST && put(o, &h) == 0)
            return 0;
        sb_record_release(&sb_hush_schema, &h);
    } else if (e->kind == SB_ENTRY_HUSH_END) {
        size_t i = find(o, sb_json_str(e->body, "id"));
        if (i < o->hushes.list_n)
            drop(o, i);
    } else if (e->kind == SB_ENTRY_ANOMALY) {
        struct sb_anomaly a;
        if (sb_record_from_json(&sb_anomaly_schema, &a, json_object_get(e->body, "anomaly"), NULL) == 0) {
            sb_o_ended(o, &a);
            sb_anomaly_release(&a);
        }
    }
    return 0;
}

/* Nothing is in force longer than a week, so no older entry matters: the first of a piece says how far back that is. */
static int64_t first_that_matters(struct sb_orchestrator *o)
{
    int64_t from = sb_ledger_head(o->ledger) + 1, oldest = sb_origin_wall_ms(o->opt.origin) - SB_HUSH_MOST_MS;
    struct sb_entry e;
    bool older = false;
    while (from > 1 && !older) {
        from = from > PIECE ? from - PIECE : 1;
        if (sb_ledger_entry(o->ledger, from, &e, NULL))
            break;
        older = e.ts < oldest;
        sb_entry_release(&e);
    }
    return from;
}

struct named {
    int64_t *seqs;
    size_t seqs_n;
};

/* Of a million entries hardly one is of these kinds: they are told by their bytes. */
static int note_named(void *ctx, int64_t seq, const char *bytes, size_t n, struct sb_err *err)
{
    static const char hush[] = "\"kind\":\"hush" /* and hush.end */, anomaly[] = "\"kind\":\"anomaly\"", ended[] = "\"to\":\"";
    struct named *named = ctx;
    if (!memmem(bytes, n, hush, sizeof hush - 1) && !(memmem(bytes, n, anomaly, sizeof anomaly - 1) && memmem(bytes, n, ended, sizeof ended - 1)))
        return 0;
    int64_t *slot = SB_PUSH(named->seqs);
    if (!slot)
        return sb_fail_nomem(err);
    *slot = seq;
    return 0;
}

int sb_o_load_hushes(struct sb_orchestrator *o, struct sb_err *err)
{
    struct named named = {NULL, 0};
    int64_t from = first_that_matters(o), head = sb_ledger_head(o->ledger);
    int rc = from > head ? 0 : sb_ledger_bytes(o->ledger, from, head, note_named, &named, err);
    for (size_t i = 0; rc == 0 && i < named.seqs_n; i++)
        rc = sb_ledger_range(o->ledger, named.seqs[i], named.seqs[i], take_entry, o, err);
    free(named.seqs);
    return rc;
}

/* ---- what is said ---- */

/* What has ended may be a night's job, of which the next ones are learned. */
void sb_o_ended(struct sb_orchestrator *o, const struct sb_anomaly *a)
{
    if (a->to && sb_habits_learn(&o->habits, a))
        sb_o_notice(o, SB_LOW, "Out of memory: %s is not remembered as one that came at its hour.", a->id);
}

static bool called_useful(const struct sb_orchestrator *o, const struct sb_anomaly *a, int64_t now)
{
    struct sb_str like;
    bool useful = false;
    sb_str_init(&like);
    sb_anomaly_likeness(a, &like);
    for (size_t i = 0; i < o->hushes.list_n; i++)
        useful |= o->hushes.list[i].kind == SB_HUSH_USEFUL && now < o->hushes.list[i].until && sb_streq(o->hushes.list[i].like, like.p);
    sb_str_release(&like);
    return useful;
}

/* Nobody has asked for quiet: a nightly job that was learned, or a rule of alarms that was lowered to advice. */
static char *habit_or_advice(struct sb_orchestrator *o, const struct sb_anomaly *a, int64_t now, int64_t window)
{
    if (called_useful(o, a, now))
        return NULL;
    char *habit = sb_habits_hush(&o->habits, a, o->have_strip ? sb_o_deployment_now(o) : a->detected_at, window);
    return habit || sb_anomaly_must_speak(a, window) ? habit : sb_o_alarm_is_advice(o, a);
}

/* What is quiet about it, in words that go into its record; NULL: it is announced, or memory ran out. */
char *sb_o_hushed(struct sb_orchestrator *o, const struct sb_anomaly *a)
{
    const struct survey *s = sb_o_survey(o);
    int64_t now = sb_origin_wall_ms(o->opt.origin), window = s ? s->oplog_window_s : -1;
    const struct sb_hush *h = sb_hushed_by(&o->hushes, a, now, window);
    struct sb_str text;
    if (!h)
        return habit_or_advice(o, a, now, window);
    sb_str_init(&text);
    sb_hush_text(h, &text);
    return sb_str_take(&text);
}

static int begin(struct sb_orchestrator *o, const struct seat *s, struct sb_hush *h, struct held_anomaly *a, struct sb_err *err)
{
    struct sb_str said;
    h->id = sb_format("H-%" PRId64, sb_ledger_head(o->ledger) + 1);
    sb_str_init(&said);
    if (!h->id || sb_str_set(&h->by, s->actor.principal)) {
        sb_fail_nomem(err);
        return -1;
    }
    sb_hush_text(h, &said);
    json_t *json = sb_record_to_json(&sb_hush_schema, h), *words = sb_o_words(said.p);
    int rc = sb_o_record(o, SB_ENTRY_HUSH, &s->actor, a ? &(struct refs){.anomaly = a} : NULL, json && words ? json_pack("{s:o,s:o}", "hush", json, "said", words) : NULL, err);
    sb_str_release(&said);
    if (rc == 0 && put(o, h))
        sb_o_notice(o, SB_MEDIUM, "%s is on the record and not in force: out of memory. It is after the next start.", h->id);
    return rc;
}

static int end(struct sb_orchestrator *o, const struct seat *s, size_t i, const char *reason, struct sb_err *err)
{
    struct held_anomaly *a = sb_o_anomaly(o, o->hushes.list[i].anomaly);
    if (sb_o_record(o, SB_ENTRY_HUSH_END, &s->actor, a ? &(struct refs){.anomaly = a} : NULL,
                    json_pack("{s:s,s:o}", "id", o->hushes.list[i].id, "reason", sb_o_words(reason && reason[0] ? reason : "taken back")), err))
        return -1;
    drop(o, i);
    return 0;
}

static int64_t span_of(int64_t minutes)
{
    return (minutes <= 0 || minutes > WEEK_MIN ? WEEK_MIN : minutes) * 60000;
}

/* Of one anomaly only the last word counts. */
static int forget(struct sb_orchestrator *o, const struct seat *s, const char *anomaly, const char *why, struct sb_err *err)
{
    int n = 0;
    for (size_t i = o->hushes.list_n; i-- > 0;)
        if (sb_streq(o->hushes.list[i].anomaly, anomaly)) {
            if (end(o, s, i, why, err))
                return -1;
            n++;
        }
    return n;
}

void sb_o_feedback(struct sb_orchestrator *o, int64_t seat, const struct sb_message *m)
{
    const struct seat *s = sb_o_seat(o, seat);
    const struct sb_feedback *f = m->body;
    struct held_anomaly *a = sb_o_anomaly(o, f->anomaly);
    struct sb_err err = SB_ERR_INIT;
    struct sb_hush h = {.kind = f->mark, .from = sb_origin_wall_ms(o->opt.origin)};
    struct sb_str like;
    sb_str_init(&like);
    h.until = h.from + span_of(f->minutes);
    if (!a)
        sb_fail(&err, SB_EINPUT, "there is no anomaly of this number");
    else if (f->mark == SB_HUSH_BLACKOUT)
        sb_fail(&err, SB_EINPUT, "an anomaly is useful, noise or known");
    else if (o->hushes.list_n >= SB_HUSHES_MOST)
        sb_fail(&err, SB_EINPUT, "%d blackouts and judgements are in force: that is the most", SB_HUSHES_MOST);
    else {
        sb_anomaly_likeness(&a->anomaly, &like);
        h.severity = a->anomaly.severity;
        if (sb_str_set(&h.like, like.p) || sb_str_set(&h.anomaly, a->anomaly.id) || sb_str_set(&h.reason, f->reason))
            sb_fail_nomem(&err);
        else if (forget(o, s, a->anomaly.id, "judged anew", &err) >= 0 && begin(o, s, &h, a, &err) == 0) {
            struct sb_err unseen = SB_ERR_INIT;
            memset(&h, 0, sizeof h); /* it is held */
            if (sb_o_review_alarms(o, a, &unseen)) /* what was said stands; it is counted again at the next */
                sb_o_notice(o, SB_MEDIUM, "What was said of other alarms cannot be counted: %s", unseen.msg);
        }
    }
    sb_o_tell_hushes(o, 0);
    sb_o_answer(o, seat, m->seq, &err, NULL, NULL,
                f->mark == SB_HUSH_USEFUL ? "%s was useful: others like it are announced whatever is said of them." : "%s is judged: others like it stay quiet for a while, unless they are worse.",
                f->anomaly);
    sb_record_release(&sb_hush_schema, &h);
    sb_str_release(&like);
}

static int check_blackout(const struct sb_orchestrator *o, const struct sb_hush *h, int64_t now, struct sb_err *err)
{
    if (!h->reason || !h->reason[strspn(h->reason, " \t")])
        return sb_fail(err, SB_EINPUT, "a blackout has a reason");
    if (strlen(h->reason) > SB_REMARK_MOST || (h->ns && (strlen(h->ns) > 255 || h->ns[0] == '.')) || (h->member && strlen(h->member) > 255))
        return sb_fail(err, SB_EINPUT, "a blackout's reason has at most %d bytes, its scope is db, db.collection or host:port", SB_REMARK_MOST);
    if (h->until <= now || h->until - now > SB_HUSH_MOST_MS)
        return sb_fail(err, SB_EINPUT, "a blackout ends within a week from now");
    if (o->hushes.list_n >= SB_HUSHES_MOST)
        return sb_fail(err, SB_EINPUT, "%d blackouts and judgements are in force: that is the most", SB_HUSHES_MOST);
    return 0;
}

void sb_o_blackout(struct sb_orchestrator *o, int64_t seat, const struct sb_message *m)
{
    const struct seat *s = sb_o_seat(o, seat);
    const struct sb_hush *asked = m->body;
    struct sb_err err = SB_ERR_INIT;
    struct sb_hush h = {.kind = SB_HUSH_BLACKOUT, .from = sb_origin_wall_ms(o->opt.origin), .until = asked->until};
    char *id = NULL;
    if (check_blackout(o, asked, h.from, &err) == 0) {
        if (sb_str_set(&h.reason, asked->reason) || sb_str_set(&h.ns, asked->ns) || sb_str_set(&h.member, asked->member)) {
            sb_fail_nomem(&err);
        } else if (begin(o, s, &h, NULL, &err) == 0) {
            id = sb_format("%s", o->hushes.list[o->hushes.list_n - 1].id);
            memset(&h, 0, sizeof h);
        }
    }
    sb_o_tell_hushes(o, 0);
    sb_o_answer(o, seat, m->seq, &err, NULL, NULL, "Blackout %s: anomalies of %s are recorded and not announced.", id ? id : "",
                asked->ns ? asked->ns : asked->member ? asked->member : "everything");
    sb_record_release(&sb_hush_schema, &h);
    free(id);
}

void sb_o_lift(struct sb_orchestrator *o, int64_t seat, const struct sb_message *m)
{
    const struct seat *s = sb_o_seat(o, seat);
    const struct sb_remark_on *r = m->body;
    struct sb_err err = SB_ERR_INIT;
    size_t i = find(o, r->id);
    int n = i < o->hushes.list_n ? (end(o, s, i, r->text, &err) ? -1 : 1) : forget(o, s, r->id, r->text, &err);
    if (n == 0)
        sb_fail(&err, SB_EINPUT, "there is no blackout and no judgement %s in force", r->id);
    sb_o_tell_hushes(o, 0);
    sb_o_answer(o, seat, m->seq, &err, NULL, NULL, "%s is no longer in force.", r->id);
}

void sb_o_remark(struct sb_orchestrator *o, int64_t seat, const struct sb_message *m)
{
    const struct seat *s = sb_o_seat(o, seat);
    const struct sb_remark_on *r = m->body;
    struct held_anomaly *a = sb_o_anomaly(o, r->id);
    struct held_card *c = a ? NULL : sb_o_card(o, r->id);
    struct sb_err err = SB_ERR_INIT;
    char at[SB_TIME_LEN + 1];
    sb_time_format(at, sb_origin_wall_ms(o->opt.origin));
    if (!a && !c)
        sb_fail(&err, SB_EINPUT, "there is no anomaly and no card of this number");
    else if (!r->text || !r->text[strspn(r->text, " \t\r\n")])
        sb_fail(&err, SB_EINPUT, "an empty note");
    else if (strlen(r->text) > SB_REMARK_MOST)
        sb_fail(&err, SB_EINPUT, "a note has at most %d bytes", SB_REMARK_MOST);
    else
        sb_o_record(o, SB_ENTRY_REMARK, &s->actor, &(struct refs){.anomaly = a, .card = c},
                    json_pack("{s:{s:s,s:o,s:o}}", "remark", "at", at, "by", sb_o_words(s->actor.principal), "text", sb_o_words(r->text)), &err);
    sb_o_answer(o, seat, m->seq, &err, NULL, NULL, "Noted on %s.", r->id);
}

/* ---- levels for the trends ---- */

struct levels_told {
    struct sb_view_call call;
    struct sb_orchestrator *o;
    double disk_used, oplog_h; /* NAN not known */
};

static void tell_levels(void *p, const struct sb_view *view)
{
    struct levels_told *l = p;
    int64_t now = sb_view_now(view);
    sb_detector_level(l->o->detector, SB_LIMIT_DISK, "", now, l->disk_used);
    sb_detector_level(l->o->detector, SB_LIMIT_OPLOG, "", now, l->oplog_h);
    free(l);
}

void sb_o_tell_levels(struct sb_orchestrator *o, const struct survey *s)
{
    struct levels_told *l = o->telemetry ? malloc(sizeof *l) : NULL;
    if (!l)
        return;
    *l = (struct levels_told){.o = o, .disk_used = s->disk_free_ppm >= 0 ? 100 - (double)s->disk_free_ppm / 1e4 : NAN,
                              .oplog_h = s->oplog_window_s >= 0 ? (double)s->oplog_window_s / 3600 : NAN};
    sb_telemetry_call(o->telemetry, &l->call, tell_levels, l, free);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Reports that are asked for: by a screen, as a page; in words or by a schedule, as a file in the state folder that says what was, and
 * an entry that hooks are told of. A worker goes through the record, with a handle of its own; nothing waits for it. */
#include "private.h"

#include <signalbox/base/file.h>
#include <signalbox/orchestrator/report.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)
#define TEXT_MOST 60000 /* bytes of a report's text */

struct gathering {
    struct sb_orchestrator *o;
    struct errand way;
    char *dir, *case_id; /* case_id NULL: a screen asked */
    bool simulated;
    int64_t now, split;  /* split: a screen's, the moment that divides it; 0: none */
    int64_t from, days;  /* a case's: since when it tells, and how many days that are */
    struct sb_report_page page;
    struct sb_err err;
};

static void free_gathering(void *p)
{
    struct gathering *g = p;
    free(g->dir);
    free(g->case_id);
    sb_record_release(&sb_report_page_schema, &g->page);
    free(g);
}

static bool go_on(void *ctx, int64_t done, int64_t total)
{
    const struct gathering *g = ctx;
    (void)done;
    (void)total;
    return !atomic_load(&g->o->hooks_give_up); /* this program ends */
}

static void back(struct sb_orchestrator *o, void *p);

static void gather(void *p)
{
    struct gathering *g = p;
    struct sb_report_span spans[2] = {{g->from, g->split, g->simulated, g->now}, {g->split, 0, g->simulated, g->now}};
    size_t n = g->split ? 2 : 1;
    struct sb_report of[2];
    memset(of, 0, sizeof of);
    struct sb_ledger *l = sb_ledger_open(g->dir, SB_LEDGER_READ, NULL, &g->err);
    if (l && sb_report_gather(l, spans, of, n, &(struct sb_report_progress){go_on, g}, &g->err) == 0 && sb_report_page_of(of, n, g->now, g->split, g->simulated, &g->page, &g->err))
        memset(&g->page, 0, sizeof g->page);
    for (size_t i = 0; i < n; i++)
        sb_report_release(&of[i]);
    sb_ledger_close(l);
    sb_o_post_done(g->o, &g->way, back, g, free_gathering);
}

/* ---- as a file ---- */

/* What comes from outside as printable ASCII, so that no viewer is led astray. */
static void add_plain(struct sb_str *out, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)(text ? text : ""); *p; p++)
        if (*p >= 0x20 && *p < 0x7f)
            sb_str_addc(out, (char)*p);
        else
            sb_str_addf(out, "\\x%02x", *p);
}

static void add_item(struct sb_str *out, const char *text)
{
    sb_str_adds(out, "- ");
    add_plain(out, text);
    sb_str_addc(out, '\n');
}

static void add_phases(struct sb_str *out, const struct sb_report_page *p)
{
    char middle[32], low[32], high[32];
    for (size_t i = 0; i < p->rows_n; i++) {
        const struct sb_report_row *r = &p->rows[i];
        if (!r->n)
            continue;
        sb_duration_format(middle, sizeof middle, r->median);
        sb_duration_format(low, sizeof low, r->low);
        sb_duration_format(high, sizeof high, r->high);
        sb_str_addf(out, "- %s: %s", r->what, middle);
        if (r->bounded)
            sb_str_addf(out, " (with 95 %% between %s and %s)", low, high);
        sb_str_addf(out, ", of %" PRId64 "\n", r->n);
    }
}

static void add_agents(struct sb_str *out, const struct sb_report_page *p)
{
    for (size_t i = 0; i < p->cards_n; i++) {
        const struct sb_report_card *c = &p->cards[i];
        sb_str_adds(out, "- ");
        add_plain(out, c->author);
        sb_str_addf(out, ", %s: %" PRId64 " proposed, %" PRId64 " accepted, %" PRId64 " edited, %" PRId64 " rejected, %" PRId64 " taken back\n", c->kind, c->proposed, c->accepted, c->edited,
                    c->rejected, c->reversed);
        for (size_t k = 0; k < c->notes_n; k++) {
            sb_str_adds(out, "  ");
            add_item(out, c->notes[k]);
        }
    }
    for (size_t i = 0; i < p->alarms_n; i++) {
        const struct sb_report_alarm *a = &p->alarms[i];
        sb_str_adds(out, "- alarms of ");
        add_plain(out, a->rule);
        sb_str_addf(out, ": %" PRId64 " told, %" PRId64 " quiet; people called %" PRId64 " useful, %" PRId64 " known, %" PRId64 " noise\n", a->told, a->quiet, a->useful, a->known, a->noise);
    }
    for (size_t i = 0; i < p->lowered_n; i++)
        add_item(out, p->lowered[i]);
    if (!p->cards_n && !p->alarms_n)
        sb_str_adds(out, "- none proposed or announced anything\n");
}

static void add_open(struct sb_str *out, const struct sb_orchestrator *o)
{
    size_t n = 0;
    for (size_t i = 0; i < o->anomalies_n; i++) {
        const struct sb_anomaly *a = &o->anomalies[i]->anomaly;
        if (a->to)
            continue;
        sb_str_addf(out, "- %s%s: ", a->id, a->trend ? " (a trend)" : a->hushed ? " (quiet)" : "");
        add_plain(out, a->title);
        sb_str_addc(out, '\n');
        n++;
    }
    for (size_t i = 0; i < o->cards_n; i++) {
        const struct sb_card *c = &o->cards[i]->card;
        if (!sb_card_open(c))
            continue;
        sb_str_addf(out, "- %s is %s: ", c->id, sb_name(&sb_states, c->state));
        add_plain(out, c->title);
        sb_str_addc(out, '\n');
        n++;
    }
    if (o->resting_n)
        sb_str_addf(out, "- and %zu older open cards\n", o->resting_n);
    if (!n && !o->resting_n)
        sb_str_adds(out, "- nothing\n");
}

static void add_recovery(struct sb_str *out, const struct sb_recovery *r)
{
    if (!r->at) {
        sb_str_adds(out, "- not looked at yet\n");
        return;
    }
    if (r->why)
        add_item(out, r->why);
    for (size_t i = 0; i < r->goals_n; i++) {
        const struct sb_recovery_goal *g = &r->goals[i];
        sb_str_addf(out, "- %s: ", g->name);
        add_plain(out, g->value ? g->value : "not known");
        sb_str_addf(out, "%s%s, %s\n", g->limit ? ", limit " : "", g->limit ? g->limit : "", sb_name(&sb_goal_states, g->state));
    }
}

/* NULL out of memory. */
static char *write_text(struct sb_orchestrator *o, const struct gathering *g)
{
    const struct sb_report_side *side = &g->page.sides[0];
    char from[SB_TIME_LEN + 1], to[SB_TIME_LEN + 1], waited[32];
    struct sb_str s;
    sb_str_init(&s);
    sb_time_format(from, g->from);
    sb_time_format(to, g->now);
    sb_duration_format(waited, sizeof waited, side->queued_ms);
    sb_str_adds(&s, "# ");
    add_plain(&s, o->deployment);
    sb_str_addf(&s, "%s: from %.16sZ to %.16sZ\n\n", g->simulated ? " (SIMULATED)" : "", from, to);
    char *status = sb_o_status(o);
    add_plain(&s, status ? status : "its state is not known: out of memory");
    free(status);
    sb_str_addf(&s, "\n\n## What happened\n\n- incidents: %" PRId64 "\n- changes carried out: %" PRId64 ", %" PRId64 " went wrong\n- cards waited %s for approvals, all together\n- restore drills: %" PRId64 ", %" PRId64 " passed\n", side->incidents,
                side->executed, side->gone_wrong, waited, side->drills, side->drills_passed);
    add_phases(&s, &g->page);
    sb_str_adds(&s, "\n## Open\n\n");
    add_open(&s, o);
    sb_str_adds(&s, "\n## What could be brought back\n\n");
    add_recovery(&s, &o->recovery);
    sb_str_adds(&s, "\n## The specialists\n\n");
    add_agents(&s, &g->page);
    if (s.len > TEXT_MOST) {
        sb_str_truncate(&s, TEXT_MOST);
        sb_str_adds(&s, "\n(cut off here)\n");
    }
    return sb_str_take(&s);
}

/* "reports/2026-11-26-0700-K-000012.md" in the state folder. */
static char *write_file(const struct sb_orchestrator *o, const struct gathering *g, const char *text, struct sb_err *err)
{
    char at[SB_TIME_LEN + 1];
    sb_time_format(at, g->now);
    char *dir = sb_format("%s/reports", o->opt.state_dir), *path = dir ? sb_format("%s/%.10s-%.2s%.2s-%s.md", dir, at, at + 11, at + 14, g->case_id) : NULL;
    if (!path)
        sb_fail_nomem(err);
    else if (sb_dir_make(dir, 0700, err) || sb_file_write(path, 0600, text, strlen(text), err)) {
        free(path);
        path = NULL;
    }
    free(dir);
    return path;
}

static char *answer(const struct gathering *g, const char *path)
{
    const struct sb_report_side *s = &g->page.sides[0];
    int64_t proposed = 0, accepted = 0, rejected = 0;
    for (size_t i = 0; i < g->page.cards_n; i++) {
        proposed += g->page.cards[i].proposed;
        accepted += g->page.cards[i].accepted;
        rejected += g->page.cards[i].rejected;
    }
    return sb_format("In the last %" PRId64 " %s: incidents %" PRId64 "; changes carried out %" PRId64 ", gone wrong %" PRId64 "; cards proposed %" PRId64 ", accepted %" PRId64 ", rejected %" PRId64
                     ". All of it: %s",
                     g->days, g->days == 1 ? "day" : "days", s->incidents, s->executed, s->gone_wrong, proposed, accepted, rejected, path);
}

/* On the record, with what is told: a hook of the event `report` gets it whole. */
static char *finish(struct sb_orchestrator *o, struct held_case *c, const struct gathering *g, struct sb_err *err)
{
    struct sb_hash hash;
    char hex[SB_HEX_LEN + 1] = "", *said = NULL, *text = write_text(o, g), *path = text ? write_file(o, g, text, err) : NULL;
    if (!text)
        sb_fail_nomem(err);
    if (path && sb_hash_slices(&hash, &(struct sb_slice){text, strlen(text)}, 1, err) == 0 && (said = answer(g, path))) {
        sb_hex_encode(hex, hash.bytes, SB_HASH_LEN);
        if (sb_o_record(o, SB_ENTRY_REPORT, NULL, &(struct refs){.case_ = c},
                        json_pack("{s:I,s:o,s:s,s:o,s:s}", "days", (json_int_t)g->days, "path", sb_o_words(path), "sha256", hex, "said", sb_o_words(said), "text", text), err)) {
            free(said);
            said = NULL;
        }
    } else if (path && err->code == SB_OK) {
        sb_fail_nomem(err);
    }
    free(path);
    free(text);
    return said;
}

/* ---- coming back ---- */

static void back(struct sb_orchestrator *o, void *p)
{
    struct gathering *g = p;
    struct held_case *held = g->case_id ? sb_o_case(o, g->case_id) : NULL;
    if (!g->case_id)
        o->reporting = false;
    if (!g->case_id && g->err.code == SB_OK)
        sb_o_tell_all(o, SB_NEWS_REPORT, &g->page);
    else if (!g->case_id)
        sb_o_notice(o, SB_MEDIUM, "The record could not be gone through for the report: %s", g->err.msg);
    if (held) {
        char *said = g->err.code == SB_OK ? finish(o, held, g, &g->err) : NULL;
        sb_o_finish_consult(o, held, NULL, &g->err, said ? said : "");
        free(said);
    }
    free_gathering(g);
}

/* from: of a case; split: of a screen. */
static int begin(struct sb_orchestrator *o, const char *case_id, int64_t from, int64_t split, struct sb_err *err)
{
    struct gathering *g = calloc(1, sizeof *g);
    if (!g)
        return sb_fail_nomem(err);
    g->o = o;
    g->simulated = o->facts.simulated;
    g->now = sb_origin_wall_ms(o->opt.origin);
    g->from = from;
    g->days = (g->now - from + DAY_MS - 1) / DAY_MS;
    g->split = split;
    if (sb_str_set(&g->dir, o->opt.state_dir) || sb_str_set(&g->case_id, case_id)) {
        free_gathering(g);
        return sb_fail_nomem(err);
    }
    return sb_o_work(o, &g->way, gather, g, free_gathering) ? 0 : sb_fail(err, SB_ESTATE, "this program is ending");
}

/* The moment that is meant; 0: none is. */
static int split_of(const struct sb_orchestrator *o, const char *text, int64_t *split, struct sb_err *err)
{
    int64_t now = sb_origin_wall_ms(o->opt.origin);
    *split = 0;
    if (!text || !text[0])
        return 0;
    if (sb_time_when(text, now, split) || *split <= 0)
        return sb_fail(err, SB_EINPUT, "a report is divided at a moment: write 2026-11-23, 2026-11-23T09:05 or 30d");
    return *split < now ? 0 : sb_fail(err, SB_EINPUT, "a report is divided at a moment that is over: %.40s is still to come", text);
}

void sb_o_ask_report(struct sb_orchestrator *o, int64_t seat, int64_t seq, const char *moment)
{
    struct sb_err err = SB_ERR_INIT;
    int64_t split;
    if (split_of(o, moment, &split, &err) == 0 && o->reporting)
        sb_fail(&err, SB_ESTATE, "the record is being gone through for another report; ask again in a moment");
    else if (err.code == SB_OK && begin(o, NULL, 0, split, &err) == 0)
        o->reporting = true;
    sb_o_answer(o, seat, seq, &err, NULL, NULL, "The record is being gone through");
}

/* The first day that is written in a request, 2026-11-23, as a moment; 0: none is; -1: there is no such day. */
static int64_t day_of(const char *request)
{
    for (const char *p = request; *p; p++) {
        char word[11];
        int64_t at;
        snprintf(word, sizeof word, "%.10s", p);
        bool begins = p == request || !strchr("0123456789-", p[-1]);
        if (begins && strspn(word, "0123456789-") == 10 && word[4] == '-' && word[7] == '-')
            return sb_time_when(word, 0, &at) || at <= 0 ? -1 : at;
    }
    return 0;
}

/* How far back a request means, in days. */
static int64_t span_of(const char *request)
{
    static const struct {
        const char *word;
        int64_t days;
    } spans[] = {{"week", 7}, {"month", 30}, {"quarter", 91}, {"year", 365}};
    for (size_t i = 0; i < SB_COUNT(spans); i++)
        if (strcasestr(request, spans[i].word))
            return spans[i].days;
    return 1;
}

int sb_o_consult_report(struct sb_orchestrator *o, struct held_case *held, struct sb_err *err)
{
    int64_t now = sb_origin_wall_ms(o->opt.origin), day = day_of(held->case_.text);
    if (day < 0)
        return sb_fail(err, SB_EINPUT, "there is no such day as the one that is named: write it as 2026-11-23");
    if (day >= now)
        return sb_fail(err, SB_EINPUT, "a report tells what was: the day that is named is still to come");
    held->consulting = true;
    if (begin(o, held->case_.id, day > 0 ? day : now - span_of(held->case_.text) * DAY_MS, 0, err)) {
        held->consulting = false;
        return -1;
    }
    return 0;
}

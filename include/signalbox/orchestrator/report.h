/* SPDX-License-Identifier: Apache-2.0
 *
 * report.h - what the record says of the work, as numbers: gathered (report_gather.c, report_agents.c), counted
 * (report_numbers.c), and put together as a page of the console (report_page.c).
 *
 * Everything is read from entries. Those of a simulated deployment count only when nothing but they are asked for. Units:
 * milliseconds of wall time, parts per million. Thread: any, with a ledger's handle of its own.
 */
#ifndef SIGNALBOX_ORCHESTRATOR_REPORT_H
#define SIGNALBOX_ORCHESTRATOR_REPORT_H

#include <signalbox/ledger/ledger.h>
#include <signalbox/model/report.h>

/* ---- numbers ---- */

/* Values of one kind, in milliseconds. */
struct sb_values {
    int64_t *of;
    size_t of_n;
};

/* Their middle, and between which bounds the middle of what they are a sample of lies, with at least 95 %: by the order statistics
 * alone, so that no shape of a distribution is assumed. bounded: there were enough values (6) to say so. */
struct sb_median {
    size_t n;
    int64_t middle, low, high, p90;
    bool bounded;
};

/* Sorts the values. */
struct sb_median sb_median_of(struct sb_values *v);

/* hits of n, and the Wilson score interval of 95 % (E. B. Wilson, 1927), in parts per million. */
struct sb_rate {
    int64_t hits, n;
    int64_t ppm, low_ppm, high_ppm;
};
struct sb_rate sb_rate_of(int64_t hits, int64_t n);

/* ---- what is measured ---- */

enum sb_phase {
    PHASE_ASKED_PROPOSED,    /* request to first card */
    PHASE_PROPOSED_APPROVED, /* until the last approval that was needed */
    PHASE_APPROVED_STARTED,
    PHASE_STARTED_VERIFIED,
    PHASE_VERIFIED_VERDICT,
    PHASE_ASKED_VERDICT,     /* all of it */
    PHASE_BEGAN_DETECTED,    /* of an incident */
    PHASE_DETECTED_CAUSE,    /* until a suspect was named */
    PHASE_LASTED,
    PHASES
};
extern const char *const sb_phase_names[PHASES]; /* "request to card" */
extern const char *const sb_phase_keys[PHASES];  /* "request_to_card_ms" */

/* What cards of one kind predicted of one measure, and what was measured. */
struct sb_predictions {
    char *metric;
    int64_t kept, missed, broken; /* within what is tolerated; not, and called an estimate; not, and not called one */
    struct sb_values ratios;      /* measured to predicted, in parts per million */
};

/* How often something was the case: a key that was edited. */
struct sb_counted {
    char *what;
    int64_t n;
};

/* What one specialist proposed of one kind, and what came of it. */
struct sb_record_of {
    char *author, *kind;
    int64_t proposed, accepted, edited, rejected, expired, reversed; /* reversed: rolled back */
    int64_t passed, failed, inconclusive;                            /* verdicts of watch windows */
    int64_t sure_ppm;  /* the confidence of those that passed or failed, added up */
    struct sb_predictions *predictions;
    size_t predictions_n;
    struct sb_counted *edits; /* by what was edited: cards, each key once a card's edit */
    size_t edits_n;
    char **reasons;           /* why it was rejected, the newest last, at most SB_REASONS */
    size_t reasons_n;
};

/* What one rule of the Anomaly Detector announced, and what people said of it: of each the last word. */
struct sb_alarms_of {
    char *rule;                    /* the measure that went out first */
    int64_t told, quiet;           /* announced; recorded and not announced */
    int64_t useful, known, noise;
};

/* A kind of action, or a rule of alarms, that the program lowered by itself, and what brought it back. */
struct sb_demotion {
    char *kind, *environment, *deployment, *reason, *policy;
    int64_t at, level, to;
    int64_t back_at;  /* 0: it stands */
    char *back_by;    /* who signed that; NULL: nobody did */
    char *back_why;   /* the reason of a decision about this kind alone; NULL: it was another bundle */
};

struct sb_report {
    int64_t from, to;      /* wall: the first and the last entry that counted; 0 none */
    int64_t entries, left_out; /* left out: of the other kind, simulated or not */
    struct sb_values phases[PHASES];
    int64_t executed, gone_wrong; /* cards whose steps were sent; of these failed, rolled back or with a verdict FAIL */
    int64_t incidents;
    int64_t queued_ms;     /* that cards waited for an approval, all together */
    int64_t drills, drills_passed; /* restore drills that were made (a target that was refused is none) */
    struct sb_record_of *records;
    size_t records_n;
    char **reasons;        /* of rejections, the newest last, at most SB_REASONS */
    size_t reasons_n;
    struct sb_alarms_of *alarms;
    size_t alarms_n;
    struct sb_demotion *demotions;
    size_t demotions_n;
};
#define SB_REASONS 10

struct sb_report_span {
    int64_t since, until; /* wall; what began in [since, until) counts. until 0: no end */
    bool simulated;
    int64_t now; /* what waits still has waited until then; 0: until the machine's clock says */
};

/* How sure it was on average of what then passed or failed, in parts per million; -1: nothing has. */
int64_t sb_record_said_ppm(const struct sb_record_of *r);

/* Is told every few hundred entries how far it has come; returns false to give up. */
struct sb_report_progress {
    bool (*show)(void *ctx, int64_t done, int64_t total);
    void *ctx;
};

/* Reads the whole record once, for all n spans. progress may be NULL. Release them also after a failure. */
int sb_report_gather(struct sb_ledger *l, const struct sb_report_span *spans, struct sb_report *out, size_t n, const struct sb_report_progress *progress, struct sb_err *err);
void sb_report_release(struct sb_report *r);

/* ---- of one pass (report_gather.c) through report_agents.c ---- */

/* The alarms of this rule, begun when it is new; NULL out of memory. */
struct sb_alarms_of *sb_report_alarms(struct sb_report *r, const char *rule);
/* One more judgement of an anomaly of this rule in place of an earlier one (-1: there was none). */
void sb_report_judged(struct sb_alarms_of *a, int before, int mark);
/* One more edit of what the entry's sets name; a reason of a rejection. 0, or -1 out of memory. */
int sb_report_edited(struct sb_record_of *r, const struct sb_entry *e);
int sb_report_reason(char ***reasons, size_t *n, const char *note);
/* An entry by which something is lowered, or comes back (also one after the span), and one of a bundle that came into force. 0, or -1 out of memory. */
int sb_report_lowered(struct sb_report *r, const struct sb_entry *e);
int sb_report_came_back(struct sb_report *r, const struct sb_entry *e);
int sb_report_bundle(struct sb_report *r, const struct sb_entry *e);
void sb_report_agents_release(struct sb_report *r);

/* ---- a page of it ---- */

/* One span, or the two sides of a date: reports gathered from the spans [.., split) and [split, ..). out is overwritten; release it
 * with sb_record_release(&sb_report_page_schema, out). */
int sb_report_page_of(struct sb_report *of, size_t n, int64_t now, int64_t split, bool simulated, struct sb_report_page *out, struct sb_err *err) SB_MUST_USE;

#endif

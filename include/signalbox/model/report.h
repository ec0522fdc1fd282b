/* SPDX-License-Identifier: Apache-2.0
 *
 * report.h - what the record says of the work, as a page of the console shows it: durations with their bounds, changes, the report
 * cards of the specialists and of the rules of alarms, and what the program lowered by itself.
 *
 * Wall time; shares in parts per million, low and high the bounds of 95 %. Pure values. Thread: any.
 */
#ifndef SIGNALBOX_MODEL_REPORT_H
#define SIGNALBOX_MODEL_REPORT_H

#include <signalbox/base/record.h>

/* A median and between which bounds it lies. */
struct sb_report_row {
    char *what;     /* "request to card" */
    bool after;     /* of the later side of a date */
    bool incident;  /* of incidents, not of cards */
    int64_t n, median, low, high, p90; /* low, high: only where bounded */
    bool bounded;   /* there were enough values to say so */
};
extern const struct sb_schema sb_report_row_schema;

/* One side of a date, or all of it. */
struct sb_report_side {
    bool after;
    int64_t from, to, entries;
    int64_t incidents, executed, gone_wrong, low_ppm, high_ppm, queued_ms;
    int64_t drills, drills_passed, drills_low_ppm, drills_high_ppm; /* restore drills, and the bounds of the share that passed */
};
extern const struct sb_schema sb_report_side_schema;

struct sb_report_card {
    char *author, *kind;
    bool after;
    int64_t proposed, accepted, edited, rejected, expired, reversed, passed, failed;
    int64_t said_ppm;  /* how sure it was of what passed or failed; -1: nothing has */
    int64_t low_ppm, high_ppm; /* of the share that passed */
    char **notes;      /* what was edited, why it was rejected, what was predicted and measured: a line each */
    size_t notes_n;
};
extern const struct sb_schema sb_report_card_schema;

struct sb_report_alarm {
    char *rule;
    bool after;
    int64_t told, quiet, useful, known, noise;
    int64_t low_ppm, high_ppm; /* of the share that was noise */
};
extern const struct sb_schema sb_report_alarm_schema;

struct sb_report_page {
    int64_t at;        /* when it was gathered; 0: it has not come yet */
    int64_t split;     /* the date that it is divided by; 0: none */
    int64_t left_out;  /* entries of the other kind, simulated or not */
    bool simulated;
    struct sb_report_side *sides;
    size_t sides_n;
    struct sb_report_row *rows;
    size_t rows_n;
    struct sb_report_card *cards;
    size_t cards_n;
    struct sb_report_alarm *alarms;
    size_t alarms_n;
    char **lowered;    /* in words, each with what brought it back */
    size_t lowered_n;
};
extern const struct sb_schema sb_report_page_schema;

#endif

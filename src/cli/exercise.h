/* SPDX-License-Identifier: Apache-2.0
 *
 * exercise.h - a scenario that somebody trains on: what it tells, what counts as right, and what became of it.
 *
 * The rows of an exercise stand in the scenario's own file and begin with the word exercise; the simulator passes over them:
 *
 *   exercise level N                           1 (one cause, one card) to 5
 *   exercise brief "TEXT"                      what whoever is on call has been told
 *   exercise begins DURATION                   when the trouble begins, on the simulated clock
 *   exercise hint DURATION "TEXT"              told so long after the beginning, unless all is done by then
 *   exercise right AIM "WHY"                   has to be done, every one of them
 *   exercise wrong AIM "WHY"                   must not be done
 *   exercise story "TEXT"                      what it really was, told at the end
 *
 * AIM is `approve KIND TARGET [key FIELD,FIELD]` or `reject KIND TARGET` (a person's decision on a card of that kind; the index
 * begins with these fields), `name "WORD|WORD"` (a person's request, note, mark or judgement says one of the words: who or what it was), or
 * `change` (something of the server's was changed by an approved card; with wrong: nothing may be). KIND is a kind of card or *.
 *
 * What is measured comes from the record alone, so that whoever reads the ledger later measures the same. Durations are the
 * operator's own time, wall clock; the beginning is where the simulated clock, at its speed, has come to it. Thread: any, one
 * at a time.
 */
#ifndef SIGNALBOX_SRC_CLI_EXERCISE_H
#define SIGNALBOX_SRC_CLI_EXERCISE_H

#include <signalbox/base/record.h>
#include <signalbox/ledger/ledger.h>

enum exercise_deed { EXERCISE_APPROVE, EXERCISE_REJECT, EXERCISE_NAME, EXERCISE_CHANGE, EXERCISE_DEEDS };

struct exercise_aim {
    enum exercise_deed deed;
    bool wrong;
    int kind;            /* of the card; -1: any */
    char *target, *word; /* word: what has to be named, or the index's first fields, "a,b" */
    char *why;
};

struct exercise_hint {
    int64_t after_ms; /* of the simulated clock, from the beginning */
    char *text;
};

struct exercise {
    char *name, *title, *brief, *story;
    int64_t level; /* 0: the scenario is no exercise */
    int64_t begins_ms;
    struct exercise_hint *hints;
    size_t hints_n;
    struct exercise_aim *aims;
    size_t aims_n;
};

/* Reads the exercise of a scenario's text; level is 0 when it has none. Every problem with file and line, in err. */
int sb_exercise_parse(const char *text, size_t len, const char *path, const char *name, struct exercise *out, struct sb_err *err);
/* Of a built-in name or a path. */
int sb_exercise_load(const char *scenario, struct exercise *out, struct sb_err *err);
void sb_exercise_release(struct exercise *x);

/* "approve a create_index card for shop.orders, of an index that begins with customer_id" */
int sb_exercise_aim_say(const struct exercise_aim *aim, struct sb_str *out);

/* The built-in ones, a line each, by level. */
int sb_exercise_list(struct sb_err *err);
/* What it is and what counts, of one. */
int sb_exercise_print(const struct exercise *x);

struct exercise_act { /* of a person, or what it came to */
    int64_t after_ms;
    char *who, *what;
};

struct exercise_point { /* an aim and whether it was met; of a wrong one: whether it was done */
    char *aim, *why;
    bool wrong, done;
    int64_t after_ms;
};

struct exercise_result {
    char *exercise;
    int64_t level, speed, begun_at; /* begun_at: wall clock; 0: it was left before anything happened */
    int64_t noticed_ms, decided_ms, recovered_ms; /* -1: not */
    bool right;
    bool unfinished; /* a card is being carried out or watched; no part of the record */
    char *who;
    struct exercise_point *points;
    size_t points_n;
    struct exercise_act *acts;
    size_t acts_n;
};
extern const struct sb_schema sb_exercise_result_schema;

/* What the record says of the exercise from entry `from` on. begun_at: when the trouble began, wall clock. */
int sb_exercise_score(struct sb_ledger *l, int64_t from, const struct exercise *x, int64_t begun_at, int64_t now, struct exercise_result *out, struct sb_err *err);

/* The best run of this exercise that the ledger holds: right, and decided soonest. false: none was right. */
bool sb_exercise_best(struct sb_ledger *l, const char *name, int64_t before, struct exercise_result *out);

/* The debrief: as text for the terminal, or as Markdown. best may be NULL. */
int sb_exercise_debrief(const struct exercise *x, const struct exercise_result *r, const struct exercise_result *best, bool markdown, struct sb_str *out);

#endif

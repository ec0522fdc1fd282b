/* SPDX-License-Identifier: Apache-2.0
 *
 * overview.h - the open cards and incidents of many deployments as one list, the worst first.
 *
 * Each is a copy that its owner has put into the shared store. Who looks at the list may be another person than who may decide: each card
 * says beforehand whether the viewer may. Texts are from outside. Thread: pure; a list has one owner.
 */
#ifndef SIGNALBOX_MODEL_OVERVIEW_H
#define SIGNALBOX_MODEL_OVERVIEW_H

#include <signalbox/model/anomaly.h>
#include <signalbox/model/card.h>

/* May the viewer approve it? */
enum sb_may { SB_MAY_NOT, SB_MAY_PERHAPS, SB_MAY, SB_MAYS };
extern const struct sb_names sb_mays; /* "no", "perhaps", "yes" */

/* A ledger and what it watches. */
struct sb_overview_owner {
    char *log, *host, *program, *deployment, *deployment_id, *team, *class_;
    int environment; /* enum sb_environment; not said is prod */
    int64_t pid;
    int64_t beat, head; /* by the store's clock; entries it had then */
    bool draining;
};

struct sb_overview_row {
    size_t owner;     /* its place among the owners */
    bool incident;
    char *id, *title, *target;
    int state;        /* enum sb_state of a card */
    int level;        /* enum sb_level: risk, or severity */
    int64_t expires;  /* of a card that awaits approval; 0: not said */
    int64_t since;    /* a card has been as it is, or an incident goes on */
    int64_t n;        /* the entry that made it so */
    int64_t has, wants; /* approvals */
    char *taken_by;   /* of an incident; NULL: nobody has taken it */
    int may;          /* enum sb_may; of an incident SB_MAY_NOT */
    char *may_why;    /* NULL: there is nothing to be said */
};

struct sb_overview {
    struct sb_overview_owner *owners;
    size_t owners_n;
    struct sb_overview_row *rows;
    size_t rows_n;
    int64_t now;   /* the store's clock when it was read */
    int64_t odd;   /* documents that are no such rows, and are left out */
    char odd_what[240];
};
void sb_overview_release(struct sb_overview *o);

/* Who looks. */
struct sb_viewer {
    const char *who;          /* as whom approvals are signed */
    const char *cannot;       /* why nothing can be signed here; NULL: it can */
    char *const *groups;      /* of the policy here */
    size_t groups_n;
    const char *policy;       /* SHA-256 of the bundle here */
};

/* What is known beforehand of an approval of this card by this viewer. why (cap bytes): a sentence, or "". */
enum sb_may sb_overview_may(const struct sb_card *c, const struct sb_viewer *v, char *why, size_t cap);

/* Adds a row of it, all copied; -1 out of memory. */
int sb_overview_card(struct sb_overview *o, size_t owner, const struct sb_card *c, int64_t n, const struct sb_viewer *v) SB_MUST_USE;
int sb_overview_incident(struct sb_overview *o, size_t owner, const struct sb_anomaly *a, int64_t n) SB_MUST_USE;

/* ---- the list ---- */

enum sb_overview_group { SB_OVERVIEW_BY_NOTHING, SB_OVERVIEW_BY_DEPLOYMENT, SB_OVERVIEW_BY_ENVIRONMENT, SB_OVERVIEW_BY_TEAM, SB_OVERVIEW_BY_CLASS, SB_OVERVIEW_GROUPS };
extern const struct sb_names sb_overview_groups; /* "none", "deployment", "environment", "team", "class" */

struct sb_overview_line {
    size_t row;   /* SIZE_MAX: a heading */
    size_t first; /* of a heading: the row whose group it is */
    size_t shown; /* of a heading: rows under it */
};

struct sb_overview_list {
    struct sb_overview_line *line;
    size_t n, cap;
};

typedef bool (*sb_overview_wanted)(void *ctx, const struct sb_overview *o, const struct sb_overview_row *row);

/* Makes the list anew: the group with the worst row comes first, and in it the worst row. wanted NULL: all. -1 out of memory, with an empty list. */
int sb_overview_list_make(struct sb_overview_list *l, const struct sb_overview *o, enum sb_overview_group by, sb_overview_wanted wanted, void *ctx) SB_MUST_USE;
void sb_overview_list_release(struct sb_overview_list *l);

/* What a heading is called. */
const char *sb_overview_heading(const struct sb_overview *o, const struct sb_overview_row *row, enum sb_overview_group by);

/* "awaiting_approval" of a card, "incident" or "acknowledged" of an incident. */
const char *sb_overview_state(const struct sb_overview_row *row);

/* Appends all that a row says, in one line: what filters are about. */
void sb_overview_words(const struct sb_overview *o, const struct sb_overview_row *row, struct sb_str *out);

#endif

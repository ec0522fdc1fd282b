/* SPDX-License-Identifier: Apache-2.0
 *
 * fleet.h - many deployments at once: a row a member, and the list of them with the worst first.
 *
 * A row is a copy that its owner may keep; the two texts that it borrows live as long as what made it. The list is a way to
 * look at rows: which of them, under which headings, in which order. Thread: pure.
 */
#ifndef SIGNALBOX_MODEL_FLEET_H
#define SIGNALBOX_MODEL_FLEET_H

#include <signalbox/model/names.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From the best to the worst. */
enum sb_fleet_health {
    SB_FLEET_WELL,
    SB_FLEET_UNASKED,  /* not yet */
    SB_FLEET_LAGGING,  /* behind its primary */
    SB_FLEET_ODD,      /* it answers, and its numbers are not what is usual for it */
    SB_FLEET_IDLE,     /* in a state in which it serves nobody: starting, recovering, rolling back */
    SB_FLEET_STRANGER, /* says that it is of another set */
    SB_FLEET_SILENT,   /* does not answer, or refuses */
    SB_FLEET_HEALTHS
};

extern const struct sb_names sb_fleet_healths; /* "well", "unasked", "lagging", "odd", "not serving", "stranger", "silent" */

/* What is watched of a member, by what is usual for it. */
enum sb_fleet_series { SB_FLEET_OPS, SB_FLEET_READ_MS, SB_FLEET_WRITE_MS, SB_FLEET_CONNECTIONS, SB_FLEET_QUEUED, SB_FLEET_SERIES };

extern const struct sb_names sb_fleet_series_names; /* as in the JSON of a row: "ops_per_s", ... */

struct sb_fleet_row {
    char name[256];         /* host:port */
    const char *deployment; /* borrowed */
    size_t deployment_i;    /* its place among the deployments */
    int environment;        /* enum sb_environment */
    enum sb_fleet_health health;
    int weight;             /* among those of the same health: more is worse */
    int64_t since_ms;       /* wall, of this health */
    char role[16];          /* PRIMARY, SECONDARY, ARBITER, MONGOS, STANDALONE, OTHER; "" not known */
    char why[208];          /* "" well */
    double ops_per_s, read_ms, write_ms, connections, queued, lag_s; /* NAN not known */
    struct {
        double value, usual; /* NAN: it is not out */
    } out[SB_FLEET_SERIES];  /* of one that is odd: what is out, as it was when it went out */
    bool simulated;          /* it says so of itself, or did */
};

enum sb_fleet_group { SB_FLEET_BY_DEPLOYMENT, SB_FLEET_BY_ENVIRONMENT, SB_FLEET_BY_HEALTH, SB_FLEET_BY_NOTHING, SB_FLEET_GROUPS };

extern const struct sb_names sb_fleet_groups; /* "deployment", "environment", "health", "none" */

/* A line of the list: a heading (row is SIZE_MAX) or a row by its place. */
struct sb_fleet_line {
    size_t row;
    size_t shown, wrong;  /* heading: members under it, and those that are not well */
    bool headless;        /* heading of a deployment: a set of which no member is primary */
    size_t first;         /* heading: the row whose group it is */
};

/* Whether a row is to be in the list. */
typedef bool (*sb_fleet_wanted)(void *ctx, const struct sb_fleet_row *row);

struct sb_fleet_list {
    struct sb_fleet_line *line;
    size_t n, cap;
};

/* Makes the list anew; wanted NULL: all. The group with the worst member comes first, and in it the worst member. 0, or -1 out of memory
 * with an empty list. */
int sb_fleet_list_make(struct sb_fleet_list *l, const struct sb_fleet_row *rows, size_t n, enum sb_fleet_group by, sb_fleet_wanted wanted, void *ctx);
void sb_fleet_list_release(struct sb_fleet_list *l);

/* What a heading is called. */
const char *sb_fleet_heading(const struct sb_fleet_row *row, enum sb_fleet_group by);

/* How many have which health. */
void sb_fleet_count(const struct sb_fleet_row *rows, size_t n, size_t of[SB_FLEET_HEALTHS]);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * fleet.h - the members of very many deployments, each asked once a period, judged, and told of as rows and news.
 *
 * One direct client a member, on a few lanes (threads): a lane takes whichever member is due next. A lane that a silent member
 * holds up is no use to the others, so there are more of them as soon as the one due next has waited, SB_FLEET_LANES_MOST at most,
 * and fewer again when they idle. A member that failed is set apart: it is asked again after 6 s, later ones after up to 30 s, and of
 * those at most SB_FLEET_APART at once. Load on a member: one serverStatus a period.
 *
 * Each member's readings (operations a second, latencies, connections, queue) go through the cheap screen (screen.h), with a full
 * detector for those that it suspects, which takes 200 readings to know what is usual. A member is odd when one reading is far out or two
 * are out together, until ten readings have been half way back or more, or six hundred have not: then that is what is usual. A member that joined a set is taken up when another one tells of it; then the screen begins anew. Its numbers
 * do not count while a member says that it is of another set.
 *
 * Memory: some 40 KB a member, of which 29 KB are the driver's own (1.23: three URIs, two descriptions of the server, read preferences and
 * concerns), and 110 KB for each series that has a full detector.
 *
 * Each change of a member's health is told once. Threads: everything but start and stop from any one thread.
 */
#ifndef SIGNALBOX_TELEMETRY_FLEET_H
#define SIGNALBOX_TELEMETRY_FLEET_H

#include <bson/bson.h>
#include <signalbox/base/error.h>
#include <signalbox/model/fleet.h>
#include <signalbox/mongo/server.h>

#define SB_FLEET_MEMBERS_MOST 5000
#define SB_FLEET_LANES_LEAST 4
#define SB_FLEET_LANES_MOST 128
#define SB_FLEET_APART 8
#define SB_FLEET_NEWS_KEPT 2000

struct sb_fleet;

struct sb_fleet_target {
    const char *name;               /* of the deployment; must outlive the fleet, as the server must */
    int environment;                /* enum sb_environment */
    const struct sb_server *server; /* its seeds are the first members */
};

struct sb_fleet *sb_fleet_start(const struct sb_fleet_target *targets, size_t n, int64_t period_ms, struct sb_err *err);

/* A copy of all rows into *rows, which grows: how many. -1 out of memory. */
int64_t sb_fleet_rows(struct sb_fleet *f, struct sb_fleet_row **rows, size_t *cap);

/* A member's health has changed. */
struct sb_fleet_news {
    int64_t at_ms; /* wall */
    enum sb_fleet_health was;
    struct sb_fleet_row row;
};

/* The oldest that was not taken; false: there is none. */
bool sb_fleet_next_news(struct sb_fleet *f, struct sb_fleet_news *out);

struct sb_fleet_figures {
    size_t members, asked;          /* asked: at least once */
    uint64_t polls, failed;
    size_t lanes, lanes_high;
    size_t series, watched;         /* watched: by a full detector */
    uint64_t passed_over, news_lost;
    int64_t late_ms;                /* the longest that one due waited for a lane, in the last ten seconds or the ten before */
};
void sb_fleet_figures(struct sb_fleet *f, struct sb_fleet_figures *out);

/* False: a lane hangs in the driver and is left alone, with what it holds; the servers may not be freed then. */
bool sb_fleet_stop(struct sb_fleet *f, int grace_ms);

/* ---- one reading (fleet_reading.c) ---- */

#define SB_FLEET_HOSTS_MOST 50

struct sb_fleet_reading {
    char set[128];         /* "" of none */
    char role[16];
    int64_t at_ms, up_ms;  /* its clock */
    int64_t pid;
    double ops, reads, reads_us, writes, writes_us, connections, queued; /* NAN not told */
    int64_t last_write_ms; /* 0 not told */
    bool simulated;        /* says that it is no server (a document "signalbox", which none has) */
    char (*hosts)[256];    /* NULL, or room for SB_FLEET_HOSTS_MOST */
    size_t hosts_n;
};

/* Takes what a serverStatus says; what is missing or of a wrong type is not told. */
void sb_fleet_read(struct sb_fleet_reading *r, const bson_t *status);

#endif

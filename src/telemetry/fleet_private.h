/* SPDX-License-Identifier: Apache-2.0
 *
 * What the lanes of a fleet (fleet.c) and its judge (fleet_judge.c) know of each other. */
#ifndef SIGNALBOX_TELEMETRY_FLEET_PRIVATE_H
#define SIGNALBOX_TELEMETRY_FLEET_PRIVATE_H

#include <pthread.h>
#include <signalbox/telemetry/fleet.h>
#include <signalbox/telemetry/screen.h>

struct fleet_member {
    struct sb_conn *conn; /* of the lane that has the member in hand; NULL: none is open */
    size_t target;
    /* under the lock */
    bool fresh;           /* something came that the judge has not seen */
    bool failed;          /* it is an error */
    unsigned failures;    /* in a row */
    char error[208];
    struct sb_fleet_reading reading;
    uint64_t hosts_sum;   /* of the hosts that it told last: they are looked through when they are others */
    struct sb_fleet_row row;
    /* the judge's own */
    bool have;
    struct sb_fleet_reading last;
    uint64_t rounds, odd_until;         /* readings taken; the one up to which it stays odd */
    struct {
        uint64_t alarmed;  /* the reading at which it alarmed last; 0 never */
        double usual, out; /* what was usual then, and by how much the value was off; 0: it is back */
    } series[SB_FLEET_SERIES];
};

struct fleet_target {
    struct sb_fleet_target o;
    char set[128];         /* under the lock; "" not known yet, or none */
    int64_t last_write_ms; /* the judge's: of its primary */
};

struct sb_fleet {
    int64_t period_ms;
    struct fleet_target *target;
    size_t targets;
    pthread_mutex_t lock; /* guards what follows, up to the judge's own */
    pthread_cond_t due_wake, judge_wake, all_ended;
    struct fleet_member *member[SB_FLEET_MEMBERS_MOST];
    int64_t due_ms[SB_FLEET_MEMBERS_MOST]; /* monotonic; INT64_MAX: a lane has it in hand */
    bool apart[SB_FLEET_MEMBERS_MOST];
    size_t members, apart_busy;
    size_t lanes, busy, busy_high, leaving; /* busy_high: since the last look; leaving: how many lanes are to end */
    bool led;             /* a lane waits for the time of the next one due; the others wait for it */
    bool stopping;
    struct sb_fleet_figures figures;
    int64_t late_now_ms;
    struct sb_fleet_news *news;
    size_t news_from, news_n;
    pthread_t judge;
    /* the judge's own */
    struct sb_screen *screen;
    size_t screened;      /* members that it is for */
    int64_t looked_ms;    /* when lanes were last counted */
};

/* fleet_judge.c: looks at one member's news; the lock is not held. */
void sb_fleet_judge(struct sb_fleet *f, size_t i);

/* Makes the screen for the members that there are. Out of memory there is none, and nothing is called odd. */
void sb_fleet_begin_screen(struct sb_fleet *f, size_t members);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * crew.h - the supervisors that share a fleet: who is there, how much each has, and who takes or gives what.
 *
 * Collection "supervisors": {_id: <host and state folder>, host, pid, program, version, beat, draining, watches, names: [...]}. A row is written by
 * its supervisor with the store's time; one whose beat is older than a lease is of one that has gone. Fields that a newer
 * program has put there stay. Nothing is decided here: the lease is. These rules only say who tries, so that the load is even.
 * Thread: that of the door; sb_crew_may_take and sb_crew_should_give are pure.
 */
#ifndef SIGNALBOX_SHARED_CREW_H
#define SIGNALBOX_SHARED_CREW_H

#include <signalbox/mongo/store_door.h>

#define SB_SUPERVISORS "supervisors"
#define SB_CREW_MOST 1000  /* rows that are looked at */
#define SB_CREW_NAMES 5000 /* deployments of one */

struct sb_crew_member {
    char id[128], host[256], program[32];
    int64_t pid, beat, watches;
    bool draining;
    char **names; /* deployments in its config */
    size_t names_n;
};

struct sb_crew {
    struct sb_crew_member *list; /* those that are there, but for ourselves */
    size_t list_n;
};

int sb_crew_beat(struct sb_store_door *d, const struct sb_crew_member *me, struct sb_err *err);

/* The others whose beat is not older than alive_ms by the store's clock, now. Release it also after a failure. */
int sb_crew_read(struct sb_store_door *d, const char *me, int64_t now, int64_t alive_ms, struct sb_crew *out, struct sb_err *err);
void sb_crew_release(struct sb_crew *c);

/* May one that watches `mine` try this free deployment now? Not while another one that could take it has fewer; a few ahead are allowed where many are free. */
bool sb_crew_may_take(const struct sb_crew *others, const char *name, int64_t mine, int64_t free_n);

/* Should one that watches `mine` give this one up? When another one that could take it has at least two fewer. */
bool sb_crew_should_give(const struct sb_crew *others, const char *name, int64_t mine);

#endif

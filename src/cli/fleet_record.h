/* SPDX-License-Identifier: Apache-2.0
 *
 * fleet_record.h - the incidents of a fleet that is watched, and their record: a ledger of the fleet's own in the state folder (STATE/fleet).
 *
 * A thread looks at the rows five times a second, writes down each incident that opens, changes, is taken or is over, and keeps those that go
 * on. Where the ledger cannot be used - another fleet owns it, the disk is full - incidents are shown all the same, on no record, and that
 * is said. What an earlier run left open is closed as of when it was seen: how long it went on is not known.
 *
 * Thread: begin and end from one; everything else from any.
 */
#ifndef SIGNALBOX_SRC_CLI_FLEET_RECORD_H
#define SIGNALBOX_SRC_CLI_FLEET_RECORD_H

#include <signalbox/telemetry/fleet.h>
#include <signalbox/tui/fleet.h>

struct sb_fleet_record;

/* targets are borrowed, and must outlive it, as the fleet must. */
struct sb_fleet_record *sb_fleet_record_begin(struct sb_fleet *fleet, const struct sb_fleet_target *targets, size_t n, struct sb_err *err);

/* Stops the thread and closes the ledger. NULL is fine. */
void sb_fleet_record_end(struct sb_fleet_record *r);

/* Those that go on, newest first, into *list, which is released before: how many, or -1 out of memory (then none). */
int64_t sb_fleet_record_copy(struct sb_fleet_record *r, struct sb_fleet_incident **list, size_t n);
void sb_fleet_incidents_release(struct sb_fleet_incident **list, size_t n);

/* Who started the program takes it. */
void sb_fleet_record_take(struct sb_fleet_record *r, const char *id);

/* Readable when something happened since it was last read (an eventfd). */
int sb_fleet_record_fd(const struct sb_fleet_record *r);

enum sb_fleet_what { SB_FLEET_OPENED, SB_FLEET_CHANGED, SB_FLEET_TAKEN, SB_FLEET_OVER, SB_FLEET_SAID };
extern const struct sb_names sb_fleet_whats; /* "open", "changed", "taken", "over", "said" */

struct sb_fleet_told {
    enum sb_fleet_what what;
    int64_t at_ms;
    struct sb_fleet_incident incident; /* not with SAID; the caller releases its anomaly */
    char text[240];                    /* SAID: what is to be known of the record */
};

/* The oldest that was not taken; false: there is none. */
bool sb_fleet_record_next(struct sb_fleet_record *r, struct sb_fleet_told *out);

/* The folder of its ledger; NULL out of memory. */
char *sb_fleet_folder(const char *state_dir);

#endif

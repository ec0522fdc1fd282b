/* SPDX-License-Identifier: Apache-2.0
 *
 * incident.h (private) - the streams that `signalbox incident` reads, and their merging by time.
 *
 * A member's files are those of one folder: its diagnostic.data (or the folder given is that itself) and its logs, rotated
 * ones too. In a folder with logs alone every name before ".log" is a member. Streams are merged by time; one whose clock
 * goes back is read on where it stands. Thread: one owner. */
#ifndef SB_CLI_INCIDENT_H
#define SB_CLI_INCIDENT_H

#include <signalbox/agents/incidents.h>
#include <signalbox/formats/infile.h>

struct sb_feed;

/* Looks through the folders (and files) for what belongs to members. SB_EINPUT: nothing of the kind is in one of them. */
struct sb_feed *sb_feed_open(char **paths, size_t n, struct sb_incidents *in, struct sb_err *err);
void sb_feed_close(struct sb_feed *f);

/* Hands the next sample or line to the engine: 1, 0 at the end, -1. */
int sb_feed_step(struct sb_feed *f, struct sb_err *err);

/* What was damaged, unreadable or missing: a sentence each, and whether something was not read at all or not to its end; NULL
 * when there is no more. */
const char *sb_feed_note(const struct sb_feed *f, size_t i, bool *failure);
bool sb_feed_failed(const struct sb_feed *f); /* one of them is a failure */
int sb_feed_permille(const struct sb_feed *f);

/* Follows logs until the program is ended: each incident on stdout when it begins and when it is over. -1: it cannot go on. */
int sb_incident_follow(char **paths, size_t n, bool json, struct sb_err *err);

/* The same of a running set: what its members have as diagnostic data and log, asked for once a second. deployment, uri_file:
 * from the command line, NULL not said. */
int sb_incident_remote(const char *deployment, const char *uri_file, bool json, struct sb_err *err);

/* What is on the record of the fleet (fleet_record.h), newest last. */
int sb_incident_fleet(bool json, struct sb_err *err);

/* On stdout what opened and what is over, on stderr the notes that were not said; *notes of them were. 0 or -1. */
int sb_incident_tell(struct sb_incidents *in, bool json, size_t *notes, struct sb_err *err);

#endif

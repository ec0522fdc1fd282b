/* SPDX-License-Identifier: Apache-2.0
 *
 * watch_event.h - what a watch window waits for besides what it measures: that something happens, in time.
 *
 * Such a criterion has the metric "event", a limit in seconds from the window's opening, and a subject:
 *   schedule:NAME   the next run of this schedule has come to its end
 *   backup          a usable backup of a moment behind the window's opening lies where the config says that backups are kept,
 *                   whoever made it
 *   KIND            the next entry of this kind that the ledger holds of the deployment ("drill"); one whose body says
 *                   "ok": false is a failure; a drill that counts for less than a restore is not it
 * Written for people and in an edit as "SUBJECT within 24h", several with commas between them. Pure.
 */
#ifndef SIGNALBOX_MODEL_WATCH_EVENT_H
#define SIGNALBOX_MODEL_WATCH_EVENT_H

#include <signalbox/model/card.h>
#include <signalbox/model/entry.h>

#define SB_EVENT_LEAST_S 60
#define SB_EVENT_MOST_S (90 * 86400)
#define SB_EVENTS_MAX 4 /* of one watch window */

bool sb_criterion_is_event(const struct sb_criterion *c);

/* An event that is judged by what lies where backups are kept, not by an entry of the ledger. */
bool sb_criterion_is_backup(const struct sb_criterion *c);

/* Puts the events that the text names in place of those of the window; an empty text: none. */
int sb_watch_events_set(struct sb_watch *w, const char *text, struct sb_err *err) SB_MUST_USE;

/* Appends them as that text; nothing where there are none. */
void sb_watch_events_text(const struct sb_watch *w, struct sb_str *out);

enum sb_event_seen {
    SB_EVENT_NOT,
    SB_EVENT_BEGAN, /* a run of the schedule: its case (plan.case_id of the entry) is to come to an end */
    SB_EVENT_PASSED,
    SB_EVENT_FAILED,
};

/* What an entry says to the event. case_id: of the run that has begun, or NULL. */
enum sb_event_seen sb_event_look(const struct sb_criterion *c, const struct sb_entry *e, const char *case_id);

#endif

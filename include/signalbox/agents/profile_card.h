/* SPDX-License-Identifier: Apache-2.0
 *
 * profile_card.h - the profiler's settings, and the card that switches it on for a while.
 *
 * The profiler is never switched on silently: it is a card, level 1, sampled, with an end, whose undo is exactly what was
 * set before. slowms and sampleRate also steer the server's log, for all databases of the process; the card says so.
 */
#ifndef SIGNALBOX_AGENTS_PROFILE_CARD_H
#define SIGNALBOX_AGENTS_PROFILE_CARD_H

#include <signalbox/model/card.h>
#include <signalbox/mongo/server.h>

struct sb_profile_settings {
    int64_t level, slow_ms, sample_ppm;
    bool filtered; /* a filter is set, which this version does not know how to put back */
};

/* Reads the settings of a database (read door). */
int sb_profile_read(struct sb_conn *c, const char *db, struct sb_profile_settings *out, struct sb_err *err);

/* "level/slowms/sample_ppm", as the check `profile` compares it. */
void sb_profile_text(const struct sb_profile_settings *s, char *out, size_t cap);

struct sb_profile_question {
    const char *ns; /* the collection it is about; the profiler is its database's */
    struct sb_profile_settings now;
    int64_t window_s;
    const char *card_id, *case_id, *deployment, *deployment_id, *requested_by;
    int environment;
    bool simulated;
    int64_t at; /* deployment time of the reading */
};

/* Makes the draft. SB_ESTATE when the profiler is on already, or a filter is set. */
int sb_profile_card(const struct sb_profile_question *q, struct sb_card *card, struct sb_err *err);

#endif

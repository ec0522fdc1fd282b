/* SPDX-License-Identifier: Apache-2.0
 *
 * report.h - what the record says of the work (orchestrator/report.h), told (report.c, report_cards.c) and drawn (report_plot.c).
 */
#ifndef SIGNALBOX_CLI_REPORT_H
#define SIGNALBOX_CLI_REPORT_H

#include <signalbox/orchestrator/report.h>

/* ---- the report cards, told (report_cards.c) ---- */

void sb_report_print_cards(const struct sb_report *r);
json_t *sb_report_cards_json(const struct sb_report *r);     /* "specialists" */
json_t *sb_report_alarms_json(const struct sb_report *r);    /* "alarms" */
json_t *sb_report_demotions_json(const struct sb_report *r); /* "lowered" */

/* ---- drawn ---- */

/* Draws these phases as rows of characters; after: the other side of a date, or NULL. Nothing where nothing was measured. */
void sb_report_plot(const struct sb_median *before, const struct sb_median *after, enum sb_phase from, enum sb_phase to);
/* The note for the next shift (handover.c): the exit status. */
int sb_report_hand_over(const char *deployment, const char *uri_file);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * incident_report.h - incidents on stdout, as `signalbox incident` and `signalbox detect` answer them.
 *
 * Thread: the main one.
 */
#ifndef SIGNALBOX_CLI_INCIDENT_REPORT_H
#define SIGNALBOX_CLI_INCIDENT_REPORT_H

#include <signalbox/agents/incident.h>
#include <signalbox/base/error.h>

/* One JSON array, keys as in the program's interface, an empty one where there is none. 0 or -1. */
int sb_incidents_print_json(const struct sb_incident *incidents, size_t n, struct sb_err *err);

/* The same for people. 0 or -1. */
int sb_incidents_print_text(const struct sb_incident *incidents, size_t n, struct sb_err *err);

/* One as one line of JSON, with "event" before its keys; one for people, without the count. 0 or -1. */
int sb_incident_print_event(const char *event, const struct sb_incident *incident, struct sb_err *err);
int sb_incident_print_text(const struct sb_incident *incident, struct sb_err *err);

#endif

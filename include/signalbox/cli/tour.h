/* SPDX-License-Identifier: Apache-2.0
 *
 * tour.h - one whole case as text: request or anomaly, evidence, card, policy, approval, execution, verification, audit.
 *
 * The tour sits at the same seat as a console and sends the same messages; where a person would press a key, it says which.
 */
#ifndef SIGNALBOX_CLI_TOUR_H
#define SIGNALBOX_CLI_TOUR_H

#include <signalbox/cli/session.h>

/* Runs a case to its end on an open session, writing to stdout. Returns 0 when the case came to an end that the record can
 * tell (also: nothing happened, and nothing had to), else -1 with err. *case_id (on 0): the case that was told, the caller's to free; NULL: there was none. */
int sb_tour_run(struct sb_session *s, char **case_id, struct sb_err *err);

#endif

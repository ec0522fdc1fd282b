/* SPDX-License-Identifier: Apache-2.0
 *
 * rollback_log.h - what a member says of the entries that it has just taken back, before it forgets them. */
#ifndef SIM_ROLLBACK_LOG_H
#define SIM_ROLLBACK_LOG_H

#include <signalbox/sim/engine.h>

/* A line for each collection whose documents are kept in a file, and the summary. */
void sim_rollback_tell(struct sim_member *m);

#endif

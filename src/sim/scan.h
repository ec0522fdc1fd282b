/* SPDX-License-Identifier: Apache-2.0
 *
 * scan.h - one work of an index scan (IXSCAN, COUNT_SCAN, DISTINCT_SCAN). */
#ifndef SIM_SCAN_H
#define SIM_SCAN_H

#include <signalbox/sim/stage.h>

enum sim_state sim_work_scan(struct sim_stage *s, struct sim_row *row);

/* Asks the memory for where the next row's document is kept, or for the document: whoever comes for it waits less. */
void sim_scan_ask(const struct sim_stage *s, bool whole);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * scan.h - one work of an index scan (IXSCAN, COUNT_SCAN, DISTINCT_SCAN). */
#ifndef SIM_SCAN_H
#define SIM_SCAN_H

#include <signalbox/sim/stage.h>

enum sim_state sim_work_scan(struct sim_stage *s, struct sim_row *row);

#endif

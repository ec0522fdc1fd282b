/* SPDX-License-Identifier: Apache-2.0
 *
 * counted.h - shapes that the servers themselves have counted ($queryStats, 7.0 and later where it lets itself be asked): operations
 * that read in vain and are too fast to be in a log or profile.
 *
 * MongoDB documents the stage for Atlas; a server of one's own may refuse it, which is said. What was examined is told from 8.0 on:
 * without it nothing can be judged. Each shape is counted since a time of its own, and without an operation as an example. What this
 * program asks is left out. Reading blocks: worker threads only.
 */
#ifndef SIGNALBOX_AGENTS_COUNTED_H
#define SIGNALBOX_AGENTS_COUNTED_H

#include <signalbox/agents/catalogue.h>
#include <signalbox/telemetry/workload.h>

#define SB_COUNTED_RATIO 10    /* documents examined for one returned, from which a shape is told */
#define SB_COUNTED_LEAST 10    /* executions on one member */
#define SB_COUNTED_MOST 200    /* shapes that are kept: those that took most time */

/* Shapes on the collections of this database (db, or that of db.coll), by every data-bearing member; added up in a new workload, whose
 * entries say since when and till when they were counted. *blind: why some cannot be asked; the caller frees it. NULL out of
 * memory. */
struct sb_workload *sb_counted_read(const struct sb_server *server, const struct sb_members *members, const char *about, char **blind, struct sb_err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * running.h - operations that have been running for a while and are in no log or profile yet, by one look at $currentOp of each
 * member: what a workload cannot know of before they end.
 *
 * What they examine and return is not known, so that nothing is proposed for them; that they run is said. A shape has the same
 * fingerprint as in the workload. Reading blocks: worker threads only.
 */
#ifndef SIGNALBOX_AGENTS_RUNNING_H
#define SIGNALBOX_AGENTS_RUNNING_H

#include <signalbox/agents/catalogue.h>

#define SB_RUNNING_LEAST_MS 1000 /* that an operation has run for */
#define SB_RUNNING_MOST 200      /* that are kept: those that were told first */

struct sb_running {
    char *ns, *shape, *plan, *member, *app; /* shape: "find {"a":1} sort {"b":-1}"; plan and app may be NULL */
    char *fingerprint;
    int64_t running_ms;
};

/* Operations on collections of this database (db), or on this one collection (db.coll). Appends to *list. *blind (may be NULL
 * where it was): a sentence about members that cannot be asked; the caller frees it. -1 out of memory. */
int sb_running_read(const struct sb_server *server, const struct sb_members *members, const char *about, struct sb_running **list, size_t *n, char **blind,
                    struct sb_err *err);
void sb_running_free(struct sb_running *list, size_t n);

#endif

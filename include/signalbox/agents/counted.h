/* SPDX-License-Identifier: Apache-2.0
 *
 * counted.h - shapes that the server itself has counted ($queryStats, 7.0 and later where it lets itself be asked): operations that
 * read in vain and are too fast to be in a log or profile.
 *
 * MongoDB documents the stage for Atlas; a server of one's own may refuse it, which is said. The counts go back to an unknown time,
 * so that nothing is proposed for them; that they are there is said. Reading blocks: worker threads only.
 */
#ifndef SIGNALBOX_AGENTS_COUNTED_H
#define SIGNALBOX_AGENTS_COUNTED_H

#include <signalbox/agents/catalogue.h>

#define SB_COUNTED_RATIO 10    /* documents examined for one returned, from which a shape is told */
#define SB_COUNTED_LEAST 10    /* executions */
#define SB_COUNTED_MOST 200    /* that are kept: those that were told first */

struct sb_counted {
    char *ns, *shape;          /* shape: "find {"a":1}" */
    char *fingerprint;
    int64_t executions, docs_examined, returned, total_ms; /* SB_ABSENT where it was not told */
};

/* Shapes on collections of this database (db), or on this one collection (db.coll), by the primary. Appends to *list. *blind: why
 * it cannot be asked; the caller frees it. -1 out of memory. */
int sb_counted_read(const struct sb_server *server, const struct sb_members *members, const char *about, struct sb_counted **list, size_t *n, char **blind,
                    struct sb_err *err);
void sb_counted_free(struct sb_counted *list, size_t n);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Which class of incident columns speak for: by the words in the names of those that are out, which way they went, and which
 * others stayed calm. What only tells that somebody is hurt (latency, errors) speaks for a class by what is not out beside it. */
#ifndef SIGNALBOX_AGENTS_COLUMNS_CLASS_H
#define SIGNALBOX_AGENTS_COLUMNS_CLASS_H

#include <signalbox/model/names.h>

struct sb_columns_class {
    const char *word[SB_CLASS_CHANGE + 1]; /* the first that spoke for each class; NULL none */
    int votes[SB_CLASS_CHANGE + 1];
    int all;
    int fell;                  /* rates that went down */
    const char *slow, *failed; /* the first words of latency and of errors */
    bool rate_calm, cost_calm; /* there is a column of it, and it is not out */
};

void sb_columns_class_init(struct sb_columns_class *c);
void sb_columns_class_add(struct sb_columns_class *c, const char *name, bool up);
void sb_columns_class_calm(struct sb_columns_class *c, const char *name); /* of a column that is not out */

/* Unknown where neither says anything. *reason is heap text, NULL out of memory. */
enum sb_anomaly_class sb_columns_class_tell(const struct sb_columns_class *c, double *confidence, char **reason);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Which class of incident the names of the columns that are out speak for. */
#ifndef SIGNALBOX_AGENTS_COLUMNS_CLASS_H
#define SIGNALBOX_AGENTS_COLUMNS_CLASS_H

#include <signalbox/model/names.h>

struct sb_columns_class {
    const char *word[SB_CLASS_CHANGE + 1]; /* the first that spoke for each class; NULL none */
    int votes[SB_CLASS_CHANGE + 1];
    int all;
};

void sb_columns_class_init(struct sb_columns_class *c);
void sb_columns_class_add(struct sb_columns_class *c, const char *name);

/* The class with most names for it; a tie goes to the cause that is rarer by itself. *reason is heap text, NULL out of memory. */
enum sb_anomaly_class sb_columns_class_tell(const struct sb_columns_class *c, double *confidence, char **reason);

#endif

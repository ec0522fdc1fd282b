/* SPDX-License-Identifier: Apache-2.0
 *
 * The metrics of a reference document, in the order in which the deltas come. */
#ifndef SIGNALBOX_FORMATS_FTDC_PRIVATE_H
#define SIGNALBOX_FORMATS_FTDC_PRIVATE_H

#include <signalbox/base/str.h>
#include <signalbox/formats/ftdc.h>

struct sb_ftdc_table {
    struct sb_ftdc_metric *metrics; /* paths are filled in when the names stand still */
    size_t *name_at;                /* where its path begins in names */
    int64_t *first;                 /* its value in the reference document */
    size_t n, metrics_cap, name_cap, first_cap;
    struct sb_str names;            /* NUL-terminated, one after the other */
};

void sb_ftdc_table_release(struct sb_ftdc_table *t);

/* Reads the document anew into the table: 0, or -1 with SB_EINPUT (it is no sound BSON, or nests too deep) or SB_ENOMEM. */
int sb_ftdc_table_read(struct sb_ftdc_table *t, const uint8_t *doc, size_t n, struct sb_err *err);

#endif

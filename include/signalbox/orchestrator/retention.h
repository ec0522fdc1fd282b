/* SPDX-License-Identifier: Apache-2.0
 *
 * retention.h - what a law or a contract says is kept, as the config says: "retention shop.invoices 3650d \"tax law\"".
 *
 * What is said of a database holds for each of its collections of which nothing else is said. It is told with what a request
 * would touch; what may be done about it, policy says. Pure. Thread: any. */
#ifndef SIGNALBOX_ORCHESTRATOR_RETENTION_H
#define SIGNALBOX_ORCHESTRATOR_RETENTION_H

#include <signalbox/base/error.h>

#include <stddef.h>
#include <stdint.h>

#define SB_RETENTION_DAYS_MOST 36500
#define SB_RETENTIONS_MAX 200 /* lines of one deployment */

struct sb_retention {
    char *place; /* "shop.invoices", or "shop": each of its collections */
    int64_t days;
    char *why;
};

/* Fills an empty one from the line's three words. -1 with what is wrong. */
int sb_retention_read(struct sb_retention *r, const char *place, const char *length, const char *why, struct sb_err *err);
void sb_retention_release(struct sb_retention *r);

/* What holds for a collection; for a whole database, the longest that holds for it or anything in it. NULL: nothing does. */
const struct sb_retention *sb_retention_of(const struct sb_retention *list, size_t n, const char *place);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_heard.h - what the operations that were heard of say about the shape of the data: a $lookup on a hot path, data in two
 * collections that is always read together, searches by a regular expression without regard to case.
 *
 * Silent below SB_HEARD_OPERATIONS operations of a kind, and where the command was not kept. Only operations that were written
 * down count: slow ones, profiled ones, those that ran. No value of a document is told. Pure. Thread: the owner of the workload.
 */
#ifndef SIGNALBOX_AGENTS_SCHEMA_HEARD_H
#define SIGNALBOX_AGENTS_SCHEMA_HEARD_H

#include <signalbox/base/error.h>
#include <signalbox/model/evidence.h>
#include <signalbox/telemetry/workload.h>

#define SB_HEARD_OPERATIONS 50

struct sb_schema_heard {
    char *text; /* sentences; NULL: nothing is worth a word */
    struct sb_evidence *evidence;
    size_t evidence_n;
};

/* now: deployment time. w NULL: nobody listens, and there is nothing. Release it in any case. */
int sb_schema_heard(const struct sb_workload *w, const char *ns, int64_t now, struct sb_schema_heard *out, struct sb_err *err);
void sb_schema_heard_release(struct sb_schema_heard *h);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_depends.h - what depends on a field, or on a collection: indexes, the validator, views, what the applications ask and
 * write by what was heard of it, and which drivers they use.
 *
 * Of applications only what was written down is known: slow operations, profiled ones, those that run. Who uses a field only in
 * operations that are fast, or has not run since, is not among them, and the answer says so. No value of a document is in it.
 */
#ifndef SIGNALBOX_AGENTS_SCHEMA_DEPENDS_H
#define SIGNALBOX_AGENTS_SCHEMA_DEPENDS_H

#include <signalbox/agents/schema_read.h>
#include <signalbox/model/evidence.h>
#include <signalbox/mongo/server.h>
#include <signalbox/telemetry/workload.h>

#define SB_DEPENDS_SHAPES 12 /* that are told; the others are counted */

struct sb_depends {
    struct sb_evidence *item; /* one dependency each: what kind, and which */
    size_t n;
    struct sb_reads reads; /* also after a failure */
};

/* field NULL: the collection. now: deployment time. Adds what was heard of it. Pure. Thread: the owner of the workload. */
int sb_depends_heard(const struct sb_workload *w, const char *ns, const char *field, int64_t now, struct sb_depends *out, struct sb_err *err);

/* Adds what the servers hold. What one does not tell is an item of coverage "blind". Errors: SB_EINPUT, SB_ESERVER. Blocks. */
int sb_depends_read(const struct sb_server *server, const char *ns, const char *field, int64_t now, struct sb_depends *out, struct sb_err *err);

/* All of it as text; the caller frees it. NULL: out of memory. */
char *sb_depends_tell(const struct sb_depends *d, const char *ns, const char *field);
void sb_depends_release(struct sb_depends *d);

#endif

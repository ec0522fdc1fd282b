/* SPDX-License-Identifier: Apache-2.0
 *
 * envelope.h - a write that is logged twice counts once.
 *
 * mongod logs an update or delete that was slow as a WRITE on its namespace, and the command around it as a COMMAND on
 * `db.$cmd`, the envelope. Where the write itself was fast (the command waited for replication, say) only the envelope is
 * there, and it must not be lost. The two belong together when they come from the same connection (a connection does one
 * thing at a time), name the same collection and operation, and the write ended while the envelope's command ran. Logs
 * that were merged or sorted may have either first, so an envelope without a write is held back until its write shows
 * up, the owner settles it, or a later envelope of that connection takes its place.
 *
 * Memory is bounded: a table of 65,536 connections; what is pushed out of it is handed back to be counted. Thread: one
 * owner.
 */
#ifndef SIGNALBOX_TELEMETRY_ENVELOPE_H
#define SIGNALBOX_TELEMETRY_ENVELOPE_H

#include <signalbox/base/error.h>
#include <signalbox/formats/slowop.h>

struct sb_envelopes;

/* Called with an envelope whose write was not written down: kind and counts as logged, ns rewritten to "db.collection".
 * Its spans are valid during the call. -1 is passed on to the caller of what led here. */
typedef int (*sb_envelope_fn)(void *ctx, const struct sb_slow_op *op, struct sb_err *err);

struct sb_envelopes *sb_envelopes_new(sb_envelope_fn alone, void *ctx, struct sb_err *err);
void sb_envelopes_free(struct sb_envelopes *e);

/* Notes a write (an update or remove that is no envelope): drops the envelope that waited for it. */
void sb_envelopes_write(struct sb_envelopes *e, const struct sb_slow_op *op);

/* Takes an envelope: dropped when its write is known, else held. */
int sb_envelopes_take(struct sb_envelopes *e, const struct sb_slow_op *op, struct sb_err *err);

/* Hands back what is held and ended before before_ms. INT64_MAX: everything, and the writes are forgotten too. */
int sb_envelopes_settle(struct sb_envelopes *e, int64_t before_ms, struct sb_err *err);

#endif

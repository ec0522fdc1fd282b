/* SPDX-License-Identifier: Apache-2.0
 *
 * currentop.h - an operation that is still running, as $currentOp tells of it: the same struct that a log or a profile fills.
 *
 * How long it has run so far is its duration; what it examined and returned is not known before it ends. Only what a client waits
 * for counts: sessions and cursors that are idle, and the server's own threads, do not. Thread: any.
 */
#ifndef SIGNALBOX_FORMATS_CURRENTOP_H
#define SIGNALBOX_FORMATS_CURRENTOP_H

#include <bson/bson.h>
#include <signalbox/formats/slowop.h>

/* Fills `op` from the document, whose bytes its spans point into: false when it is no client's operation under way. at_ms: when
 * the server was asked. */
bool sb_current_op(const bson_t *doc, int64_t at_ms, struct sb_slow_op *op);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * profile.h - documents of system.profile, as BSON or as a line of JSON (plain, relaxed or canonical Extended JSON).
 *
 * A document counts as one of the profiler's when it has `op` and `ns` as strings and `ts` or `millis`. Commands that the
 * profiler wrote as {"$truncated": "..."} have command_truncated set and keep the name of the command; their shape is
 * unknown. Thread: any; the scratch has one owner.
 */
#ifndef SIGNALBOX_FORMATS_PROFILE_H
#define SIGNALBOX_FORMATS_PROFILE_H

#include <bson/bson.h>
#include <signalbox/formats/mongolog.h>

/* Fills `op` from the document, whose bytes its spans point into: false when it is not a profiler's document. */
bool sb_profile_bson(const bson_t *doc, struct sb_slow_op *op);

/* The same for len bytes that should be one BSON document. */
bool sb_profile_bson_data(const uint8_t *data, size_t len, struct sb_slow_op *op);

/* The same for JSON text, one document: SB_LOG_CUT when it ends too early. */
enum sb_log_status sb_profile_json(struct sb_scratch *scratch, const char *p, size_t n, struct sb_slow_op *op);

#endif

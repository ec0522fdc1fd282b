/* SPDX-License-Identifier: Apache-2.0
 *
 * text.h - BSON as text, in the two forms a server writes.
 *
 * The shell's form stands in error messages and plan summaries: { v: 2, key: { user_id: 1 }, name: "a" }. The log's form
 * is relaxed Extended JSON without blanks, in which a UUID is {"$uuid":"..."}; bytes that are not UTF-8 come out as
 * \ufffd, so that a line is always JSON. Nesting is bounded by what sim_valid lets in. Thread: any.
 */
#ifndef SIGNALBOX_SIM_TEXT_H
#define SIGNALBOX_SIM_TEXT_H

#include <signalbox/base/str.h>
#include <signalbox/sim/value.h>

void sim_shell_doc(struct sb_str *out, const uint8_t *doc);
void sim_shell_val(struct sb_str *out, struct sim_val v);

void sim_json_doc(struct sb_str *out, const uint8_t *doc);
void sim_json_val(struct sb_str *out, struct sim_val v);
void sim_json_text(struct sb_str *out, const char *text, size_t n); /* with the quotes */

/* 36 characters and a NUL. */
void sim_uuid_text(char out[37], const uint8_t uuid[16]);

#endif

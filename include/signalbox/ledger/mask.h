/* SPDX-License-Identifier: Apache-2.0
 *
 * mask.h - values that must not stand in a record, replaced before it is hashed.
 *
 * What is to be masked is named by the fields' names: patterns with * and ?, compared with each key without regard to case,
 * at any depth. A value under such a key becomes "masked:" and 32 hexadecimal digits: of an HMAC-SHA-256, keyed with a salt
 * that is kept in the file mask-salt beside the ledger (mode 0600, made at first use), over the value's canonical form. The
 * same value has the same digest, so that equality can be shown, and whoever has the salt can show that a digest is of a
 * value; nobody else can try values out. Texts that hold JSON (a command, a reply) are looked into as well: canonical or
 * relaxed Extended JSON is masked and written again; of a text that is no JSON only the key is masked that a server says is there
 * twice ("dup key: { email: ... }"). Operators stay readable:
 * {"email": {"$in": ["a", "b"]}} keeps its shape, and each constant is masked by itself.
 *
 * Thread: a mask is constant after it was opened.
 */
#ifndef SIGNALBOX_LEDGER_MASK_H
#define SIGNALBOX_LEDGER_MASK_H

#include <jansson.h>
#include <signalbox/base/error.h>
#include <signalbox/base/str.h>
#include <stdbool.h>

#define SB_MASK_PREFIX "masked:"
#define SB_MASK_LEN 39 /* the prefix and 32 digits */

struct sb_mask;

/* dir: the ledger's folder. patterns are copied; none of them: nothing is ever masked, and no salt is made. NULL on error. */
struct sb_mask *sb_mask_open(const char *dir, const char *const *patterns, size_t n, struct sb_err *err);
void sb_mask_close(struct sb_mask *m); /* NULL is fine */

/* What a value becomes; deterministic for one salt. */
int sb_mask_digest(const struct sb_mask *m, const json_t *value, char out[SB_MASK_LEN + 1], struct sb_err *err);

/* Masks the body of an entry in place; where something was masked the member "masked" lists the JSON pointers (RFC 6901), in
 * the order they were come by; a pointer into a text that holds JSON goes on behind the text's own. NULL mask: nothing is
 * done. -1: the body must not be recorded, for it may be half masked. */
int sb_mask_body(const struct sb_mask *m, json_t *body, struct sb_err *err) SB_MUST_USE;

/* The same for a text of JSON by itself: appends it masked, or as it was when nothing is in it to be masked. */
int sb_mask_text(const struct sb_mask *m, const char *text, struct sb_str *out, struct sb_err *err) SB_MUST_USE;

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * json.h - strict reading and canonical writing of JSON.
 *
 * Reading (jansson): duplicate keys, NUL characters, depth over SB_JSON_MAX_DEPTH and input over the caller's limit are
 * errors; the message carries path:line:column.
 *
 * Writing: the profile "JCS-int", a subset of RFC 8785 that every JCS implementation reproduces byte for byte: no white
 * space, keys sorted by UTF-16 code units, lower-case \u00xx, integers only and only within +-(2^53-1). A real number in
 * the tree is an error, because no two languages print it alike. Thread: any.
 */
#ifndef SIGNALBOX_BASE_JSON_H
#define SIGNALBOX_BASE_JSON_H

#include <jansson.h>
#include <signalbox/base/error.h>
#include <signalbox/base/str.h>

#define SB_JSON_MAX_DEPTH 32
#define SB_JSON_MAX_INT INT64_C(9007199254740991)

enum sb_json_flags {
    SB_JSON_STRICT = 0,
    SB_JSON_ALLOW_REAL = 1, /* input of others (a log, a manifest) may hold reals; ours may not */
};

/* Parses one document that must fill the whole input. `path` names the source in messages. New reference or NULL. */
json_t *sb_json_parse(const char *text, size_t len, const char *path, unsigned flags, struct sb_err *err);

/* Reads a file of at most max bytes and parses it. */
json_t *sb_json_load(const char *path, size_t max, unsigned flags, struct sb_err *err);

/* Appends the canonical form. 0, or -1 with nothing promised about out's tail. */
int sb_json_canonical(struct sb_str *out, const json_t *value, struct sb_err *err);

/* Appends a string literal in canonical form, quotes included; bytes must be UTF-8. */
int sb_json_string(struct sb_str *out, const char *bytes, size_t n, struct sb_err *err);

/* Field access that never fails loudly: NULL, 0 or false where the key is absent or of another type. Borrowed. */
const char *sb_json_str(const json_t *object, const char *key);
int64_t sb_json_int(const json_t *object, const char *key);

/* Bytes of outside as a string: what is no UTF-8, and a NUL, becomes U+FFFD. New, or NULL out of memory. */
json_t *sb_json_of_bytes(const char *bytes, size_t n);

/* Follows a dotted path of object keys ("action.index.name"); NULL where it ends early. Borrowed. */
json_t *sb_json_path(json_t *object, const char *path);

#endif

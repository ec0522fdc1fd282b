/* SPDX-License-Identifier: Apache-2.0
 *
 * key.h - index keys as byte strings whose memcmp order is MongoDB's order of values.
 *
 * A key is its fields one behind the other, each self-delimiting, then SIM_KEY_END and the record id (6 bytes, big
 * endian). A field is a type byte in the order of sim_rank and a body; a descending field has all its bytes inverted.
 * Type bytes lie in 0x10..0xf0, so that a prefix sorts before everything that begins with it and prefix + 0xff after.
 * The idea is MongoDB's own KeyString; the encoding is not. Numbers: the nearest double, then the difference to it, so
 * that int, long, double and decimal of one value are one key. Thread: any.
 */
#ifndef SIGNALBOX_SIM_KEY_H
#define SIGNALBOX_SIM_KEY_H

#include <signalbox/base/str.h>
#include <signalbox/sim/value.h>

#define SIM_KEY_END 0x04
#define SIM_KEY_AFTER 0xff
#define SIM_RID_BYTES 6

/* Appends one field. A missing value is written as null, as an index does. */
void sim_key_field(struct sb_str *out, struct sim_val v, bool descending);

/* What a hashed index holds instead of the value: the first half of an MD5, as the server computes it. A missing value is
 * hashed as null. */
int64_t sim_hash_val(struct sim_val v);

/* Bytes of the field that starts at p (trusted, and followed by another field or SIM_KEY_END). */
size_t sim_key_field_size(const uint8_t *p, bool descending);

void sim_key_put_rid(uint8_t to[1 + SIM_RID_BYTES], uint64_t rid); /* SIM_KEY_END and the id */
uint64_t sim_key_rid_of(const uint8_t *key, size_t n);

/* Inverts bytes in place: a descending field into an ascending one and back. */
void sim_key_flip(uint8_t *p, size_t n);

#endif

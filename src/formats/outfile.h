/* SPDX-License-Identifier: Apache-2.0
 *
 * outfile.h (private) - a file as a dump writes it: in chunks, sealed with a key or not, with the SHA-256 of its bytes as they lie on
 * the disk.
 *
 * Memory: two chunks. The descriptor stays the caller's, and is not synced here. Thread: one owner.
 */
#ifndef SIGNALBOX_SRC_FORMATS_OUTFILE_H
#define SIGNALBOX_SRC_FORMATS_OUTFILE_H

#include <signalbox/base/error.h>
#include <signalbox/base/hash.h>
#include <signalbox/base/seal.h>

struct sb_outfile;

/* name: for messages, copied. key NULL: it is not sealed. digest: its SHA-256 is wanted. */
struct sb_outfile *sb_outfile_new(int fd, const char *name, const struct sb_seal_key *key, bool digest, struct sb_err *err);
void sb_outfile_free(struct sb_outfile *f); /* NULL is fine */

const char *sb_outfile_name(const struct sb_outfile *f);

int sb_outfile_add(struct sb_outfile *f, const void *p, size_t n, struct sb_err *err);

/* The last chunk; then the digest of the file's bytes (NULL where none is wanted), and how many they are. */
int sb_outfile_end(struct sb_outfile *f, struct sb_hash *hash, uint64_t *bytes, struct sb_err *err);

#endif

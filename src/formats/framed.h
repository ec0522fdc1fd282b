/* SPDX-License-Identifier: Apache-2.0
 *
 * framed.h (private) - the framing format of snappy, and of S2 (klauspost/compress), which is snappy with larger blocks and
 * "repeat" copies. Every chunk of data carries the CRC-32C of what it unpacks to.
 *
 * Memory: two buffers of SB_FRAMED_BLOCK and a little, whatever the input says. Thread: one owner.
 */
#ifndef SIGNALBOX_SRC_FORMATS_FRAMED_H
#define SIGNALBOX_SRC_FORMATS_FRAMED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SB_FRAMED_BLOCK ((size_t)4 << 20)
#define SB_FRAMED_HEADER 10 /* the chunk with which every stream begins */

/* Do these bytes begin such a stream? */
bool sb_framed_begins(const unsigned char *p, size_t n);

struct sb_framed;

struct sb_framed *sb_framed_new(void); /* NULL: out of memory */
void sb_framed_free(struct sb_framed *f);

/* Takes packed bytes, *used of them, until a block is unpacked: 1 with the block, which is valid until the next call; 0 when
 * all n were taken and more are needed; -1 when what comes cannot be right (*what is why). */
int sb_framed_feed(struct sb_framed *f, const unsigned char *p, size_t n, size_t *used, const unsigned char **block, size_t *block_n,
                   const char **what);

/* True where the stream may end: between two chunks. */
bool sb_framed_whole(const struct sb_framed *f);

#endif

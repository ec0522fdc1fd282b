/* SPDX-License-Identifier: Apache-2.0
 *
 * sha256_pair.h - SHA-256 of many small messages, two of them at once, where the processor has instructions for it.
 *
 * One message alone leaves such a processor waiting for its own last round half of the time; two that do not depend on each
 * other fill the gaps. libcrypto does so on the inside only. tests/base compares the two at every length.
 */
#ifndef SIGNALBOX_SRC_BASE_SHA256_PAIR_H
#define SIGNALBOX_SRC_BASE_SHA256_PAIR_H

#include <signalbox/base/hash.h>

/* Has this processor what it takes? */
bool sb_sha256_pair_able(void);

/* The digests of n messages; to be called only where it is able. */
void sb_sha256_pair(struct sb_hash *out, const struct sb_slice *message, size_t n);

#endif

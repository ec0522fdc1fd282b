/* SPDX-License-Identifier: Apache-2.0
 *
 * reply_check.h - whether bytes from a server are one well-formed reply, before the driver sees them.
 *
 * libmongoc 1.23.1 trusts a reply more than this program can: a document without its closing zero byte ends the process in
 * bson_copy_to, and a length that cannot be aborts it. So every reply passes here first (see checked_stream.c).
 * The formats: MongoDB wire protocol (OP_MSG 2013 with one section of kind 0 and an optional checksum; OP_REPLY 1, the
 * answer to the legacy hello) and BSON 1.1. Compressed messages are refused: no compressor is ever agreed upon.
 * Pure functions; any thread.
 */
#ifndef SIGNALBOX_MONGO_REPLY_CHECK_H
#define SIGNALBOX_MONGO_REPLY_CHECK_H

#include <stddef.h>
#include <stdint.h>

#define SB_REPLY_HEAD 16
#define SB_REPLY_MAX 48000000 /* what a server of any version sends at most (maxMessageSizeBytes) */
#define SB_REPLY_DEPTH 250    /* documents in documents; servers stop at 200, and wrap what they store in a few more */

/* NULL when the 16 bytes of a message's header can begin a reply, and *total is then the length of the whole message in
 * bytes, the header included. Otherwise what is wrong, as a phrase. */
const char *sb_reply_check_head(const uint8_t head[SB_REPLY_HEAD], size_t *total);

/* NULL when these n bytes, header included, are a reply whose documents are well formed to their last byte; else what is
 * wrong, as a phrase. */
const char *sb_reply_check(const uint8_t *msg, size_t n);

#endif

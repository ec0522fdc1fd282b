/* SPDX-License-Identifier: Apache-2.0
 *
 * bsoncheck.h - would a server take these bytes as a document? Stricter than bsonscan.h, which asks only whether they can be walked.
 *
 * Checked is what a server checks before it takes a document: every length within the one around it, every terminator in its
 * place, known types only, booleans of 0 and 1, at most SB_BSON_SERVER_DEPTH documents within one another. Text that is not
 * UTF-8 is told apart: old drivers wrote such text, and it can be restored. Values are not judged. No memory is taken.
 * Thread: any; pure.
 */
#ifndef SIGNALBOX_FORMATS_BSONCHECK_H
#define SIGNALBOX_FORMATS_BSONCHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SB_BSON_MIN 5
#define SB_BSON_MAX (((size_t)16 << 20) + (16 << 10)) /* what a server lets pass: 16 MiB, and 16 KiB for what it adds itself */
#define SB_BSON_SERVER_DEPTH 200

struct sb_bson_look {
    const char *fault; /* what is wrong, to follow "a document": "with a string that runs over its end"; NULL: nothing */
    size_t at;         /* the byte of the document where that is */
    bool has_id;       /* there is an _id at the top */
    bool not_utf8;     /* some name or text is not UTF-8 */
};

/* The length that stands at p (4 bytes). */
static inline int32_t sb_bson_length(const unsigned char *p)
{
    return (int32_t)((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
}

/* Looks through the n bytes of a document, whose length word says n. True: it is whole. */
bool sb_bson_whole(const unsigned char *p, size_t n, struct sb_bson_look *look);

#endif

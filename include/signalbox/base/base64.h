/* SPDX-License-Identifier: Apache-2.0
 *
 * base64.h - the standard alphabet of RFC 4648, section 4, with padding; one spelling for each sequence of bytes.
 *
 * Thread: any; pure.
 */
#ifndef SIGNALBOX_BASE_BASE64_H
#define SIGNALBOX_BASE_BASE64_H

#include <signalbox/base/str.h>

/* Appends the text, on one line. */
void sb_base64_encode(struct sb_str *out, const void *bytes, size_t n);

/* Appends the bytes: 0, or -1 when the text is not what sb_base64_encode writes (blanks and line ends included) or memory
 * runs out. */
int sb_base64_decode(struct sb_str *out, const char *text, size_t n);

#endif

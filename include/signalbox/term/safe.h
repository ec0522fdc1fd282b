/* SPDX-License-Identifier: Apache-2.0
 *
 * safe.h - text that may be painted.
 *
 * Painters take struct sb_safe and nothing else, and only term/ makes one: from a page (term/page.h), whose text passed
 * the sanitizer when it was added, or from a literal of our own. `make layers` refuses a struct sb_safe that is filled in
 * anywhere else, so a raw string cannot be painted. The cell writer reads it as clusters once more all the same.
 */
#ifndef SIGNALBOX_TERM_SAFE_H
#define SIGNALBOX_TERM_SAFE_H

#include <stddef.h>

struct sb_safe {
    const char *p; /* printable UTF-8, not NUL-terminated */
    size_t n;
    int width;     /* cells */
};

/* A string literal of printable ASCII. */
#define SB_SAFE(literal) ((struct sb_safe){"" literal "", sizeof(literal) - 1, sizeof(literal) - 1})

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to tui/: the veil of a shown screen. Every text that comes in is rewritten before anything keeps it, so that no view,
 * copy, picture or file of this console can show what it never held.
 *
 * Names and values become pseudonyms, the same one for the same word as long as the veil lives; words that the program says
 * itself stay, and of other numbers the first two digits. What a record names as a name (a collection, a field, a member, a
 * person) is veiled everywhere from then on, also where the same word is one of the program's. Ids of cards and cases, and
 * hashes where a record has one, stay: minutes are about them. Thread: one owner. */
#ifndef SIGNALBOX_SRC_TUI_VEIL_H
#define SIGNALBOX_SRC_TUI_VEIL_H

#include <signalbox/model/message.h>

#define VEIL_KEY 16

struct veil;

/* key: VEIL_KEY bytes that nobody can guess, else a pseudonym could be looked up. NULL out of memory. */
struct veil *veil_new(const unsigned char *key);
void veil_free(struct veil *v); /* NULL is fine */

/* Rewrites all texts of a message. -1: it could not be, and must not be shown. year: the present one, which is no secret. */
int veil_message(struct veil *v, struct sb_message *m, int year) SB_MUST_USE;

/* One text in which every word is a name. NULL out of memory. */
char *veil_name(struct veil *v, const char *text) SB_MUST_USE;

#endif

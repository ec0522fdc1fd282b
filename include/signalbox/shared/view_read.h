/* SPDX-License-Identifier: Apache-2.0
 *
 * view_read.h - one document of the store each, from bytes that anybody may have put there.
 *
 * NULL: out is the row, whose texts are the document's own, UTF-8 and within their bounds; numbers are not below zero. Otherwise what is wrong
 * with the document, and out is not to be used. Thread: any; pure.
 */
#ifndef SIGNALBOX_SHARED_VIEW_READ_H
#define SIGNALBOX_SHARED_VIEW_READ_H

#include <signalbox/shared/view.h>

#define SB_STORE_ITEM_ID 64 /* bytes of the name of a card or an incident */

const char *sb_store_host_read(const bson_t *doc, struct sb_store_host_row *out);
const char *sb_store_checkpoint_read(const bson_t *doc, struct sb_store_checkpoint_row *out);
const char *sb_store_item_read(const bson_t *doc, bool card, struct sb_store_item_row *out); /* card: or else an incident */
const char *sb_store_entry_read(const bson_t *doc, struct sb_store_entry_row *out);          /* n is below INT64_MAX */

/* All copied into an empty one, which is the caller's to release in any case. 1: it says what an approval has to say; 0: it does not; -1 out of memory. */
int sb_store_approval_take(const bson_t *doc, struct sb_store_approval *a);

/* Counts a document that is none of its collection, and names the first; whatever it holds, what is named is UTF-8. odd NULL: nothing. */
void sb_store_odd_add(struct sb_store_odd *odd, const char *coll, const bson_t *doc, const char *what);

#endif

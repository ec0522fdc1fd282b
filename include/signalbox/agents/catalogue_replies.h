/* SPDX-License-Identifier: Apache-2.0
 *
 * catalogue_replies.h - a catalogue from replies that somebody recorded, where no deployment is asked.
 *
 * One document of (Extended) JSON a line: the reply of listIndexes, of an aggregation that begins with $indexStats (one of
 * each member), of collStats or of listCollections; either as it is, or as the member "reply" of a document that has the
 * command's database in "db". What else stands there is passed over. Errors: -1 out of memory, or a line that is no document.
 * Thread: one owner at a time.
 */
#ifndef SIGNALBOX_AGENTS_CATALOGUE_REPLIES_H
#define SIGNALBOX_AGENTS_CATALOGUE_REPLIES_H

#include <signalbox/agents/catalogue.h>

struct sb_catalogue_replies {
    struct sb_catalogue *items;
    size_t items_n;
    int64_t at_ms; /* the newest of the replies that say when; 0: none does */
};

int sb_catalogue_replies_take(struct sb_catalogue_replies *r, const char *line, size_t n, struct sb_err *err);

/* After the last line: every member that counted anything is one of the set. */
void sb_catalogue_replies_end(struct sb_catalogue_replies *r);
void sb_catalogue_replies_release(struct sb_catalogue_replies *r);

#endif

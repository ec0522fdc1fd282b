/* SPDX-License-Identifier: Apache-2.0
 *
 * index_asked.h - the index that a request writes out: its key, and what the words beside it say of its options.
 *
 * "create a unique index on shop.users {email: 1}", "... {status: 1} where {status: 'open'}", "... expire after 30 days", "hidden",
 * "sparse", and the shell's own createIndex({email: 1}, {unique: true}). A word that is denied ("not unique"), stands in quotation
 * marks or in a document, or is a name ("named unique") says nothing. What the server would refuse whatever the collection holds
 * (sparse beside a filter, a filter's operator, an expiry out of bounds) is refused here, in words. Thread: none.
 */
#ifndef SIGNALBOX_AGENTS_INDEX_ASKED_H
#define SIGNALBOX_AGENTS_INDEX_ASKED_H

#include <signalbox/base/error.h>
#include <stddef.h>

struct sb_index_asked {
    char *key;     /* canonical Extended JSON, as sb_index_key_read gives it; NULL: none is written out */
    char *options; /* canonical Extended JSON, in the order in which a card has them; NULL: the request says none */
    char *name;    /* of a name in the shell's options; NULL: none */
};

/* -1: it is written in a way that cannot be read, or that no server takes; err says which. Release it also then. */
int sb_index_asked_read(const char *request, struct sb_index_asked *out, struct sb_err *err);
void sb_index_asked_release(struct sb_index_asked *a);

/* What a document in a request, {...} from the byte `from`, is there for. */
enum sb_index_document { SB_INDEX_DOCUMENT_KEY, SB_INDEX_DOCUMENT_FILTER, SB_INDEX_DOCUMENT_OPTIONS };
enum sb_index_document sb_index_document_of(const char *request, size_t from);

#endif

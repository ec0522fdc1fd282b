/* SPDX-License-Identifier: Apache-2.0
 *
 * docs.h (private) - the documents of one collection, or of an oplog, as they go by: checked, counted, added up.
 *
 * Of the faults of one stream the first is told with its place, the others are counted. Thread: one owner.
 */
#ifndef SIGNALBOX_SRC_FORMATS_DOCS_H
#define SIGNALBOX_SRC_FORMATS_DOCS_H

#include "window.h"

struct sb_docs {
    struct sb_backup *b;
    char *file, *ns;
    bool oplog;     /* entries of an oplog: its time, kind and namespace in each, in order */
    bool every_entry; /* nothing was left out of the oplog when it was written: holes can be told */
    uint64_t documents, bytes, bad, no_id, not_utf8, unordered, shapeless;
    bool with_crc;
    uint64_t crc;   /* of what went by, where it is asked for */
    uint64_t first, last; /* of the oplog */
    uint64_t *seen; /* times of the newest entries, in order */
    size_t seen_n, seen_cap;
    uint64_t sum[4];
};

/* Copies both texts; ns NULL: an oplog. False: out of memory. */
bool sb_docs_init(struct sb_docs *d, struct sb_backup *b, const char *file, const char *ns);
void sb_docs_release(struct sb_docs *d);

/* One document of n bytes, as its length says, at this byte of the file. */
void sb_docs_take(struct sb_docs *d, const unsigned char *p, size_t n, uint64_t at);

/* Reads documents until the end. False: what is there is damaged (told), and the rest was not read. */
bool sb_docs_read(struct sb_docs *d, struct sb_window *w);

/* Tells what was counted, and adds it to the collection or to the backup's oplog. */
void sb_docs_end(struct sb_docs *d);

#endif
